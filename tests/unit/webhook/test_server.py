"""The server on real sockets: what each request is answered, logged and counted as."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes.certificates import make_pair
from tests.unit.webhook.serving import (
    JSON,
    QUICK,
    UID,
    in_loop,
    make_review,
    make_settings,
    open_session,
    post,
    read_patch,
    serving,
)
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.objects import NoCluster
from vault_secrets_webhook.webhook.reviewers import build_reviewers
from vault_secrets_webhook.webhook.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.mutation import Mutation

MIB = 1024 * 1024
# How lines of the log name the object of `make_review`.
OBJECT = f"kind=Pod namespace=shop name=web- operation=CREATE uid={UID}"


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
        running_server(settings, build_reviewers(settings, NoCluster()), log=Log("error"), timing=QUICK) as server,
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
            assert response.headers.get("Allow") == (message if code == 405 else None)
            assert document.pop("reason")
            assert document == {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
            metrics = server.endpoints.metrics
            assert (
                metrics.registry.get_sample_value("vault_secrets_webhook_rejected_requests_total", {"code": str(code)})
                == 1.0
            )

    in_loop(check)()


@in_loop
async def test_rejected_requests_are_logged_once_in_a_while(canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    async with serving() as (server, session):
        server.endpoints.rejections.clock = lambda: now
        for seconds in (0.0, 1.0, 9.9, 10.0):
            now = seconds
            await post(session, f"{server.url}/pods", b'{"uid":"%s"' % canary.encode())
        await post(session, f"{server.url}/{canary}", b"")
    log = capfd.readouterr().err
    lines = [line.partition("level=WARN ")[2] for line in log.splitlines() if "a request was rejected" in line]
    assert [line.partition(" error=")[0] for line in lines] == [
        f'msg="a request was rejected" status={code}' for code in (400, 400, 404)
    ]
    assert [line.rpartition(" ")[2] for line in lines] == ["times=1", "times=3", "times=1"]
    assert "the body is not an AdmissionReview" in lines[0]
    assert canary not in log


@in_loop
async def test_our_own_failures_are_not_logged_as_rejected(capfd: pytest.CaptureFixture[str]) -> None:
    async def fail(pod: bytes, request: AdmissionRequest) -> Mutation:
        raise KubernetesError("no")

    async with serving(mutate=fail) as (server, session):
        await post(session, f"{server.url}/pods", make_review())
    log = capfd.readouterr().err
    assert "a pod could not be reviewed" in log
    assert "rejected" not in log


@in_loop
async def test_plain_http_is_warned_about(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with serving():
        assert 'level=WARN msg="reviews are served over plain HTTP' in capfd.readouterr().err
    async with serving(make_pair(tmp_path)):
        assert "plain HTTP" not in capfd.readouterr().err


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
async def test_refused(capfd: pytest.CaptureFixture[str]) -> None:
    async def refuse(pod: bytes, request: AdmissionRequest) -> Mutation:
        raise Refused("annotation x: no", code=403)

    async with serving(mutate=refuse) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods", make_review())
        assert status == 200
        assert document["response"]["status"]["message"] == "annotation x: no"
        metrics = server.endpoints.metrics.registry
        assert (
            metrics.get_sample_value("vault_secrets_webhook_reviews_total", {"reason": "refused-403", "kind": "v1/Pod"})
            == 1.0
        )
    assert f'msg="pod refused" {OBJECT} reason=refused-403 error="annotation x: no"' in capfd.readouterr().err


@in_loop
async def test_own_fault(canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def fail(pod: bytes, request: AdmissionRequest) -> Mutation:
        raise KeyError(json.loads(pod)["data"])

    async with serving(mutate=fail) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods", make_review(object={"data": canary}))
        assert (status, document["kind"], document["status"]) == (500, "Status", "Failure")
        assert document["message"] == "internal error (KeyError); the webhook's log says where"
        registry = server.endpoints.metrics.registry
        assert (
            registry.get_sample_value(
                "vault_secrets_webhook_reviews_total", {"reason": "internal-error", "kind": "v1/Pod"}
            )
            == 1.0
        )
        assert canary.encode() not in server.endpoints.metrics.render()
    log = capfd.readouterr().err
    assert "error=KeyError" in log
    assert "test_server.py:" in log
    assert canary not in log


@in_loop
async def test_own_fault_outside_of_a_review(canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> bytes:
        raise KeyError(canary)

    async with serving() as (server, session):
        server.endpoints.metrics.render = fail
        async with session.get(f"{server.url}/metrics") as response:
            document = await response.json()
            assert (response.status, response.headers["Connection"]) == (500, "close")
        assert document["message"] == "internal error; the webhook's log says where"
    log = capfd.readouterr().err
    assert 'msg="a request could not be answered" error=KeyError' in log
    assert canary not in log


@in_loop
async def test_kubernetes_error(capfd: pytest.CaptureFixture[str]) -> None:
    async def fail(pod: bytes, request: AdmissionRequest) -> Mutation:
        raise KubernetesError("cannot read secrets shop/a: no")

    async with serving(mutate=fail) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods", make_review())
        assert (status, document["message"]) == (500, "cannot read secrets shop/a: no")
        registry = server.endpoints.metrics.registry
        assert (
            registry.get_sample_value(
                "vault_secrets_webhook_reviews_total", {"reason": "kubernetes-error", "kind": "v1/Pod"}
            )
            == 1.0
        )
    assert "cannot read secrets shop/a: no" in capfd.readouterr().err


@in_loop
async def test_deadline_of_the_api_server() -> None:
    async def hang(pod: bytes, request: AdmissionRequest) -> Mutation:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(mutate=hang) as (server, session):
        status, _, document = await post(session, f"{server.url}/pods?timeout=50ms", make_review())
        assert (status, document["reason"]) == (504, "Timeout")
        registry = server.endpoints.metrics.registry
        assert (
            registry.get_sample_value("vault_secrets_webhook_reviews_total", {"reason": "timeout", "kind": "v1/Pod"})
            == 1.0
        )


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
