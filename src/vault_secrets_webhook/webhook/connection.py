"""Connections of the server, with what aiohttp lacks: deadlines for headers and for answers, errors that echo nothing.

The time counts from the first byte of a header. A connection that sends nothing at all may stay as long as an idle
one: Go's HTTP client, which is the API server's, opens connections ahead, and takes one that is closed before its
first request for a failed call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Reject: TypeAlias = Callable[[int, BaseException | None], web.Response]

REQUEST_TIMEOUT = 408


class Connection(web.RequestHandler):
    """One connection.

    `header_since` is the loop's time when the header at hand began, `unread_since` that since when the peer does not
    take all that was written; 0.0 for never.
    """

    __slots__ = ("clock", "header_since", "is_answering", "reject", "unread_since")

    def __init__(self, server: web.Server, reject: Reject, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(server, loop=loop, **options)
        self.reject = reject
        self.clock = loop.time
        self.header_since = 0.0
        self.unread_since = 0.0
        self.is_answering = False

    def data_received(self, data: bytes) -> None:
        """Note when a header begins. aiohttp itself calls this without data to go on after a pause."""
        if data and not self.is_answering and self.header_since == 0.0:
            self.header_since = self.clock()
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """Answer what is not HTTP, and what nobody else has answered."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        return self.reject(status, exc)

    def begin_answer(self) -> None:
        """Note that the header has arrived."""
        self.header_since = 0.0
        self.is_answering = True

    def end_answer(self) -> None:
        """Note that what arrives next is another header."""
        self.is_answering = False

    def is_late(self, now: float, limit: float) -> bool:
        """Tell whether a header began more than `limit` seconds ago and is not complete."""
        return self.header_since != 0.0 and now - self.header_since > limit

    def is_unread(self, now: float, limit: float) -> bool:
        """Tell whether an answer waits for its reader since more than `limit` seconds; to be asked again and again."""
        if self.transport is None or not self.transport.get_write_buffer_size():
            self.unread_since = 0.0
            return False
        self.unread_since = self.unread_since or now
        return now - self.unread_since > limit

    def give_up(self) -> None:
        """Answer that the request took too long, and close."""
        if self.transport is not None:
            self.transport.write(format_last_answer(self.reject(REQUEST_TIMEOUT, None)))
        self.force_close()


def format_last_answer(response: web.Response) -> bytes:
    """Write an answer to what never became a request, and so has no writer."""
    body = response.body if isinstance(response.body, bytes) else b""
    header = {**response.headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {response.status} {response.reason}", *(f"{name}: {value}" for name, value in header.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def make_factory(server: web.Server, reject: Reject, **options: Any) -> Callable[[], Connection]:
    """Make what makes the connections of a server.

    `reject` answers in place of aiohttp's own error pages; `options` are those of aiohttp's RequestHandler.
    """
    loop = asyncio.get_running_loop()
    return lambda: Connection(server, reject, loop=loop, **options)


async def close_late_connections(server: web.Server, header: float, answer: float, interval: float) -> None:
    """Close connections whose header is not complete, or whose answer is not taken, after so many seconds.

    Looks every `interval` seconds. An answer that nobody reads would stay in memory as long as its reader likes. (Over
    TLS the event loop takes it all at once, and gives up by itself some time after the connection was closed as idle.)
    """
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(interval)
        now = clock()
        for connection in server.connections:
            if not isinstance(connection, Connection):
                continue
            if connection.is_late(now, header):
                connection.give_up()
            elif connection.is_unread(now, answer) and connection.transport is not None:
                connection.transport.abort()
