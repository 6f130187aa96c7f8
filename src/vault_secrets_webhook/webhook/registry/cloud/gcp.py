"""Artifact Registry of Google, and the names of Container Registry: the password is an access token.

The metadata server gives that of the webhook's ServiceAccount, or of the machine:
https://cloud.google.com/compute/docs/access/authenticate-workloads#applications, and how it is shown:
https://cloud.google.com/artifact-registry/docs/docker/authentication#token. Pull secrets with `_json_key` need nothing
of this: they are a user and password as any other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from yarl import URL

from vault_secrets_webhook.webhook.cache import Fresh
from vault_secrets_webhook.webhook.registry.credentials import Credential, is_token
from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.transport import Request

from .provider import ask, decode, limit_life

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.registry.transport import Transport

FLAVOR = "Metadata-Flavor"
GOOGLE = "Google"
METADATA_URL = URL("http://metadata.google.internal")
TOKEN = "computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - a path
PEER = "metadata server of Google"
ADVICE = "the webhook's ServiceAccount needs a Google one that may read Artifact Registry"
USER = "oauth2accesstoken"


class AccessToken(msgspec.Struct):
    """The answer."""

    access_token: str
    expires_in: float = 0.0


_access_tokens = msgspec.json.Decoder(AccessToken)


class Gcp:
    """A `Provider`. `metadata` replaces the address of Google's server (for tests)."""

    source = "the webhook's identity at Google Cloud"
    hosts = re.compile(r"([a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+\.pkg\.dev")

    def __init__(self, transport: Transport, metadata: URL = METADATA_URL) -> None:
        self.transport = transport
        self.metadata = metadata

    def scope(self, host: re.Match[str]) -> str:  # noqa: ARG002 - it is the same for all
        """Tell what a token is good for: all registries that the identity may read."""
        return ""

    async def get(self, host: re.Match[str]) -> Fresh[Credential]:  # noqa: ARG002
        """Get a token. Raises RegistryError."""
        request = Request("GET", self.metadata.joinpath(TOKEN), {FLAVOR: GOOGLE}, peer=PEER, is_direct=True)
        answer = await ask(self.transport, request, ADVICE)
        if answer.headers.get(FLAVOR) != GOOGLE:  # as Google says, so that nobody else is taken for it
            raise RegistryError(f"{request.whom()} is not Google's")
        token = decode(_access_tokens, answer, request)
        if not is_token(token.access_token):
            raise RegistryError(f"{request.whom()} gave no token")
        return Fresh(Credential(self.source, USER, token.access_token, is_bound=True), limit_life(token.expires_in))
