"""Clients that send reviews over kept connections, from processes on cores of their own."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import select
import socket
import ssl
import statistics
import time
from contextlib import ExitStack
from typing import NamedTuple, Self

from benchmarks.reviews import NUMBER

HEAD = "POST {} HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
WARM_UP = 0.5  # seconds that do not count
LARGEST_PART = 256 * 1024


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
    """Ask on some connections for some seconds; the milliseconds of every review.

    As little as can be is done for each: what a client takes between two reviews counts as the webhook's time.
    """
    os.sched_setaffinity(0, {core})
    context = ssl.create_default_context(cadata=target.ca_bundle)
    request = HEAD.format(target.path, len(target.body)).encode() + target.body
    numbers = itertools.count(os.getpid() % 1000 * 100_000)  # no two clients ask for the same image
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(target.port, context, request, numbers)) for _ in range(connections)]
        ask_until(clients, time.perf_counter() + WARM_UP)
        for client in clients:
            client.times.clear()
        ask_until(clients, time.perf_counter() + seconds)
    return [milliseconds for client in clients for milliseconds in client.times]


def ask_until(clients: list[Client], end: float) -> None:
    """Keep one review under way on each connection until a moment, and wait for the last answers."""
    if len(clients) == 1:  # no need to find out who is answered
        (client,) = clients
        while time.perf_counter() < end:
            client.ask()
            client.note_answer()
        return
    with select.epoll() as poll:
        waiting = {client.socket.fileno(): client for client in clients}
        for number, client in waiting.items():
            poll.register(number, select.EPOLLIN)
            client.ask()
        while waiting:
            for number, _ in poll.poll():
                waiting[number].note_answer()
                if time.perf_counter() < end:
                    waiting[number].ask()
                else:
                    del waiting[number]


class Client:
    """One connection, which blocks: whoever waits for several finds out first which of them has an answer."""

    def __init__(self, port: int, context: ssl.SSLContext, request: bytes, numbers: itertools.count[int]) -> None:
        plain = socket.create_connection(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.request = request
        self.numbers = numbers if NUMBER in request else None
        self.started = 0.0
        self.times: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self) -> None:
        """Send the next review."""
        request = self.request
        if self.numbers is not None:
            request = request.replace(NUMBER, b"%08d" % next(self.numbers))
        self.started = time.perf_counter()
        self.socket.sendall(request)

    def note_answer(self) -> None:
        """Receive the whole answer, and note how long it took. Raises AssertionError when it has no patch."""
        answer = self.receive()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self.receive()
        head = answer[:end].lower()
        missing = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r")[0]) - len(answer)
        while missing > 0:
            part = self.receive()
            answer, missing = answer + part, missing - len(part)
        self.times.append((time.perf_counter() - self.started) * 1000)
        assert b'"patch"' in answer, answer[-500:].decode()

    def receive(self) -> bytes:
        data = self.socket.recv(LARGEST_PART)
        if not data:
            raise ConnectionError("the server has closed the connection")
        return data
