"""What is kept of images and access tokens, for whom and for how long; what is read once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from yarl import URL

from tests.fakes.cluster import FakeCluster
from tests.fakes.registry import FakeRegistry, Reply
from tests.unit.webhook.looking import FOUND, PULL, USERS, looking, pull_secret
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.lookup import ImageQuestion, ImageStart
from vault_secrets_webhook.webhook.registry.access import Door
from vault_secrets_webhook.webhook.registry.credentials import Credential


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


@in_loop
async def test_an_access_token_that_is_not_accepted_any_more_is_replaced() -> None:
    async with looking(FakeRegistry("bearer", USERS)) as setting:
        assert await setting.find(secrets=PULL) == FOUND
        setting.registry.valid.clear()
        assert await setting.find(secrets=PULL) == FOUND
        assert len(setting.registry.queries) == 2


@pytest.mark.parametrize("login", ["basic", "bearer"])
@in_loop
async def test_a_private_image_is_never_answered_from_the_cache_of_others(login: str) -> None:
    async with looking(FakeRegistry(login, USERS)) as setting:
        setting.cluster.secrets = {
            **setting.cluster.secrets,
            "wrong": pull_secret(setting.registry.address, password="hunter3"),
        }
        name = f"team/app@{setting.registry.tags['1']}"
        assert await setting.find(name, PULL) == FOUND
        assert "without credentials: " in await setting.fail(name)
        assert "Secret shop/wrong: " in await setting.fail(name, ("wrong",))
        before = setting.count()
        assert await setting.find(name, PULL) == FOUND
        assert setting.count() == before


@in_loop
async def test_a_private_image_is_never_answered_from_another_repository() -> None:
    """A registry may let the same user into the one and not into the other, and have the same image in both."""
    async with looking(FakeRegistry("bearer", USERS)) as setting:
        digest = setting.registry.tags["1"]
        assert await setting.find(f"team/app@{digest}", PULL) == FOUND
        setting.registry.intercept = lambda _, path: Reply(403) if "/secret/" in path else None
        assert "Secret shop/pull: " in await setting.fail(f"secret/app@{digest}", PULL)


OTHER_DOORS: list[tuple[str, dict[str, Any]]] = [
    ("registry", {"origin": URL("https://other.example")}),
    ("port", {"origin": URL("https://registry.example:5000")}),
    ("without TLS", {"origin": URL("http://registry.example")}),
    ("repository", {"repository": "team/other"}),
    ("nobody", {"credential": None}),
    ("password", {"credential": Credential("Secret shop/pull", "reader", "other")}),
    ("verification", {"verifies": False}),
    ("mirrored registry", {"namespace": "hub.example"}),
]


@pytest.mark.parametrize("fields", [row[1] for row in OTHER_DOORS], ids=[row[0] for row in OTHER_DOORS])
def test_whatever_makes_a_difference_is_in_the_key(fields: dict[str, Any]) -> None:
    credential = Credential("Secret shop/pull", "reader", "hunter2")
    door = Door(URL("https://registry.example"), "team/app", credential, verifies=True)
    assert door._replace(**fields).key() != door.key()
    again = Credential("Secret shop/copy", "reader", "hunter2")
    assert door._replace(credential=again).key() == door.key()
    assert "hunter2" not in str(door.key())


@in_loop
async def test_an_access_token_that_ends_opens_nothing_to_others() -> None:
    clock = [0.0]
    async with looking(FakeRegistry("bearer", USERS)) as setting:
        setting.cluster.secrets = {
            **setting.cluster.secrets,
            "wrong": pull_secret(setting.registry.address, password="hunter3"),
        }
        sources = setting.images.sources
        sources.client.gatekeeper.passes.clock = sources.client.starts.clock = lambda: clock[0]
        name = f"team/app@{setting.registry.tags['1']}"
        assert await setting.find(name, PULL) == FOUND
        for now in (100.0, 241.0, 599.0, 601.0):  # tokens are kept for 240 seconds, what images start for 600
            clock[0] = now
            assert "Secret shop/wrong: " in await setting.fail(name, ("wrong",))
            assert "without credentials: " in await setting.fail(name)
        setting.registry.users = {}  # and whoever lost his right is not answered for longer, either
        assert "Secret shop/pull: " in await setting.fail(name, PULL)
        assert "Secret shop/pull: " in await setting.fail("team/app:1", PULL)


@in_loop
async def test_a_tag_that_moves_is_seen_at_once() -> None:
    async with looking() as setting:
        for word in ("/one", "/two", "/one"):
            setting.registry.store_image("1", Entrypoint=[word])
            assert await setting.find() == ImageStart((word,), ())


@in_loop
async def test_pull_secrets_are_read_once_for_a_review() -> None:
    cluster = FakeCluster(failures={"broken": KubernetesError("cannot read it")}, pull_secrets={"default": ["pull"]})
    async with looking(FakeRegistry("basic", USERS), cluster) as setting:
        setting.registry.store_image("2", Entrypoint=["/other"])
        images = [f"{setting.registry.address}/team/app:{tag}" for tag in "1212"]
        for secrets in (("broken", "missing", "pull"), ()):
            review = setting.images.for_review()
            questions = [ImageQuestion(image, "shop", secrets, "default", (), False) for image in images]
            found = await asyncio.gather(*(review.find_start(question) for question in questions))
            assert found == [FOUND, ImageStart(("/other",), ())] * 2
        reads = [("Secret", "shop", name) for name in ("broken", "missing", "pull")]
        assert cluster.asked == [*reads, ("ServiceAccount", "shop", "default"), ("Secret", "shop", "pull")]


@in_loop
async def test_what_failed_once_in_a_review_is_asked_again_in_the_next() -> None:
    async with looking() as setting:
        setting.registry.intercept = lambda *_: Reply(404)
        await setting.fail()
        setting.registry.intercept = lambda *_: None
        assert await setting.find() == FOUND


@in_loop
async def test_many_pods_of_one_image_have_it_read_once() -> None:
    async with looking() as setting:
        name = f"team/app@{setting.registry.tags['1']}"
        assert await asyncio.gather(*(setting.find(name) for _ in range(20))) == [FOUND] * 20
        assert setting.count() == 2


@in_loop
async def test_a_command_that_is_too_long_to_be_kept() -> None:
    async with looking() as setting:
        for length, times in ((4000, 1), (5000, 2)):
            setting.registry.store_image("long", Entrypoint=["x" * length])
            before = len(setting.registry.asked)
            for _ in range(2):
                assert (await setting.find("team/app:long")).entrypoint == ("x" * length,)
            gets = [path for method, path, _ in setting.registry.asked[before:] if method == "GET"]
            assert len(gets) == 2 * times
        setting.registry.store_image("long", Entrypoint=["run", "x" * 70_000])
        assert "too long for a pod" in await setting.fail("team/app:long")
