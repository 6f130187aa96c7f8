"""The server on real sockets: every answer that is not a review's, deadlines, connections, certificates, shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import ssl
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.unit.webhook.serving import (
    QUICK,
    UID,
    add_label,
    in_loop,
    make_pair,
    make_review,
    make_settings,
    open_session,
    read_patch,
    until,
)
from vault_secrets_webhook.errors import ConfigurationError, Refused
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.lookup import NoCluster
from vault_secrets_webhook.webhook.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

    from tests.unit.webhook.serving import Pair
    from vault_secrets_webhook.webhook.endpoints import Mutate
    from vault_secrets_webhook.webhook.mutate.pod import PodMutation
    from vault_secrets_webhook.webhook.server import Server, Timing

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /pods HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@contextlib.asynccontextmanager
async def serving(
    pair: Pair | None = None,
    *,
    mutate: Mutate = add_label,
    timing: Timing = QUICK,
    level: str = "info",
    **variables: str,
) -> AsyncIterator[tuple[Server, aiohttp.ClientSession]]:
    """Serve with a stand-in for the mutation, and give a client."""
    settings = make_settings(pair, **variables)
    running = running_server(settings, NoCluster(), log=Log(level), timing=timing, mutate=mutate)
    async with running as server, open_session(pair) as session:
        yield server, session


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """Post a body; gives status, headers and document."""
    async with session.post(url, data=io.BytesIO(body), headers={**JSON, **(headers or {})}) as response:
        return response.status, response.headers, await response.json()


@contextlib.asynccontextmanager
async def connected(
    server: Server, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection, plain or with TLS."""
    port = int(server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield reader, writer
    finally:
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is closed."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@in_loop
async def test_review_over_tls(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    async with serving(pair) as (server, session):
        assert server.url.startswith("https://127.0.0.1:")
        status, headers, document = await post(session, f"{server.url}/pods?timeout=10s", make_review("v1beta1"))
        assert (status, headers["Content-Type"], headers["Server"]) == (
            200,
            "application/json",
            "vault-secrets-webhook",
        )
        assert (document["apiVersion"], document["response"]["uid"]) == ("admission.k8s.io/v1beta1", UID)
        assert read_patch(json.dumps(document)) == [{"op": "add", "path": "/metadata/labels/x", "value": "y"}]


@in_loop
async def test_the_real_mutation() -> None:
    pod = {
        "metadata": {"name": "web"},
        "spec": {
            "containers": [{"name": "app", "command": ["app"], "env": [{"name": "A", "value": "vault:a/data/b#c"}]}]
        },
    }
    settings = make_settings()
    async with (
        running_server(settings, NoCluster(), log=Log("error"), timing=QUICK) as server,
        open_session() as session,
    ):
        _, _, document = await post(session, f"{server.url}/pods", make_review(object=pod))
        assert document["response"]["allowed"]
        assert "/spec/containers/0/command" in {operation["path"] for operation in read_patch(json.dumps(document))}
        pod["spec"]["containers"][0]["env"][0]["value"] = "vault:no-key"  # type: ignore[index]
        _, _, document = await post(session, f"{server.url}/pods", make_review(object=pod))
        assert document["response"]["status"]["code"] == 422


REJECTED: list[tuple[str, str, str, bytes, dict[str, str], int, str]] = [
    ("unparsable review", "POST", "/pods", b"{", {}, 400, "not an AdmissionReview"),
    ("empty body", "POST", "/pods", b"", {}, 400, "not an AdmissionReview"),
    ("wrong version", "POST", "/pods", make_review("v2"), {}, 400, "admission.k8s.io/v1beta1"),
    ("wrong content type", "POST", "/pods", make_review(), {"Content-Type": "text/plain"}, 415, "application/json"),
    ("compressed", "POST", "/pods", make_review(), {"Content-Encoding": "gzip"}, 415, "compressed"),
    ("unknown path", "POST", "/", make_review(), {}, 404, "/pods"),
    ("later issue: secrets", "POST", "/secrets", make_review(), {}, 404, "/pods"),
    ("later issue: config maps", "POST", "/configmaps", make_review(), {}, 404, "/pods"),
    ("later issue: objects", "POST", "/objects", make_review(), {}, 404, "/pods"),
    ("wrong method", "GET", "/pods", b"", {}, 405, "POST"),
    ("health is for reading", "POST", "/healthz", b"", {}, 405, "GET, HEAD"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "code", "message"),
    [row[1:] for row in REJECTED],
    ids=[row[0] for row in REJECTED],
)
def test_rejected(method: str, path: str, body: bytes, headers: dict[str, str], code: int, message: str) -> None:
    async def check() -> None:
        async with (
            serving() as (server, session),
            session.request(method, server.url + path, data=body, headers={**JSON, **headers}) as response,
        ):
            document = await response.json()
            assert message in document.pop("message")
            assert response.status == code
            assert document.pop("reason")
            assert document == {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
            metrics = server.endpoints.metrics
            assert (
                metrics.registry.get_sample_value("vault_secrets_webhook_rejected_requests_total", {"code": str(code)})
                == 1.0
            )

    in_loop(check)()


@in_loop
async def test_body_at_and_over_the_limit() -> None:
    review = make_review()
    async with serving() as (server, session):
        status, _, _ = await post(session, f"{server.url}/pods", review.ljust(8 * MIB))
        assert status == 200
        status, headers, document = await post(session, f"{server.url}/pods", review.ljust(8 * MIB + 1))
        assert (status, headers["Connection"]) == (413, "close")
        assert "8388608 bytes" in document["message"]


@in_loop
async def test_body_over_the_limit_without_a_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * MIB

    async with (
        serving() as (server, session),
        session.post(f"{server.url}/pods", data=chunks(), headers=JSON) as response,
    ):
        assert response.status == 413


@in_loop
async def test_slow_body() -> None:
    timing = msgspec.structs.replace(QUICK, body=0.05)
    async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
        writer.write(POST % 9 + b"{")
        answer = await reader.read()  # to the end: the connection is closed
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within 0.05 seconds" in answer


@pytest.mark.parametrize("sent", [b"P", b"POST /pods HTTP/1.1\r\nHost: x\r\n"], ids=["first byte", "half a header"])
def test_slow_header(sent: bytes) -> None:
    async def check() -> None:
        timing = msgspec.structs.replace(QUICK, header=0.05)
        async with serving(timing=timing) as (server, _), connected(server) as (reader, writer):
            writer.write(sent)
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")

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
    assert "level=WARN" not in log


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
async def test_refused(capfd: pytest.CaptureFixture[str]) -> None:
    async def refuse(pod: bytes, namespace: str) -> PodMutation:
        raise Refused("annotation x: no", code=403)

    async with serving(mutate=refuse) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods", make_review())
        assert status == 200
        assert document["response"]["status"]["message"] == "annotation x: no"
        metrics = server.endpoints.metrics.registry
        assert metrics.get_sample_value("vault_secrets_webhook_reviews_total", {"reason": "refused-403"}) == 1.0
    assert (
        'msg="pod refused" namespace=shop pod=web- reason=refused-403 error="annotation x: no"'
        in capfd.readouterr().err
    )


@in_loop
async def test_mutated_is_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    async with serving() as (server, session):
        await post(session, f"{server.url}/pods", make_review())
        await post(session, f"{server.url}/pods", make_review(operation="UPDATE"))
    lines = [line for line in capfd.readouterr().err.splitlines() if "pod " in line]
    assert len(lines) == 1
    assert 'msg="pod mutated" namespace=shop pod=web- containers=app reason=injected' in lines[0]


@in_loop
async def test_untouched_is_logged_for_debugging(capfd: pytest.CaptureFixture[str]) -> None:
    async with serving(level="debug") as (server, session):
        await post(session, f"{server.url}/pods", make_review(operation="UPDATE"))
    assert 'level=DEBUG msg="pod left as it is" namespace=shop pod=web- reason=operation' in capfd.readouterr().err


@in_loop
async def test_own_fault(canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def fail(pod: bytes, namespace: str) -> PodMutation:
        raise KeyError(json.loads(pod)["data"])

    async with serving(mutate=fail) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods", make_review(object={"data": canary}))
        assert (status, document["kind"], document["status"]) == (500, "Status", "Failure")
        assert document["message"] == "internal error (KeyError); the webhook's log says where"
        registry = server.endpoints.metrics.registry
        assert registry.get_sample_value("vault_secrets_webhook_reviews_total", {"reason": "internal-error"}) == 1.0
        assert canary.encode() not in server.endpoints.metrics.render()
    log = capfd.readouterr().err
    assert "error=KeyError" in log
    assert "test_server.py:" in log
    assert canary not in log


@in_loop
async def test_kubernetes_error(capfd: pytest.CaptureFixture[str]) -> None:
    async def fail(pod: bytes, namespace: str) -> PodMutation:
        raise KubernetesError("cannot read secrets shop/a: no")

    async with serving(mutate=fail) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods", make_review())
        assert (status, document["message"]) == (500, "cannot read secrets shop/a: no")
        registry = server.endpoints.metrics.registry
        assert registry.get_sample_value("vault_secrets_webhook_reviews_total", {"reason": "kubernetes-error"}) == 1.0
    assert "cannot read secrets shop/a: no" in capfd.readouterr().err


@in_loop
async def test_deadline_of_the_api_server() -> None:
    async def hang(pod: bytes, namespace: str) -> PodMutation:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(mutate=hang) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods?timeout=50ms", make_review())
        assert (status, document["reason"]) == (504, "Timeout")
        registry = server.endpoints.metrics.registry
        assert registry.get_sample_value("vault_secrets_webhook_reviews_total", {"reason": "timeout"}) == 1.0


@in_loop
async def test_health_and_readiness() -> None:
    async with serving() as (server, session):
        for path in ("/healthz", "/readyz"):
            async with session.get(server.url + path) as response:
                assert (response.status, await response.text()) == (200, "ok\n")
            async with session.head(server.url + path) as response:
                assert (response.status, await response.text()) == (200, "")


@in_loop
async def test_metrics_beside_the_reviews() -> None:
    async with serving() as (server, session):
        await post(session, f"{server.url}/pods", make_review())
        async with session.get(f"{server.url}/metrics") as response:
            assert response.content_type == "text/plain"
            text = await response.text()
        assert server.telemetry_url is None
    assert 'kubewebhook_mutating_webhook_review_duration_seconds_count{dry_run="false",mutated="true"' in text


@in_loop
async def test_metrics_on_a_port_of_their_own(tmp_path: Path) -> None:
    async with serving(make_pair(tmp_path), TELEMETRY_LISTEN_ADDRESS="127.0.0.1:0") as (server, session):
        assert server.telemetry_url is not None
        assert server.telemetry_url.startswith("http://127.0.0.1:")
        async with session.get(f"{server.telemetry_url}/metrics") as response:
            assert response.status == 200
        for url in (f"{server.url}/metrics", f"{server.telemetry_url}/pods"):
            async with session.get(url) as response:
                assert response.status == 404


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

    async def wait(pod: bytes, namespace: str) -> PodMutation:
        await going_on.wait()
        return await add_label(pod, namespace)

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
