"""Many hosts in one server of this process, each by its own name, and a resolver that finds them.

So what is tested asks for the real names, over TLS with a certificate for them, and whoever is asked is noted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.fakes.registry import FakeRegistry, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.fakes.certificates import Authority


class Asked(NamedTuple):
    """A request as it came; `form` is that of its body."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes


class FakeHosts(AbstractResolver):
    """`answers` say by `METHOD host/path` what a host answers, `registries` by host which registry it is.

    `asked` are all requests but those to registries, `resolved` all names that were looked up. A name that nobody has
    does not resolve.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Asked], Reply]] = {}
        self.registries: dict[str, FakeRegistry] = {}
        self.asked: list[Asked] = []
        self.resolved: list[str] = []
        self.port = self.plain_port = 0
        self.ending = asyncio.Event()

    @property
    def plain(self) -> str:
        """The address that is asked without TLS, for those that have no name."""
        return f"http://127.0.0.1:{self.plain_port}"

    def add_registry(self, host: str, registry: FakeRegistry) -> FakeRegistry:
        """Let a host be a registry."""
        self.registries[host] = registry
        registry.address, registry.scheme = host, "https"
        return registry

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.resolved.append(host)
        if host not in {*self.registries, *(key.split(" ")[1].partition("/")[0] for key in self.answers)}:
            raise OSError(f"{host} does not exist, {family}")
        there = self.port if port == 443 else self.plain_port
        return [ResolveResult(hostname=host, host="127.0.0.1", port=there, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        key = f"{request.method} {host}{request.path}"
        if key not in self.answers and host in self.registries:
            return await self.registries[host].answer(request)
        body = await request.read()
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = Asked(request.method, host, request.path, dict(request.query), request.headers, form, body)
        self.asked.append(asked)
        reply = self.answers[key](asked) if key in self.answers else Reply(404)
        if reply.hangs:
            await self.ending.wait()
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


@contextlib.asynccontextmanager
async def serve_hosts(hosts: FakeHosts, authority: Authority, *names: str) -> AsyncIterator[FakeHosts]:
    """Run them on loopback, with a certificate for these names."""
    server = web.Server(hosts.answer, access_log=None)
    loop = asyncio.get_running_loop()
    secure = await loop.create_server(server, "127.0.0.1", 0, ssl=authority.server_context(*names))
    plain = await loop.create_server(server, "127.0.0.1", 0)
    hosts.port, hosts.plain_port = (one.sockets[0].getsockname()[1] for one in (secure, plain))
    try:
        yield hosts
    finally:
        hosts.ending.set()
        secure.close()
        plain.close()
        await server.shutdown(1.0)
