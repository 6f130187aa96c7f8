"""Containers without a command: what their image starts is read from a real registry, and stored by a real API server."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from images.layout import Image, write_archive
from images.tree import Tree
from tests.cluster.conftest import DEFAULT_PULL_SECRET, SYSTEM
from tests.cluster.container import find_container, run_container
from tests.cluster.test_main_path import auth_mount
from tests.cluster.webhook import Webhook
from tests.conftest import report_missing
from tests.fakes.certificates import Authority
from tests.servers.errors import ServerMissing
from tests.servers.registry import Registry
from tests.servers.registry_api import DOCKER, OCI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.conftest import Tenant
    from tests.servers.registry_api import MediaTypes

USER, PASSWORD = "reader", f"pass:word-{secrets.token_hex(8)}"
SCRIPT = """printf '%s|%s|%s' "$A" '$(HOSTNAME)' "$*" """
ENTRYPOINT, COMMAND = ["sh", "-c", SCRIPT, "$0"], ["image's", "$(A)"]


def open_registry(**options: Any) -> Registry:
    try:
        return Registry(**options)
    except ServerMissing as error:
        report_missing(error)


@pytest.fixture(scope="module")
def registry(archive: Path) -> Iterator[Registry]:
    """One over plain HTTP that anybody may read."""
    with open_registry() as server:
        server.push(archive, "team/app:1")
        yield server


@pytest.fixture(scope="module")
def private(archive: Path, registry_authority: Authority) -> Iterator[Registry]:
    """One over TLS with a password."""
    with open_registry(password=(USER, PASSWORD), tls=registry_authority) as server:
        server.push(archive, "team/app:1")
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


def write_image(folder: Path, architecture: str, entrypoint: list[str], command: list[str]) -> Path:
    path = folder / f"{secrets.token_hex(4)}.tar"
    write_archive(Image("app", architecture, [Tree()], entrypoint=entrypoint, command=command), path, epoch=0)
    return path


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    return write_image(folder, "amd64", ENTRYPOINT, COMMAND)


def describe(tenant: Tenant, image: str, **fields: Any) -> dict[str, Any]:
    """A pod with one container of an image, without a command, which asks for a secret."""
    spec = tenant.app([{"name": "A", "value": f"vault:{tenant.path('db')}#password"}], image=image)
    del spec["containers"][0]["command"]
    spec["containers"][0] |= fields
    return spec


def create(tenant: Tenant, spec: dict[str, Any]) -> dict[str, Any]:
    status, pod = tenant.create_pod(spec, vault_path=auth_mount(tenant))
    assert status == 201, pod
    return pod


def refuse(tenant: Tenant, spec: dict[str, Any], **annotations: str) -> str:
    """Create a pod that is refused; the message."""
    status, answer = tenant.create_pod(spec, **annotations)
    assert status == 422, answer
    message = str(answer["message"])
    assert "container 'app' has no command: write the image's ENTRYPOINT into `command`" in message
    assert PASSWORD not in message
    return message


def get_args(pod: dict[str, Any]) -> Any:
    container = find_container(pod, "app")
    assert container["command"] == ["/vault/vault-env"]
    return container["args"]


def create_pull_secret(tenant: Tenant, registry: Registry, namespace: str, name: str, password: str = PASSWORD) -> None:
    config = {"auths": {f"https://{registry.address}": {"username": USER, "password": password}}}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name},
        "stringData": {".dockerconfigjson": json.dumps(config)},
    }
    tenant.api.act("POST", f"/api/v1/namespaces/{namespace}/secrets", document)


def test_an_image_starts_with_its_secrets(tenant: Tenant, registry: Registry, canary: str) -> None:
    tenant.write("db", {"password": canary})
    pod = create(tenant, describe(tenant, f"{registry.address}/team/app:1"))
    assert get_args(pod) == ["sh", "-c", SCRIPT.replace("$", "$$"), "$$0", "image's", "$$(A)"]
    done = run_container(tenant.api, pod)
    assert done.stdout == f"{canary}|$(HOSTNAME)|image's $(A)", done.stderr


def test_arguments_of_the_pod_take_the_place_of_cmd(tenant: Tenant, registry: Registry, canary: str) -> None:
    tenant.write("db", {"password": canary})
    spec = describe(tenant, f"{registry.address}/team/app:1", args=["mine", "$(WHO)", "$$"])
    spec["containers"][0]["env"].append({"name": "WHO", "value": "me"})
    pod = create(tenant, spec)
    assert get_args(pod) == [*(word.replace("$", "$$") for word in ENTRYPOINT), "mine", "$(WHO)", "$$"]
    assert run_container(tenant.api, pod).stdout == f"{canary}|$(HOSTNAME)|mine me $"


def test_an_image_by_digest_is_asked_for_once(tenant: Tenant, registry: Registry, folder: Path) -> None:
    digest = registry.push(write_image(folder, "amd64", ["/bin/once"], []), "team/once:1")
    before = len(registry.requests)
    for _ in range(3):
        assert get_args(create(tenant, describe(tenant, f"{registry.address}/team/once@{digest}"))) == ["/bin/once"]
    asked = [one.path.rsplit("/", 2)[1] for one in registry.requests[before:] if "/once/" in one.path]
    assert asked == ["manifests", "blobs"]


def test_a_tag_that_moves_is_seen(tenant: Tenant, registry: Registry, folder: Path) -> None:
    for word in ("/bin/one", "/bin/two"):
        registry.push(write_image(folder, "amd64", [word], []), "team/moving:latest")
        assert get_args(create(tenant, describe(tenant, f"{registry.address}/team/moving"))) == [word]


@pytest.mark.parametrize("types", [OCI, DOCKER], ids=["oci", "docker"])
def test_the_platform_of_the_pod_is_chosen(tenant: Tenant, registry: Registry, folder: Path, types: MediaTypes) -> None:
    archives = [write_image(folder, name, [f"/bin/{name}"], []) for name in ("s390x", "arm64", "amd64")]
    registry.push_index(archives, "team/multi:1", types)
    spec = describe(tenant, f"{registry.address}/team/multi:1")
    for name in ("arm64", "s390x"):
        assert get_args(create(tenant, {**spec, "nodeSelector": {"kubernetes.io/arch": name}})) == [f"/bin/{name}"]
    assert get_args(create(tenant, spec)) != ["/bin/s390x"]


def test_an_index_in_an_index(tenant: Tenant, registry: Registry, folder: Path) -> None:
    image = registry.push_manifest("team/nested", None, write_image(folder, "amd64", ["/bin/deep"], []))
    inner = registry.put_index("team/nested", None, [image])
    registry.put_index("team/nested", "1", [inner])
    assert get_args(create(tenant, describe(tenant, f"{registry.address}/team/nested:1"))) == ["/bin/deep"]


def test_an_image_that_starts_nothing_is_refused(tenant: Tenant, registry: Registry, folder: Path) -> None:
    registry.push(write_image(folder, "amd64", [], []), "team/nothing:1")
    image = f"{registry.address}/team/nothing:1"
    assert "neither ENTRYPOINT nor CMD" in refuse(tenant, describe(tenant, image))
    assert get_args(create(tenant, describe(tenant, image, args=["/bin/mine"]))) == ["/bin/mine"]


def test_an_image_that_is_not_there_is_refused(tenant: Tenant, registry: Registry) -> None:
    message = refuse(tenant, describe(tenant, f"{registry.address}/team/app:2"))
    assert f"{registry.address}/team/app:2: " in message
    assert "the registry has no such image (404)" in message


def test_a_dry_run_is_answered_in_the_same_way(tenant: Tenant, registry: Registry) -> None:
    spec = describe(tenant, f"{registry.address}/team/app:1")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "dry"},
        "spec": {"serviceAccountName": "app", **spec},
    }
    status, answer = tenant.api.request("POST", f"/api/v1/namespaces/{tenant.namespace}/pods?dryRun=All", pod)
    assert status == 201, answer
    assert get_args(answer)[-2:] == ["image's", "$$(A)"]


def test_a_container_with_a_command_needs_no_registry(tenant: Tenant, registry: Registry, canary: str) -> None:
    tenant.write("db", {"password": canary})
    before = len(registry.requests)
    create(tenant, describe(tenant, f"{registry.address}/team/app:1", command=["/bin/mine"]))
    assert len(registry.requests) == before


def test_all_pull_secrets_of_the_pod_are_tried(tenant: Tenant, private: Registry, canary: str) -> None:
    tenant.write("db", {"password": canary})
    create_pull_secret(tenant, private, tenant.namespace, "wrong", "wrong")
    create_pull_secret(tenant, private, tenant.namespace, "right")
    spec = describe(tenant, f"{private.address}/team/app:1")
    several = [{"name": name} for name in ("missing", "wrong", "right")]
    pod = create(tenant, {**spec, "imagePullSecrets": several})
    assert run_container(tenant.api, pod).stdout == f"{canary}|$(HOSTNAME)|image's $(A)"
    # What one credential was shown is no answer for another one, nor for nobody's.
    message = refuse(tenant, {**spec, "imagePullSecrets": several[:2]})
    assert f"Secret {tenant.namespace}/missing does not exist" in message
    assert f"Secret {tenant.namespace}/wrong: the registry wants other credentials (401" in message
    assert "without credentials: " in message
    assert "(401" in refuse(tenant, spec)
    told = tenant.webhook.process.log + tenant.webhook.get("/metrics")
    assert PASSWORD not in told
    assert base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in told
    assert "vault_secrets_webhook_registry_request_duration_seconds_count" in told


def test_the_pull_secrets_of_the_service_account_are_used(tenant: Tenant, private: Registry) -> None:
    create_pull_secret(tenant, private, tenant.namespace, "right")
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "puller"},
        "imagePullSecrets": [{"name": "right"}],
    }
    tenant.api.act("POST", f"/api/v1/namespaces/{tenant.namespace}/serviceaccounts", account)
    spec = {**describe(tenant, f"{private.address}/team/app:1"), "serviceAccountName": "puller"}
    assert get_args(create(tenant, spec))[:2] == ["sh", "-c"]


def test_the_operators_pull_secret_is_for_pods_without(tenant: Tenant, private: Registry) -> None:
    spec = describe(tenant, f"{private.address}/team/app:1")
    create_pull_secret(tenant, private, SYSTEM, DEFAULT_PULL_SECRET)
    try:
        assert get_args(create(tenant, spec))[:2] == ["sh", "-c"]
        refuse(tenant, {**spec, "imagePullSecrets": [{"name": "missing"}]})
        refuse(tenant, spec, registry_skip_verify="true")
    finally:
        tenant.api.act("DELETE", f"/api/v1/namespaces/{SYSTEM}/secrets/{DEFAULT_PULL_SECRET}")


def test_a_certificate_that_is_not_trusted(tenant: Tenant, archive: Path, stranger: Authority) -> None:
    with open_registry(tls=stranger) as server:
        server.push(archive, "team/app:1")
        spec = describe(tenant, f"{server.address}/team/app:1")
        assert "the certificate of the registry" in refuse(tenant, spec)
        status, pod = tenant.create_pod(spec, registry_skip_verify="true")
        assert status == 201, pod
        assert get_args(pod)[:2] == ["sh", "-c"]


@pytest.fixture
def mirrored(
    tenant: Tenant, registry: Registry, private: Registry, registry_authority: Authority, tmp_path: Path
) -> Iterator[Tenant]:
    """The tenant of a webhook that looks for the images of the open registry in the private one first, below `hub`."""
    token = tenant.api.request_token(SYSTEM, "webhook")
    kubeconfig = tenant.api.write_kubeconfig(tmp_path / "kubeconfig", token=token)
    settings = {
        "VAULT_ADDR": tenant.bao.address,
        "REGISTRY_CA_FILE": str(registry_authority.ca_file),
        "REGISTRY_MIRRORS": f"{registry.address}={private.address}/hub",
    }
    with Webhook(tmp_path, kubeconfig, settings) as webhook:
        tenant.api.unregister_webhook(tenant.namespace)
        url, name = f"{webhook.url}/pods", tenant.namespace
        tenant.api.register_pod_webhook(url, webhook.ca_bundle, name=name, namespace=name)
        yield tenant._replace(webhook=webhook)


def test_a_mirror_is_asked_first(mirrored: Tenant, registry: Registry, private: Registry, folder: Path) -> None:
    registry.push(write_image(folder, "amd64", ["/bin/registry"], []), "team/mirrored:1")
    private.push(write_image(folder, "amd64", ["/bin/mirror"], []), "hub/team/mirrored:1")
    create_pull_secret(mirrored, private, mirrored.namespace, "right")
    spec = describe(mirrored, f"{registry.address}/team/mirrored:1")
    before = len(registry.requests)
    assert get_args(create(mirrored, {**spec, "imagePullSecrets": [{"name": "right"}]})) == ["/bin/mirror"]
    assert len(registry.requests) == before
    assert get_args(create(mirrored, spec)) == ["/bin/registry"]  # without credentials for the mirror
    message = refuse(mirrored, describe(mirrored, f"{registry.address}/team/mirrored:2"))
    assert "the registry has no such image (404)" in message
    assert f"mirror {private.address}: without credentials: the registry wants other credentials (401" in message


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """Somebody whom the webhook does not trust."""
    (tmp_path / "stranger").mkdir()
    return Authority(tmp_path / "stranger", "a stranger")
