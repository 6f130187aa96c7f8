"""Clients that send reviews over kept connections, from processes on cores of their own."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import ssl
import statistics
import time
from typing import NamedTuple

import uvloop

from benchmarks.reviews import NUMBER

HEAD = "POST {} HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
WARM_UP = 0.5  # seconds that do not count


class Load(NamedTuple):
    """What clients saw: reviews a second, and milliseconds of the median and of the slowest hundredth."""

    rate: float
    p50: float
    p99: float


class Target(NamedTuple):
    """Where reviews are sent, and which. A `NUMBER` in the body is another one with each request."""

    port: int
    ca_bundle: str
    path: str
    body: bytes


def put_under_load(target: Target, connections: int, seconds: float, cores: list[int]) -> Load:
    """Share the connections among client processes on the cores, and put their figures together."""
    count = min(connections, len(cores))
    shares = [connections // count + (index < connections % count) for index in range(count)]
    jobs = [(target, share, seconds, core) for share, core in zip(shares, cores, strict=False)]
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        results = pool.starmap(run_client, jobs)
    times = sorted(milliseconds for result in results for milliseconds in result)
    return Load(len(times) / seconds, statistics.median(times), times[len(times) * 99 // 100])


def run_client(target: Target, connections: int, seconds: float, core: int) -> list[float]:
    """Ask on some connections for some seconds; the milliseconds of every review."""
    os.sched_setaffinity(0, {core})
    return uvloop.run(ask_all(target, connections, seconds))


async def ask_all(target: Target, connections: int, seconds: float) -> list[float]:
    context = ssl.create_default_context(cadata=target.ca_bundle)
    request = HEAD.format(target.path, len(target.body)).encode() + target.body
    numbers = itertools.count(os.getpid() % 1000 * 100_000)  # no two clients ask for the same image
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(request, numbers), "127.0.0.1", target.port, ssl=context, server_hostname="127.0.0.1"
        )
        clients.append(client)
    await asyncio.gather(*(client.ask_until(time.perf_counter() + WARM_UP) for client in clients))
    for client in clients:
        client.times.clear()
    await asyncio.gather(*(client.ask_until(time.perf_counter() + seconds) for client in clients))
    return [milliseconds for client in clients for milliseconds in client.times]


class Client(asyncio.Protocol):
    """One connection that sends a request again as soon as it has the answer."""

    def __init__(self, request: bytes, numbers: itertools.count[int]) -> None:
        self.request = request
        self.numbers = numbers
        self.changes = NUMBER in request
        self.buffer = b""
        self.missing = 0
        self.times: list[float] = []
        self.answered: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        if self.answered and not self.answered.done():
            self.answered.set_exception(error or ConnectionError("the server has closed the connection"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.missing:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].lower()
            self.missing = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r")[0])
        if len(self.buffer) >= self.missing and self.answered:
            answer, self.buffer, self.missing = self.buffer, b"", 0
            if b'"patch"' in answer and not self.answered.done():
                self.answered.set_result(None)
            elif not self.answered.done():
                self.answered.set_exception(AssertionError(answer[-500:].decode()))

    async def ask_until(self, end: float) -> None:
        while (start := time.perf_counter()) < end:
            self.answered = asyncio.get_running_loop().create_future()
            request = self.request
            if self.changes:
                request = request.replace(NUMBER, b"%08d" % next(self.numbers))
            self.transport.write(request)
            await self.answered
            self.times.append((time.perf_counter() - start) * 1000)
