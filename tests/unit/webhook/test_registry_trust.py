"""Whom a registry may send us on to, and with what: token services and redirects, with the operator's list and without."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.hosts import FakeHosts, serve_hosts
from tests.fakes.registry import FakeRegistry, Reply
from tests.unit.webhook.looking import FOUND, PULL, START, USERS, looking, pull_secret
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook.registry.reference import DEFAULT_DOMAIN, DEFAULT_HOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.webhook.looking import Setting

REGISTRY, AUTH, CDN = "registry.example", "auth.example", "cdn.example"
DEFAULT_AUTH = f"auth.{DEFAULT_DOMAIN}"
INNER = (
    "127.0.0.1",
    "10.1.2.3:8443",
    "169.254.169.254",
    "[::1]",
    "localhost",
    "a.localhost",
    "metadata.google.internal",
    "2130706433",
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextlib.asynccontextmanager
async def several(
    authority: Authority, login: str, host: str = REGISTRY, **variables: str
) -> AsyncIterator[tuple[Setting, FakeHosts, FakeRegistry]]:
    """Serve a registry that wants a login, and other hosts that are registries with the same content."""
    hosts = FakeHosts()
    async with serve_hosts(hosts, authority, REGISTRY, AUTH, CDN, DEFAULT_HOST, DEFAULT_AUTH):
        registry = hosts.add_registry(host, FakeRegistry(login, USERS))
        registry.store_image("1", **START)
        variables = {"REGISTRY_CA_FILE": str(authority.ca_file), **variables}
        async with looking(variables=variables, resolver=hosts) as setting:
            setting.registry = registry
            setting.cluster.secrets = {"pull": pull_secret(REGISTRY if host == REGISTRY else DEFAULT_DOMAIN)}
            yield setting, hosts, registry


def move_tokens(registry: FakeRegistry, realm: str) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'}
    registry.intercept = lambda _, path: (
        None
        if path == "/token" or any(header in registry.valid for _, _, header in registry.asked[-1:])
        else Reply(401, b"", challenge)
    )


@pytest.mark.parametrize(
    ("allowed", "is_asked"),
    [("", True), (f"{REGISTRY},{AUTH}", True), (f"{REGISTRY},{AUTH}:444", False), (REGISTRY, False)],
)
def test_a_service_elsewhere(authority: Authority, allowed: str, is_asked: bool) -> None:
    @in_loop
    async def run() -> None:
        async with several(authority, "bearer", REGISTRY_ALLOWLIST=allowed) as (setting, hosts, registry):
            move_tokens(registry, f"https://{AUTH}/token")
            hosts.registries[AUTH] = registry
            if is_asked:
                assert await setting.find(secrets=PULL, image=f"{REGISTRY}/team/app:1") == FOUND
            else:
                message = await setting.fail(secrets=PULL, image=f"{REGISTRY}/team/app:1")
                assert f"authorization service '{AUTH}' is not in REGISTRY_ALLOWLIST of the webhook" in message
            assert (AUTH in hosts.resolved) is is_asked
            assert (setting.count("/token") > 0) is is_asked

    run()


@pytest.mark.parametrize("allowed", ["", REGISTRY])
def test_a_service_of_its_own(authority: Authority, allowed: str) -> None:
    @in_loop
    async def run() -> None:
        async with several(authority, "bearer", REGISTRY_ALLOWLIST=allowed) as (setting, _, _):
            assert await setting.find(secrets=PULL) == FOUND

    run()


def test_the_service_of_the_default_registry(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        found = several(authority, "bearer", DEFAULT_HOST, REGISTRY_ALLOWLIST=DEFAULT_DOMAIN)
        async with found as (setting, hosts, registry):
            move_tokens(registry, f"https://{DEFAULT_AUTH}/token")
            hosts.registries[DEFAULT_AUTH] = registry
            assert await setting.find(secrets=PULL, image="team/app:1") == FOUND
            move_tokens(registry, f"https://{AUTH}/token")
            registry.valid.clear()
            assert "is not in REGISTRY_ALLOWLIST" in await setting.fail(secrets=PULL, image="team/app:1")

    run()


@pytest.mark.parametrize("host", INNER)
def test_a_service_inside(authority: Authority, host: str) -> None:
    @in_loop
    async def run() -> None:
        async with several(authority, "bearer") as (setting, hosts, registry):
            move_tokens(registry, f"https://{host}/token")
            assert "an address of this machine or a private network" in await setting.fail(secrets=PULL)
            assert set(hosts.resolved) == {REGISTRY}

    run()


def test_a_service_that_sends_us_on(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with several(authority, "bearer") as (setting, hosts, registry):
            hosts.add_registry(CDN, FakeRegistry())
            registry.address = REGISTRY
            location = {"Location": f"https://{CDN}/token"}
            registry.intercept = lambda _, path: Reply(302, b"", location) if path == "/token" else None
            message = await setting.fail(secrets=PULL)
            assert f"the authorization service {REGISTRY} redirects to another host, which is not asked" in message
            assert hosts.registries[CDN].asked == []

    run()


def send_on(registry: FakeRegistry, part: str, host: str) -> None:
    registry.intercept = lambda _, path: (
        Reply(307, b"", {"Location": f"https://{host}{path}"}) if part in path else None
    )


@pytest.mark.parametrize("allowed", ["", REGISTRY])
@pytest.mark.parametrize("part", ["/blobs/", "/manifests/"])
def test_content_may_be_elsewhere(authority: Authority, part: str, allowed: str) -> None:
    @in_loop
    async def run() -> None:
        async with several(authority, "basic", REGISTRY_ALLOWLIST=allowed) as (setting, hosts, registry):
            other = hosts.add_registry(CDN, FakeRegistry())
            other.documents, other.tags = registry.documents, registry.tags
            send_on(registry, part, CDN)
            assert await setting.find(secrets=PULL, image=f"{REGISTRY}/team/app:1") == FOUND
            assert {header for _, _, header in other.asked} == {""}  # without what lets us in
            other.documents = dict.fromkeys(other.documents, registry.documents[registry.tags["1"]])
            registry.store_image("2", Entrypoint=["/other"])
            other.tags = {"2": registry.tags["2"]}
            message = await setting.fail("team/app:2", PULL)
            assert "does not have the digest that was asked for" in message or "no such image" in message

    run()


@pytest.mark.parametrize("host", INNER)
def test_content_is_not_inside(authority: Authority, host: str) -> None:
    @in_loop
    async def run() -> None:
        async with several(authority, "") as (setting, hosts, registry):
            send_on(registry, "/blobs/", host)
            message = await setting.fail()
            assert f"the registry {REGISTRY} redirects to an address of this machine or of a private network" in message
            assert set(hosts.resolved) == {REGISTRY}

    run()


def test_content_is_not_fetched_in_the_open(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with several(authority, "") as (setting, hosts, registry):
            registry.intercept = lambda *_: Reply(307, b"", {"Location": f"http://{CDN}/x"})
            assert "redirects to an address that is not https" in await setting.fail()
            assert set(hosts.resolved) == {REGISTRY}

    run()
