"""Connections: deadlines, what is not HTTP, keep-alive, certificates, and the end of the server."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.fakes.certificates import make_pair
from tests.unit.webhook.serving import (
    GET,
    PATIENCE,
    POST,
    QUICK,
    add_label,
    connected,
    in_loop,
    make_review,
    post,
    serving,
    until,
)
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.mutate.patch import PatchOperation
from vault_secrets_webhook.webhook.mutation import Mutation

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.server import Server


@in_loop
async def test_slow_body() -> None:
    timing = msgspec.structs.replace(QUICK, body=0.05)
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(POST % 9 + b"{")
        answer = await reader.read()  # to the end: the connection is closed
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within 0.05 seconds" in answer


@in_loop
async def test_a_body_that_is_announced_too_large_is_not_waited_for() -> None:
    timing = msgspec.structs.replace(QUICK, body=PATIENCE)
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(POST % (8 * 1024 * 1024 + 1))
        assert (await reader.read()).startswith(b"HTTP/1.1 413 ")


@in_loop
async def test_an_answer_that_nobody_reads() -> None:
    """It does not stay in memory for as long as the one who asked likes."""

    async def write_much(_: bytes, __: AdmissionRequest) -> Mutation:
        return Mutation([PatchOperation("add", "/x", "y" * 16_000_000)], [], ["app"], "injected")

    review, timing = make_review(), msgspec.structs.replace(QUICK, answer=0.1)
    async with serving(mutate=write_much, timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(POST % len(review) + review)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        await until(lambda: not server.connections())
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(16_000_000)


EXPECTING = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-Continue\r\n\r\n")
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


@in_loop
async def test_a_client_that_waits_to_be_asked_for_the_body() -> None:
    review = make_review()
    async with serving() as (server, _), connected(server) as (reader, writer):
        for _ in range(2):  # the connection goes on as any other
            writer.write(EXPECTING % len(review))
            assert await reader.readexactly(len(INTERIM)) == INTERIM
            writer.write(review)
            header = await reader.readuntil(b"\r\n\r\n")
            assert header.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(int(header.partition(b"Content-Length: ")[2].partition(b"\r")[0]))


@in_loop
async def test_own_fault_behind_the_interim_answer() -> None:
    """That one does not count as an answer that has begun."""

    def fail(*_: object) -> None:
        raise KeyError

    review = make_review()
    async with serving() as (server, _), connected(server) as (reader, writer):
        server.endpoints.metrics.observe_review = fail  # type: ignore[method-assign, assignment]
        writer.write(EXPECTING % len(review))
        await reader.readexactly(len(INTERIM))
        writer.write(review)
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")


NOT_ASKED: list[tuple[str, bytes, bytes]] = [
    ("too large", EXPECTING % (8 * 1024 * 1024 + 1), b"HTTP/1.1 413 "),
    ("nothing at the path", EXPECTING.replace(b"/pods", b"/elsewhere") % 9, b"HTTP/1.1 404 "),
    ("body is there", EXPECTING.replace(b": x", b": x\r\nConnection: close") % 2 + b"{}", b"HTTP/1.1 400 "),
    ("without expectation", POST % 9, b"HTTP/1.1 408 "),
    ("another expectation", EXPECTING.replace(b"100-Continue", b"wonders") % 9, b"HTTP/1.1 408 "),
    ("client of old", EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0") % 9, b"HTTP/1.1 408 "),
]


@pytest.mark.parametrize(("sent", "expected"), [row[1:] for row in NOT_ASKED], ids=[row[0] for row in NOT_ASKED])
def test_nobody_is_asked_for_a_body_in_vain(sent: bytes, expected: bytes) -> None:
    async def check() -> None:
        timing = msgspec.structs.replace(QUICK, body=0.05)
        async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
            writer.write(sent)
            assert (await reader.read()).startswith(expected)

    in_loop(check)()


@in_loop
async def test_idle_connections_are_not_waited_for() -> None:
    timing = msgspec.structs.replace(QUICK, linger=2 * PATIENCE)
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"ok\n")
        await server.close()
        assert await reader.read() == b""


@pytest.mark.parametrize("sent", [b"P", b"POST /pods HTTP/1.1\r\nHost: x\r\n"], ids=["first byte", "half a header"])
def test_slow_header(sent: bytes) -> None:
    async def check() -> None:
        timing = msgspec.structs.replace(QUICK, header=0.05)
        async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
            writer.write(sent)
            header, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert header.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            assert {b"Connection: close", b"Content-Length: %d" % len(body)} <= set(header.split(b"\r\n"))
            document = json.loads(body)
            assert (document["kind"], document["code"], document["reason"]) == ("Status", 408, "Timeout")
            assert b"aiohttp" not in header
            registry = server.endpoints.metrics.registry
            labels = {"code": "408"}
            assert registry.get_sample_value("vault_secrets_webhook_rejected_requests_total", labels) == 1.0

    in_loop(check)()


@in_loop
async def test_slow_second_header() -> None:
    timing = msgspec.structs.replace(QUICK, header=0.05)
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(GET)
        assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET /heal")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


@in_loop
async def test_a_connection_without_a_request_may_wait() -> None:
    """Go's client opens connections ahead: closing one that was never used loses the review that comes next."""
    timing = msgspec.structs.replace(QUICK, header=0.01)
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        async with connected(server) as (late_reader, late_writer):
            late_writer.write(b"G")
            assert (await late_reader.read()).startswith(b"HTTP/1.1 408 ")  # the deadline has passed for both
        writer.write(GET)
        assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200 ")


@in_loop
async def test_a_body_that_nobody_reads_ends_the_connection() -> None:
    async with serving() as (server, _), connected(server) as (reader, writer):
        writer.write((POST % 9).replace(b"/pods", b"/elsewhere"))
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"\r\nConnection: close\r\n" in answer


@in_loop
async def test_no_tls_handshake(tmp_path: Path) -> None:
    timing = msgspec.structs.replace(QUICK, handshake=0.05)
    async with serving(make_pair(tmp_path), timing=timing) as (server, _), connected(server) as (reader, _):
        assert await reader.read() == b""


@in_loop
async def test_connection_cut_in_the_middle_of_the_body(capfd: pytest.CaptureFixture[str]) -> None:
    async with serving() as (server, session):
        async with connected(server) as (_, writer):
            writer.write(POST % 99 + b"{")
            await until(lambda: server.endpoints.under_way == 1)
        await until(lambda: server.endpoints.under_way == 0)
        status, _, _ = await post(session, f"{server.url}/pods", make_review())
        assert status == 200
    log = capfd.readouterr().err
    assert "level=ERROR" not in log
    assert "a library reports" not in log


NOT_HTTP: list[tuple[str, bytes]] = [
    ("request line", b"CANARY \x01\r\n\r\n"),
    ("header", b"GET /healthz HTTP/1.1\r\nCANARY\r\n\r\n"),
    ("chunk", b"POST /pods HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nCANARY\r\n"),
    ("TLS", bytes.fromhex("16030100f5010000f10303") + b"CANARY"),
]


@pytest.mark.parametrize("sent", [row[1] for row in NOT_HTTP], ids=[row[0] for row in NOT_HTTP])
def test_what_is_not_http(sent: bytes, canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def check() -> None:
        async with serving() as (server, _), connected(server) as (reader, writer):
            writer.write(sent.replace(b"CANARY", canary.encode()))
            answer = await reader.read()
            assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
            assert b"the request is not well-formed HTTP" in answer
            assert b"aiohttp" not in answer
            assert canary.encode() not in answer

    in_loop(check)()
    log = capfd.readouterr().err
    assert canary not in log
    assert "level=ERROR" not in log


@in_loop
async def test_keep_alive(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    review = make_review()
    async with serving(pair) as (server, _), connected(server, pair.trust()) as (reader, writer):
        for _ in range(3):
            writer.write(POST % len(review) + review)
            header = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert header.startswith(b"http/1.1 200 ")
            assert b"connection: close" not in header
            await reader.readexactly(int(header.partition(b"content-length: ")[2].partition(b"\r")[0]))


def test_idle_connections_outlive_those_of_the_api_server() -> None:
    assert QUICK.keep_alive > 90


@in_loop
async def test_drain() -> None:
    """While draining: everything is answered, each answer ends its connection, and we are not ready."""
    timing = msgspec.structs.replace(QUICK, drain=30.0)
    async with serving(timing=timing) as (server, session):
        hurry = asyncio.Event()
        draining = asyncio.create_task(server.drain(hurry))
        await until(lambda: server.endpoints.is_draining)
        status, headers, _ = await post(session, f"{server.url}/pods", make_review())
        assert (status, headers["Connection"]) == (200, "close")
        async with session.get(f"{server.url}/readyz") as response:
            assert response.status == 503
        async with session.get(f"{server.url}/healthz") as response:
            assert response.status == 200
        assert not draining.done()
        hurry.set()
        await draining


@in_loop
async def test_reviews_under_way_are_finished() -> None:
    """Also one whose body has not arrived completely when the listening ends."""
    going_on = asyncio.Event()

    async def wait(pod: bytes, request: AdmissionRequest) -> Mutation:
        await going_on.wait()
        return await add_label(pod, request)

    review = make_review()
    async with serving(mutate=wait) as (server, session), connected(server) as (reader, writer):
        first = asyncio.create_task(post(session, f"{server.url}/pods", review))
        writer.write(POST % len(review))
        await until(lambda: server.endpoints.under_way == 2)
        closing = asyncio.create_task(server.close())
        await until(lambda: not server.parts[0][0].is_serving())
        writer.write(review)
        going_on.set()
        status, headers, _ = await first
        assert (status, headers["Connection"]) == (200, "close")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        await closing
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))


async def served_certificate(server: Server) -> bytes:
    """Fetch the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with connected(server, context) as (_, writer):
        certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return certificate


@in_loop
async def test_certificate_reload(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As the kubelet does it: the files are reached through a symbolic link that is turned."""
    for name, days in (("old", 30), ("new", 60)):
        (tmp_path / name).mkdir()
        make_pair(tmp_path / name, days=days)
    (tmp_path / "..data").symlink_to("old")
    pair = type(make_pair(tmp_path / "old"))(tmp_path / "..data/tls.crt", tmp_path / "..data/tls.key")
    new = ssl.PEM_cert_to_DER_cert((tmp_path / "new/tls.crt").read_text())
    async with serving(pair) as (server, session):
        registry = server.endpoints.metrics.registry
        before = registry.get_sample_value("vault_secrets_webhook_certificate_expiry_timestamp_seconds")
        async with session.get(f"{server.url}/healthz") as response:
            assert response.status == 200
        (tmp_path / "..next").symlink_to("new")
        (tmp_path / "..next").rename(tmp_path / "..data")
        await until(lambda: "certificate reloaded" in capfd.readouterr().err)
        assert await served_certificate(server) == new
        async with session.get(f"{server.url}/healthz") as response:  # the connection from before still works
            assert response.status == 200
        after = registry.get_sample_value("vault_secrets_webhook_certificate_expiry_timestamp_seconds")
        assert before is not None
        assert after is not None
        assert after > before


@in_loop
async def test_a_broken_new_certificate_is_not_used(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pair = make_pair(tmp_path)
    other = make_pair(tmp_path, "other")
    async with serving(pair) as (server, _):
        old = await served_certificate(server)
        shutil.copy(other.key, pair.key)
        log = ""

        def is_logged() -> bool:
            nonlocal log
            log += capfd.readouterr().err
            return "the old one is kept" in log

        await until(is_logged)
        assert "the private key does not belong to the certificate" in log
        assert await served_certificate(server) == old
        registry = server.endpoints.metrics.registry
        assert registry.get_sample_value("vault_secrets_webhook_certificate_reload_failures_total") == 1.0
        shutil.copy(other.certificate, pair.certificate)
        new = ssl.PEM_cert_to_DER_cert(other.certificate.read_text())
        while await served_certificate(server) != new:  # noqa: ASYNC110 - as `until`
            await asyncio.sleep(0.01)


@in_loop
async def test_an_address_that_is_taken() -> None:
    async with serving() as (server, _):
        taken = server.url.removeprefix("http://")
        with pytest.raises(ConfigurationError, match="LISTEN_ADDRESS: cannot listen on"):
            async with serving(LISTEN_ADDRESS=taken):
                pass
        with pytest.raises(ConfigurationError, match="TELEMETRY_LISTEN_ADDRESS: cannot listen on"):
            async with serving(TELEMETRY_LISTEN_ADDRESS=taken):
                pass


@in_loop
async def test_writing_metrics_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = threading.Event()
    async with serving() as (server, session):
        render = server.endpoints.metrics.render

        def write_slowly() -> bytes:
            assert going_on.wait(PATIENCE)
            return render()

        monkeypatch.setattr(server.endpoints.metrics, "render", write_slowly)
        looking = asyncio.create_task(fetch_text(session, f"{server.url}/metrics"))
        await until(lambda: server.endpoints.under_way == 1)
        status, _, _ = await post(session, f"{server.url}/pods", make_review())
        assert status == 200
        assert not looking.done()
        going_on.set()
        assert "vault_secrets_webhook_reviews_total{" in await looking


async def fetch_text(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as response:
        return await response.text()
