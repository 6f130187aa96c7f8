"""Readiness: not before the API server was reached once, and what is in the way is told."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.fakes.apiserver import Given, fake_api_server
from tests.unit.webhook.serving import QUICK, in_loop, make_settings, open_session, until
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook import reach as reach_module
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials
from vault_secrets_webhook.webhook.metrics import Metrics
from vault_secrets_webhook.webhook.reach import ClusterReach
from vault_secrets_webhook.webhook.server import running_server

if TYPE_CHECKING:
    import aiohttp

VERSION = Given(200, b'{"major":"1","minor":"37"}')


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach_module, "FIRST_PAUSE", 0.005)


def make_cluster(url: str) -> Cluster:
    return Cluster(url, ssl.create_default_context(), FixedCredentials(Access({})), "the test")


async def read_readiness(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with session.get(f"{url}/readyz") as response:
        return response.status, await response.text()


@in_loop
async def test_ready_as_soon_as_the_cluster_was_reached() -> None:
    """Requests before that count as unreachable, the last one by its status."""
    metrics = Metrics()
    async with fake_api_server(Given(cuts=True)) as cluster, open_client(make_cluster(cluster.url)) as client:
        client.observe = metrics.clients.observe_kubernetes
        async with (
            running_server(make_settings(), [], log=Log("error"), timing=QUICK, client=client) as server,
            open_session() as session,
        ):
            await until(lambda: len(cluster.asked) > 2)
            status, text = await read_readiness(session, server.url)
            assert status == 503
            assert "the API server was not reached yet: cannot read the version of the API server" in text
            cluster.answers = [VERSION]
            await until(lambda: not server.endpoints.obstacles[0]())
            assert await read_readiness(session, server.url) == (200, "ok\n")
            cluster.answers = [Given(503, b"{}")]
            assert await read_readiness(session, server.url) == (200, "ok\n")
    assert {asked.path for asked in cluster.asked} == {"/version"}
    name = "vault_secrets_webhook_kubernetes_request_duration_seconds_count"
    counts = [
        metrics.registry.get_sample_value(name, {"method": "GET", "code": code}) for code in ("unreachable", "200")
    ]
    assert counts == [len(cluster.asked) - 1.0, 1.0]


@in_loop
async def test_what_is_in_the_way_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    async with open_client(make_cluster("http://127.0.0.1:9")) as client:
        reach = ClusterReach(client, Log())
        running = asyncio.create_task(reach.run())
        await until(lambda: "cannot be reached" in reach.find_obstacle())
        await asyncio.sleep(0.03)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert reach.find_obstacle().startswith("the API server was not reached yet: cannot read the version")
    lines = [line for line in capfd.readouterr().err.splitlines() if "not ready" in line]
    assert len(lines) == 1
    assert "http://127.0.0.1:9 cannot be reached" in lines[0]


ANSWERS: list[tuple[str, Given, str]] = [
    ("as it should", VERSION, ""),
    ("not allowed", Given(403, b"{}"), ""),  # an answer all the same
    ("overloaded", Given(429, b"{}"), ""),
    ("credentials", Given(401, b"{}"), "does not accept our credentials"),
    ("hangs", Given(hangs=True), "no answer within"),
    ("cut", Given(cuts=True), "cannot be reached"),
]


@pytest.mark.parametrize(("answer", "reason"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_answers(answer: Given, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach_module, "PATIENCE", 0.05 if answer.hangs else 20.0)

    async def check() -> None:
        async with fake_api_server(answer) as cluster, open_client(make_cluster(cluster.url)) as client:
            found = await ClusterReach(client, Log()).ask()
        assert reason in found
        assert bool(found) == bool(reason)

    in_loop(check)()
