"""What several containers of one object ask for: asked once, whoever gives up, and whatever comes of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.cluster import FakeCluster
from tests.unit.webhook.serving import in_loop, until
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.registry.once import LookupOnce, Once


@in_loop
async def test_all_get_what_was_found() -> None:
    once, times, ready = Once(), [], asyncio.Event()

    async def find() -> int:
        times.append(1)
        await ready.wait()
        return len(times)

    waiting = [asyncio.create_task(once.get("a", find)) for _ in range(4)]
    await until(lambda: bool(times))
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    ready.set()
    assert await asyncio.gather(*waiting[1:]) == [1, 1, 1]
    assert await once.get("a", find) == 1
    assert await once.get("b", find) == 2


@in_loop
async def test_all_get_what_was_raised() -> None:
    cluster = FakeCluster(failures={"broken": KubernetesError("cannot read it")})
    lookup = LookupOnce(cluster)
    found = await asyncio.gather(*(lookup.secret("shop", "broken") for _ in range(2)), return_exceptions=True)
    assert [str(one) for one in found] == ["cannot read it"] * 2
    assert cluster.asked == [("Secret", "shop", "broken")]


@in_loop
async def test_objects_are_told_apart() -> None:
    cluster = FakeCluster({"a": {"x": b"1"}}, {"a": {"x": "2"}}, pull_secrets={"a": ["3"]})
    lookup = LookupOnce(cluster)
    for _ in range(2):
        assert await lookup.secret("shop", "a") == {"x": b"1"}
        assert await lookup.config_map("shop", "a") == {"x": "2"}
        assert await lookup.pull_secrets("shop", "a") == ["3"]
        assert await lookup.secret("shop", "missing") is None
    await lookup.secret("other", "a")
    assert [kind for kind, _, _ in cluster.asked] == ["Secret", "ConfigMap", "ServiceAccount", "Secret", "Secret"]
