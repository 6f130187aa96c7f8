"""A tiny API server: it gives the answers it was told to give, in order, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Mapping

HTML = b"<html><body>Welcome to the proxy</body></html>"


class Asked(NamedTuple):
    """A request that came in. `peer` is the client's certificate as `getpeercert` gives it, None without."""

    method: str
    path: str
    headers: Mapping[str, str]
    peer: object
    body: bytes


class Given(NamedTuple):
    """An answer. `cuts` closes the connection in the middle of it, `hangs` never gives it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    cuts: bool = False
    hangs: bool = False


class FakeApiServer:
    """Answers come from `answers`, the last one for ever, or from `choose` if that is set."""

    def __init__(self, *answers: Given) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.choose: Callable[[Asked], Given] | None = None
        self.url = ""
        self.ending = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        body = await request.read()
        peer = transport.get_extra_info("peercert")
        asked = Asked(request.method, request.raw_path, request.headers, peer, body)
        self.asked.append(asked)
        given = self.choose(asked) if self.choose else self.next_answer()
        if given.hangs:
            await self.ending.wait()
        if given.cuts:
            transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            transport.close()
        headers = {"Content-Type": "application/json", **given.headers}
        return web.Response(status=given.status, body=given.body, headers=headers)

    def next_answer(self) -> Given:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextlib.asynccontextmanager
async def fake_api_server(*answers: Given, context: ssl.SSLContext | None = None) -> AsyncIterator[FakeApiServer]:
    """Run one on loopback, over TLS when a context is given."""
    fake = FakeApiServer(*answers)
    server = web.Server(fake.answer, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    fake.url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
    try:
        yield fake
    finally:
        fake.ending.set()
        listening.close()
        await server.shutdown(1.0)
        await listening.wait_closed()
