"""What can go wrong between us and an image registry.

The pod is known to need its image's command, so it is refused with these words and never let through as it is. They
name the image, the registry and the Secrets that were tried, and hold nothing that a server said but its status, and
the host that it would have sent us on to.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import Error


class RegistryError(Error):
    """An image that could not be looked into."""


class Denied(RegistryError):
    """The registry does not show the image to these credentials; another one may be let in.

    `status` is that of its answer: 401, 403, or 404, because some say so of what one may not see.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(RegistryError):
    """No answer came. `speaks_no_tls` tells that something answered, and not with TLS."""

    def __init__(self, message: str, *, speaks_no_tls: bool = False) -> None:
        super().__init__(message)
        self.speaks_no_tls = speaks_no_tls
