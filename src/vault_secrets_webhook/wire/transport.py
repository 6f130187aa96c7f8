"""What the Vault client needs of a network: one call. Sockets, aiohttp or a function in a test provide it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .message import Request, Response

    class Transport(Protocol):
        """Anything that sends a request and returns the whole response."""

        def send(self, request: Request, timeout: float) -> Response:
            """Send within `timeout` seconds. Raises `errors.Unreachable` when no whole response came.

            May be called from several threads at once.
            """
