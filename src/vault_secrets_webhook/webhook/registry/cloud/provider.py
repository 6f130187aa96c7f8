"""What the clouds have in common: who is asked for what, and how it is told when that fails.

Their services are asked without a proxy where they are this machine's own, redirects lead nowhere else, and of what
they answer a message holds no more than the status.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from vault_secrets_webhook.webhook.registry.access import OK
from vault_secrets_webhook.webhook.registry.errors import RegistryError

if TYPE_CHECKING:
    import re

    from vault_secrets_webhook.webhook.cache import Fresh
    from vault_secrets_webhook.webhook.registry.credentials import Credential
    from vault_secrets_webhook.webhook.registry.transport import Answer, Request, Transport

LIFE_SHARE = 0.8
LONGEST_LIFE = 1800.0  # seconds; an identity that lost its rights is not used for longer
LARGEST_TOKEN_FILE = 64 * 1024
Kind = TypeVar("Kind")


class Provider(Protocol):
    """A cloud: which registries are its own, as in names of images, and how one gets in there.

    `source` is how messages name its credentials.
    """

    source: str
    hosts: re.Pattern[str]

    def scope(self, host: re.Match[str]) -> str:
        """Tell what a credential for this host is good for: hosts with the same scope share it."""

    async def get(self, host: re.Match[str]) -> Fresh[Credential]:
        """Get a credential for a host. Raises RegistryError."""


async def ask(transport: Transport, request: Request, advice: str) -> Answer:
    """Ask a service of a cloud. Raises RegistryError, which gives the advice when it answers with an error."""
    answer = await transport.send(request._replace(stays=True))
    if answer.status != OK:
        raise RegistryError(f"{request.whom()} answered with an error ({answer.status}): {advice}")
    return answer


def decode(decoder: msgspec.json.Decoder[Kind], answer: Answer, request: Request) -> Kind:
    """Decode what a service answered. Raises RegistryError."""
    try:
        return decoder.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RegistryError(
            f"{request.whom()} did not answer as it is documented; is there a proxy in between?"
        ) from None


def read_token_file(variable: str, path: str) -> str:
    """Read a token that is kept in a file, and replaced there now and then. Raises RegistryError."""
    try:
        with Path(path).open("rb") as file:
            token = file.read(LARGEST_TOKEN_FILE).decode("ascii").strip()
    except (OSError, ValueError):
        token = ""
    if not token or not token.isprintable():
        raise RegistryError(f"no token can be read from the file that {variable} of the webhook names")
    return token


def limit_life(seconds: float) -> float:
    """Choose for how long to keep what ends after so many seconds."""
    return min(max(0.0, seconds) * LIFE_SHARE, LONGEST_LIFE)
