"""What a connection makes of bytes: requests one after the other, in pieces, too large, or in two readings."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.unit.webhook.serving import (
    GET,
    PATIENCE,
    POST,
    QUICK,
    add_label,
    connected,
    in_loop,
    make_review,
    serving,
    until,
)

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.mutation import Mutation

REVIEW = make_review()
ASKED = POST % len(REVIEW) + REVIEW
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CHUNKED = POST.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked")


def chunk(data: bytes, size: int) -> bytes:
    """Write a body in chunks of a size."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


ANSWERS: list[tuple[str, bytes, list[int]]] = [
    ("one request", LAST, [200]),
    ("requests that come together", GET + ASKED + GET + LAST, [200, 200, 200, 200]),
    ("body in chunks", CHUNKED + chunk(REVIEW, 7) + LAST, [200, 200]),
    ("empty body", POST % 0 + LAST, [400, 200]),
    ("chunks beyond the limit", CHUNKED + b"800001\r\n" + b" " * 0x800001, [413]),
    ("header without an end", b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 300_000, [431]),
    ("target without an end", b"GET /" + b"x" * 300_000, [431]),
    ("whole URL", b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [200]),
    ("URL that is none", b"GET http://[/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [404]),
    ("encoded path", LAST.replace(b"healthz", b"he%61lthz"), [200]),
    ("old client", GET.replace(b"1.1", b"1.0"), [200]),
    ("other protocol", GET.replace(b"Host", b"Connection: upgrade\r\nUpgrade: h2c\r\nHost"), [200]),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    ("tunnel", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", [404]),
    ("length and chunks", CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"0\r\n\r\n" + GET, [400]),
    ("two lengths", (POST % 5).replace(b"\r\n\r\n", b"\r\nContent-Length: 6\r\n\r\n") + b"hello!", [400]),
    ("length that is no number", POST.replace(b"%d", b"+5") + b"hello", [400]),
    ("space before the colon", GET.replace(b"Host:", b"Host :"), [400]),
    ("bare line feeds", GET.replace(b"\r\n", b"\n"), [400]),
    ("folded field", GET.replace(b": x", b": x\r\n y"), [400]),
]


@pytest.mark.parametrize(("sent", "statuses"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
@pytest.mark.parametrize("in_pieces", [False, True], ids=["at once", "in pieces"])
def test_answers(sent: bytes, statuses: list[int], *, in_pieces: bool) -> None:
    async def check() -> None:
        async with serving() as (server, _), connected(server) as (reader, writer):
            size = max(1, len(sent) // 50) if in_pieces else len(sent)
            for start in range(0, len(sent), size):
                if reader.at_eof():
                    break
                writer.write(sent[start : start + size])
                await asyncio.sleep(0)
            answer = await read_all(reader)
            assert read_statuses(answer) == statuses
            assert b"\r\nConnection: close\r\n" in answer
            await until(lambda: not server.connections())
            assert server.endpoints.under_way == 0

    in_loop(check)()


BEHIND: list[tuple[str, bytes]] = [
    ("nothing is answered behind the last request", LAST + GET),
    ("no HTTP behind a request", ASKED + b"\x00\x00\r\n\r\n"),
]


@pytest.mark.parametrize("sent", [row[1] for row in BEHIND], ids=[row[0] for row in BEHIND])
def test_what_comes_with_a_request_does_not_cost_its_answer(sent: bytes) -> None:
    async def check() -> None:
        async with serving() as (server, _), connected(server) as (reader, writer):
            writer.write(sent)
            assert read_statuses(await read_all(reader)) == [200]
            await until(lambda: server.endpoints.under_way == 0)

    in_loop(check)()


def read_statuses(answers: bytes) -> list[int]:
    """List the status codes of answers."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Read to the end, also if that is a reset behind the answer."""
    read = b""
    try:
        while part := await reader.read(65536):
            read += part
    except ConnectionError:
        pass
    return read


@in_loop
async def test_what_comes_during_an_answer_waits() -> None:
    """It is neither lost nor read without end."""
    going_on = asyncio.Event()

    async def wait(pod: bytes, request: AdmissionRequest) -> Mutation:
        await going_on.wait()
        return await add_label(pod, request)

    async with serving(mutate=wait) as (server, _), connected(server) as (reader, writer):
        writer.write(ASKED)
        await until(lambda: server.endpoints.under_way == 1)
        writer.write(GET)
        [connection] = server.connections()
        await until(lambda: bool(connection.held))
        writer.write(b"x" * 100 + LAST)  # more than this is not taken in
        going_on.set()
        assert read_statuses(await read_all(reader)) == [200, 200, 400]


@in_loop
async def test_a_client_that_goes_away_during_the_answer() -> None:
    going_on = asyncio.Event()

    async def wait(pod: bytes, request: AdmissionRequest) -> Mutation:
        await going_on.wait()
        return await add_label(pod, request)

    async with serving(mutate=wait) as (server, _):
        async with connected(server) as (_, writer):
            writer.write(ASKED)
            await until(lambda: server.endpoints.under_way == 1)
        await until(lambda: not server.connections())
        going_on.set()
        await until(lambda: server.endpoints.under_way == 0)


@in_loop
async def test_an_idle_connection_is_closed_in_the_end() -> None:
    timing = msgspec.structs.replace(QUICK, keep_alive=0.05)
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(GET)
        answer = await read_all(reader)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" not in answer


@in_loop
async def test_the_last_answer_reaches_who_goes_on_sending() -> None:
    """Closing at once would reset the connection, and the answer be lost."""
    timing = msgspec.structs.replace(QUICK, linger=PATIENCE)
    size = 8 * 1024 * 1024 + 1
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(POST % size)
        for _ in range(8):
            writer.write(b" " * (size // 8))
            await writer.drain()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
        writer.close()
        await until(lambda: not server.connections())


@in_loop
async def test_head() -> None:
    async with serving() as (server, _), connected(server) as (reader, writer):
        writer.write(LAST.replace(b"GET", b"HEAD"))
        header, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"Content-Length: 3" in header.split(b"\r\n")
        assert re.search(rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", header)
        assert body == b""
