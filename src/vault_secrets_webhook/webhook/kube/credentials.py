"""Who we are to the Kubernetes API, in each of the ways that a kubeconfig or a pod's ServiceAccount offers.

All credentials here expire or may be replaced while we run, so they are asked for before each request, and told when
the API server did not accept what they gave. Their values never leave `Access` and show in no message.
"""

from __future__ import annotations

import base64
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import KubernetesError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

# As client-go: a projected token is replaced by the kubelet when 80% of its life is over, and may be read once a minute.
TOKEN_FILE_SECONDS = 60.0


class Access:
    """What a request needs to be let in: header fields, and a TLS context if there is a client certificate in it."""

    __slots__ = ("context", "headers")

    def __init__(self, headers: Mapping[str, str], context: ssl.SSLContext | None = None) -> None:
        self.headers = headers
        self.context = context

    def __repr__(self) -> str:
        return "Access(...)"  # a token must not get into a log by way of repr()


class Credentials(Protocol):
    """A source of access."""

    async def access(self) -> Access:
        """Give what to send now. Raises KubernetesError."""

    async def renew(self, refused: Access) -> bool:
        """Take note that the API server did not accept `refused`; tells whether asking again may help.

        Raises KubernetesError.
        """


class FixedCredentials:
    """Access that stays the same: a token, a user name with password, a client certificate, or nothing at all."""

    def __init__(self, access: Access) -> None:
        self.fixed = access

    async def access(self) -> Access:
        """Give the access."""
        return self.fixed

    async def renew(self, refused: Access) -> bool:  # noqa: ARG002 - the protocol's
        """Tell that there is nothing else to try."""
        return False


class TokenFile:
    """A token in a file that somebody else replaces, the kubelet for one.

    Read again after a minute, and when it was not accepted.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.clock = clock
        self.read_at = 0.0
        self.known: Access | None = None

    async def access(self) -> Access:
        """Give the token, at most a minute old."""
        if self.known is None:
            self.known = self.read()
        elif self.clock() - self.read_at > TOKEN_FILE_SECONDS:
            with contextlib.suppress(KubernetesError):  # the one at hand is good until it is refused
                self.known = self.read()
        return self.known

    async def renew(self, refused: Access) -> bool:
        """Read the file again; tells whether the token is another one."""
        self.known = self.read()
        return self.known.headers != refused.headers

    def read(self) -> Access:
        """Read the token. Raises KubernetesError that names the file."""
        try:
            text = Path(self.name).read_text("ascii")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it holds no token"
            raise KubernetesError(
                f"the token for the Kubernetes API cannot be read from {self.name}: {reason}"
            ) from None
        self.read_at = self.clock()
        return bearer(text, f"the token in {self.name}")


def bearer(token: str, source: str) -> Access:
    """Make access from a bearer token. Raises KubernetesError when the text cannot be one (RFC 6750, section 2.1)."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise KubernetesError(f"{source} is empty or has characters that no token has")
    return Access({"Authorization": f"Bearer {token}"})


def basic(user: str, password: str) -> Access:
    """Make access from a user name and a password (RFC 7617)."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Access({"Authorization": f"Basic {pair}"})
