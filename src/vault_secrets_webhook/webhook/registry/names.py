"""Resolves the names of registries in threads of its own.

`getaddrinfo` cannot be given a time limit. With the event loop's own threads, a name server that is silent on the names
that pods are free to choose would keep everybody else waiting, the client of the Kubernetes API included.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 8
NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class NameResolver(AbstractResolver):
    """Resolves as the system does."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, "registry-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the addresses of a host. Raises OSError."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, look_up, host, port, family)

    async def close(self) -> None:
        """Give up what is still waited for."""
        self.threads.shutdown(wait=False, cancel_futures=True)


def look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(hostname=host, host=write_address(place), port=port, family=kind, proto=number, flags=NUMERIC)
        for kind, _, number, _, place in found
    ]


def write_address(place: tuple[object, ...]) -> str:
    """Write the address of a socket's name; of a link-local one of IPv6 with its zone (RFC 4007, section 11)."""
    address, zone = str(place[0]), place[3] if len(place) > 3 else 0  # noqa: PLR2004 - address, port, flow, zone
    return f"{address}%{zone}" if zone and "%" not in address else address
