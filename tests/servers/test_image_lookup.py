"""Looking into images of real registries (Debian's docker-registry): open and with a password, with and without TLS, mirrored.

The cluster is a stand-in here; with a real API server the same is done in tests/cluster.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from images.layout import Image, write_archive
from images.tree import Tree
from tests.conftest import report_missing
from tests.fakes.certificates import Authority
from tests.fakes.cluster import FakeCluster
from tests.servers.errors import ServerMissing
from tests.servers.registry import Registry
from vault_secrets_webhook.webhook.lookup import ImageQuestion, ImageStart
from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.images import open_images
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Start = Callable[..., Registry]

USER, PASSWORD = "reader", f"pass:word-{secrets.token_hex(8)}"
FOUND = ImageStart(("/bin/app",), ("serve",))


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts registries that are stopped after the test."""
    started: list[Registry] = []

    def begin(**options: Any) -> Registry:
        try:
            started.append(Registry(**options))
        except ServerMissing as error:
            report_missing(error)
        return started[-1]

    yield begin
    for registry in started:
        registry.stop()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar"
    write_archive(Image("app", "amd64", [Tree()], entrypoint=["/bin/app"], command=["serve"]), path, epoch=0)
    return path


def make_pull_secret(registry: Registry, password: str = PASSWORD) -> dict[str, bytes]:
    config = {"auths": {registry.address: {"username": USER, "password": password}}}
    return {".dockerconfigjson": json.dumps(config).encode()}


def find(image: str, settings: Mapping[str, str], cluster: FakeCluster | None = None, times: int = 1) -> ImageStart:
    """Look into an image, with all pull secrets of the cluster."""
    cluster = cluster or FakeCluster()

    async def look() -> ImageStart:
        environ = {"VAULT_ADDR": "https://vault:8200", **settings}
        async with open_images(Settings.from_environment(environ), cluster, lambda *_: None) as images:
            question = ImageQuestion(image, "shop", tuple(cluster.secrets), "default", (), False)
            found = {await images.for_review().find_start(question) for _ in range(times)}
            assert len(found) == 1
            return found.pop()

    return asyncio.run(look())


def fail(image: str, settings: Mapping[str, str], cluster: FakeCluster | None = None) -> str:
    with pytest.raises(RegistryError) as caught:
        find(image, settings, cluster)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("is_private", [False, True])
def test_a_registry(start: Start, archive: Path, tmp_path: Path, is_secure: bool, is_private: bool) -> None:
    authority = Authority(tmp_path) if is_secure else None
    registry = start(tls=authority, password=(USER, PASSWORD) if is_private else None)
    registry.push(archive, "team/app:1")
    image = f"{registry.address}/team/app:1"
    trust = {"REGISTRY_CA_FILE": str(authority.ca_file)} if authority else {}
    cluster = FakeCluster(secrets={"right": make_pull_secret(registry)})
    assert find(image, trust, cluster, times=3) == FOUND
    if is_private:
        wrong = FakeCluster(secrets={"wrong": make_pull_secret(registry, "wrong")})
        message = fail(image, trust, wrong)
        assert "Secret shop/wrong: the registry wants other credentials (401" in message
        assert "without credentials: the registry wants other credentials (401" in message
    else:
        assert find(image, trust) == FOUND
    if is_secure:
        assert f"the certificate of the registry {registry.address} was not accepted" in fail(image, {}, cluster)
    assert "the registry has no such image (404)" in fail(f"{registry.address}/team/app:2", trust, cluster)


def test_a_mirror_that_gets_images_itself(start: Start, archive: Path) -> None:
    registry = start()
    digest = registry.push(archive, "team/app:1")
    mirror = start(mirror_of=registry.url)
    mirrors = {"REGISTRY_MIRRORS": f"{registry.address}={mirror.address}"}
    assert find(f"{registry.address}/team/app:1", mirrors) == FOUND
    assert find(f"{registry.address}/team/app@{digest}", mirrors) == FOUND
    asked = {one.path.partition("?")[0] for one in mirror.requests}
    assert {"/v2/team/app/manifests/1", f"/v2/team/app/manifests/{digest}"} <= asked
    registry.stop()
    message = fail(f"{registry.address}/team/other:1", mirrors)
    assert f"{registry.address}/team/other:1: the registry {registry.address} cannot be reached" in message
    assert f"mirror {mirror.address}: " in message


def test_a_mirror_with_another_path_and_a_password(start: Start, archive: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    registry, mirror = start(password=(USER, "another")), start(password=(USER, PASSWORD), tls=authority)
    mirror.push(archive, "hub/team/app:1")
    settings = {
        "REGISTRY_MIRRORS": f"{registry.address}={mirror.address}/hub",
        "REGISTRY_CA_FILE": str(authority.ca_file),
    }
    image = f"{registry.address}/team/app:1"
    before = len(registry.requests)
    assert find(image, settings, FakeCluster(secrets={"mirror": make_pull_secret(mirror)})) == FOUND
    assert len(registry.requests) == before
    message = fail(image, settings, FakeCluster(secrets={"registry": make_pull_secret(registry, "another")}))
    assert "Secret shop/registry: the registry has no such image (404)" in message
    assert f"mirror {mirror.address}: without credentials: the registry wants other credentials (401" in message
    assert {one.status for one in mirror.requests if "manifests/1" in one.path and one.method == "HEAD"} == {200, 401}
