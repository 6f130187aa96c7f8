"""Mirrors: which place is asked when, with which credentials, and that what they give is checked as anything else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.fakes.registry import FakeRegistry, Reply, serve_registry
from tests.unit.webhook.looking import FOUND, START, USERS, looking, pull_secret
from tests.unit.webhook.serving import in_loop, make_settings
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.deadline import give_seconds
from vault_secrets_webhook.webhook.registry.options import list_places, parse_mirrors
from vault_secrets_webhook.webhook.registry.reference import DEFAULT_DOMAIN, INDEX_DOMAIN, parse_reference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.webhook.looking import Setting


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


@pytest.mark.parametrize(
    ("text", "image", "expected"),
    [
        ("", "a.example/app:1", ["a.example/app:1"]),
        ("a.example=m.example", "a.example/app:1", ["m.example/app:1", "a.example/app:1"]),
        ("a.example=m.example/", "a.example/app:1", ["m.example/app:1", "a.example/app:1"]),
        ("b.example=m.example", "a.example/app:1", ["a.example/app:1"]),
        ("a.example:1=m.example:2/x/y", "a.example:1/app", ["m.example:2/x/y/app:latest", "a.example:1/app:latest"]),
        (
            f" {DEFAULT_DOMAIN} = m.example/hub , {INDEX_DOMAIN}=n.example:5000,",
            "app",
            [
                "m.example/hub/library/app:latest",
                "n.example:5000/library/app:latest",
                f"{DEFAULT_DOMAIN}/library/app:latest",
            ],
        ),
    ],
)
def test_places(text: str, image: str, expected: list[str]) -> None:
    places = list_places(parse_reference(image), parse_mirrors(text))
    assert [str(place.reference) for place in places] == expected
    assert {place.namespace for place in places[:-1]} <= {parse_reference(image).domain}
    assert places[-1].namespace == ""


@pytest.mark.parametrize(
    "text",
    [
        "a.example",
        "=m.example",
        "a.example=",
        "a.example=https://m.example",
        "a.example=m.example/UP",
        "a.example=m/x y",
    ],
)
def test_what_is_no_mirror(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"REGISTRY_MIRRORS: .* is not REGISTRY=HOST"):
        make_settings(None, REGISTRY_MIRRORS=text)


@contextlib.asynccontextmanager
async def mirrored(
    mirror: FakeRegistry | None = None, registry: FakeRegistry | None = None, *, first: str = "", **variables: str
) -> AsyncIterator[tuple[Setting, FakeRegistry]]:
    """Serve a registry and a mirror of it below `hub`; `first` is another mirror, which is asked before."""
    async with serve_registry(mirror or FakeRegistry()) as other, serve_registry(registry or FakeRegistry()) as own:
        if not other.tags:
            other.store_image("1", **START)
        mirrors = ",".join(f"{own.address}={place}" for place in (first, f"{other.address}/hub") if place)
        variables = {
            "REGISTRY_MIRRORS": mirrors,
            "REGISTRY_PLAIN_HTTP": f"{own.address},{other.address},{first}",
            **variables,
        }
        async with looking(variables=variables) as setting:
            setting.registry = own
            yield setting, other


@in_loop
async def test_a_mirror_is_asked_first() -> None:
    async with mirrored() as (setting, mirror):
        assert await setting.find() == FOUND
        assert setting.registry.asked == []
        assert {path.rsplit("/", 2)[0] for _, path, _ in mirror.asked} == {"/v2/hub/team/app"}
        assert set(mirror.namespaces) == {setting.registry.address}  # as container runtimes tell it


@pytest.mark.parametrize("status", [404, 401, 403, 429, 500, 200])
@in_loop
async def test_a_mirror_that_has_it_not_is_passed_over(status: int) -> None:
    async with mirrored() as (setting, mirror):
        setting.registry.store_image("1", **START)
        mirror.intercept = lambda *_: Reply(status, b"<html>canary")
        assert await setting.find() == FOUND
        assert set(setting.registry.namespaces) == {""}


@in_loop
async def test_a_mirror_that_is_away() -> None:
    async with mirrored(first="127.0.0.1:1") as (setting, mirror):
        assert await setting.find() == FOUND
        assert mirror.asked != []
        assert setting.codes[0] == "unreachable"


@in_loop
async def test_a_mirror_that_never_answers_leaves_time_for_the_registry() -> None:
    async with mirrored() as (setting, mirror):
        setting.registry.store_image("1", **START)
        mirror.intercept = lambda *_: Reply(hangs=True)
        give_seconds(2.0)
        assert await setting.find() == FOUND
        give_seconds(2.0)
        assert (await setting.fail("team/app:2")).endswith(f"; mirror {mirror.address}: it took too long")


@in_loop
async def test_what_a_mirror_gives_is_checked() -> None:
    async with mirrored() as (setting, mirror):
        digest = setting.registry.store_image("1", **START)["digest"]
        forged = FakeRegistry()
        other = forged.store_image("1", Entrypoint=["/forged"])["digest"]
        body, media_type = forged.documents[other]
        mirror.intercept = lambda *_: Reply(200, body, {"Content-Type": media_type})
        assert await setting.find(f"team/app@{digest}") == FOUND
        assert mirror.asked != []


@in_loop
async def test_the_credentials_are_those_for_the_mirror() -> None:
    async with mirrored(FakeRegistry("basic", USERS)) as (setting, mirror):
        secrets = {"own": pull_secret(setting.registry.address, "own"), "mirror": pull_secret(f"{mirror.address}/hub")}
        setting.cluster.secrets = secrets
        assert await setting.find(secrets=("own", "mirror")) == FOUND
        assert setting.registry.asked == []
        headers = {header for _, _, header in mirror.asked}
        assert len(headers) == 2  # none at first, and then the mirror's: never the registry's own
        assert "(401" in await setting.fail(secrets=("own",))
        assert {header for _, _, header in mirror.asked} == headers


@in_loop
async def test_all_places_are_told() -> None:
    async with mirrored(first="127.0.0.1:1") as (setting, mirror):
        mirror.intercept = lambda *_: Reply(500)
        message = await setting.fail()
        assert message.startswith(
            f"{setting.registry.address}/team/app:1: without credentials: the registry has no such"
        )
        assert "; mirror 127.0.0.1:1: the registry 127.0.0.1:1 cannot be reached" in message
        assert f"; mirror {mirror.address}: the registry answered with an error (500)" in message


@in_loop
async def test_the_operators_list_is_of_registries_and_not_of_mirrors() -> None:
    async with mirrored(REGISTRY_ALLOWLIST="other.example") as (setting, mirror):
        assert "in these registries only: other.example" in await setting.fail()
        setting.images.allowed = frozenset((setting.registry.address,))
        assert await setting.find() == FOUND
        setting.images.allowed = frozenset((mirror.address,))
        assert "in these registries only" in await setting.fail()


@in_loop
async def test_what_a_mirror_gave_is_no_answer_of_the_registry() -> None:
    async with mirrored() as (setting, mirror):
        digest = mirror.tags["1"]
        assert await setting.find(f"team/app@{digest}") == FOUND
        mirror.intercept = lambda *_: Reply(500)
        asked = len(mirror.asked)
        assert await setting.find(f"team/app@{digest}") == FOUND  # the mirror was, and the digest is the same
        assert len(mirror.asked) == asked
        setting.images.mirrors = ()
        assert "no such image" in await setting.fail(f"team/app@{digest}")
