"""The version of the API server: how it is read, how long it is kept, and what comes of failures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.fakes.apiserver import HTML, Given, fake_api_server
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.kube import version as version_module
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials
from vault_secrets_webhook.webhook.kube.version import FAILURE_KEPT, KEPT, VersionCache

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.apiserver import FakeApiServer


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Scene:
    """A cache, the server that it asks, and the clock that it looks at."""

    def __init__(self, cache: VersionCache, server: FakeApiServer, clock: Clock) -> None:
        self.cache, self.server, self.clock = cache, server, clock

    async def ask(self) -> tuple[int, int] | None:
        return await self.cache.server_version()


def given(major: str, minor: str) -> Given:
    return Given(body=json.dumps({"major": major, "minor": minor, "gitVersion": "v9"}).encode())


@contextlib.asynccontextmanager
async def asking(*answers: Given) -> AsyncIterator[Scene]:
    clock = Clock()
    async with fake_api_server(*answers) as server:
        cluster = Cluster(server.url, ssl.create_default_context(), FixedCredentials(Access({})), "the test")
        async with open_client(cluster) as client:
            yield Scene(VersionCache(client, Log("warn"), clock), server, clock)


@pytest.mark.parametrize(
    ("major", "minor", "expected"),
    [("1", "35", (1, 35)), ("1", "37+", (1, 37)), ("1", "9", (1, 9)), ("2", "0", (2, 0)), ("1+", "35-eks-1", (1, 35))],
)
def test_version(major: str, minor: str, expected: tuple[int, int], capfd: pytest.CaptureFixture[str]) -> None:
    async def check() -> None:
        async with asking(given(major, minor)) as scene:
            assert await scene.ask() == expected
            assert [one.path for one in scene.server.asked] == ["/version"]

    in_loop(check)()
    assert capfd.readouterr().err == ""


BAD: list[tuple[str, Given]] = [
    ("no-json", Given(body=HTML)),
    ("no-numbers", given("", "")),
    ("no-minor", given("1", "x")),
    ("no-fields", Given(body=b"{}")),
    ("forbidden", Given(403)),
    ("error", Given(500)),
    ("cut", Given(cuts=True)),
]


@pytest.mark.parametrize("answer", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_no_version(answer: Given, capfd: pytest.CaptureFixture[str]) -> None:
    async def check() -> None:
        async with asking(answer) as scene:
            assert await scene.ask() is None
            assert await scene.ask() is None
            assert len(scene.server.asked) == 1

    in_loop(check)()
    logged = capfd.readouterr().err
    assert logged.count("the version of the API server cannot be found out") == 1
    assert "Welcome" not in logged


def test_it_is_asked_for_once_and_again_after_a_while() -> None:
    async def check() -> None:
        async with asking(given("1", "34"), given("1", "35")) as scene:
            assert set(await asyncio.gather(*(scene.ask() for _ in range(20)))) == {(1, 34)}
            scene.clock.seconds += KEPT - 1
            assert await scene.ask() == (1, 34)
            assert len(scene.server.asked) == 1
            scene.clock.seconds += 1
            assert await scene.ask() == (1, 35)
            assert len(scene.server.asked) == 2

    in_loop(check)()


def test_a_failure_is_kept_for_a_shorter_while_and_forgets_nothing() -> None:
    async def check() -> None:
        async with asking(Given(500), given("1", "35"), Given(500)) as scene:
            assert await scene.ask() is None
            scene.clock.seconds += FAILURE_KEPT
            assert await scene.ask() == (1, 35)
            scene.clock.seconds += KEPT
            assert await scene.ask() == (1, 35)
            assert len(scene.server.asked) == 3

    in_loop(check)()


def test_a_slow_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(version_module, "PATIENCE", 0.05)

    async def check() -> None:
        async with asking(Given(hangs=True)) as scene:
            assert await scene.ask() is None

    in_loop(check)()
    assert "no answer within" in capfd.readouterr().err
