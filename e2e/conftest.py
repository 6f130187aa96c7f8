"""The cluster of these tests: servers, a node, an OpenBao that trusts its ServiceAccounts, and webhooks.

It runs where `run` has put it: in a network of its own, as root.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from e2e.front import Front
from e2e.images import name_image, write_foreign_image, write_images
from e2e.node import Node
from e2e.pods import Namespace
from tests.cluster.webhook import Webhook
from tests.conftest import canary, report_missing
from tests.fakes.certificates import Authority
from tests.servers.errors import ServerMissing
from tests.servers.kubernetes import ApiServer
from tests.servers.openbao import OpenBao
from tests.servers.process import poll
from tests.servers.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["canary"]

ROOT = Path(__file__).parents[1]
BUILT_IMAGES = ROOT / "build" / "images"
VAULT_ENV_IMAGE = name_image("vault-env")

# Delivery mode -> the webhook's settings.
DELIVERIES = {
    "shell": {"VAULT_ENV_COPY": "shell"},
    "self": {"VAULT_ENV_COPY": "self"},
    "volume": {"VAULT_ENV_VOLUME_MEDIUM": "Image"},
}
FILLED_BY_CONTROLLERS = ("serviceaccounts/default", "configmaps/kube-root-ca.crt")
# Name -> the password of its registry.
REGISTRIES = {"open": None, "closed": ("kubelet", "pass:word")}
IN_REGISTRY = "team/entry-point:1"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="session")
def address() -> str:
    """The node's address in the network that `run` has made."""
    if "E2E_ADDRESS" not in os.environ:
        pytest.exit("these tests need a network of their own: run e2e/run, not pytest", returncode=1)
    return os.environ["E2E_ADDRESS"]


@pytest.fixture(scope="session")
def api() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The images of the applications."""
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def node(
    api: ApiServer, address: str, archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """A node that has all images."""
    folder = tmp_path_factory.mktemp("node")
    with Node(folder, api, address) as started:
        for archive in archives.values():
            started.import_image(archive)
        for name in ("vault-env", "webhook"):
            started.import_image(find_archive(name), name_image(name))
        started.wait_until_ready()
        yield started


def find_archive(name: str) -> Path:
    """The archive of an image of this project."""
    path = BUILT_IMAGES / f"{name}.tar"
    if not path.exists():
        raise ServerMissing(f"{path} is missing: run `make images`, which builds it")
    return path


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """What the certificates of the registries are issued by."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def registries(
    node: Node, address: str, archives: dict[str, Path], authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Registry]]:
    """Registries from which the node pulls: `IN_REGISTRY` is an index in the open one, a manifest in the other one."""
    with ExitStack() as stack:
        try:
            started = {
                name: stack.enter_context(Registry(host=address, password=password, tls=authority))
                for name, password in REGISTRIES.items()
            }
        except ServerMissing as error:
            report_missing(error)
        foreign = write_foreign_image(tmp_path_factory.mktemp("foreign"))
        started["open"].push_index([foreign, archives["entry-point"]], IN_REGISTRY)
        started["closed"].push(archives["entry-point"], IN_REGISTRY)
        for registry in started.values():
            node.trust_registry(registry.address, authority.ca_file)
        yield started


@pytest.fixture(scope="session")
def bao(api: ApiServer) -> Iterator[OpenBao]:
    """An OpenBao whose role `app` reads what is below `secret/app/`."""
    with OpenBao() as server:
        server.enable_kubernetes_auth(api)
        server.write_policy("app", {"secret/data/app/*": ["read"]})
        server.create_kubernetes_role("app", namespace="*", service_account="app", policies=["app"])
        yield server


@pytest.fixture(scope="session")
def front(bao: OpenBao, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    port = urlsplit(bao.address).port
    assert port
    with Front(tmp_path_factory.mktemp("front"), address, port) as started:
        yield started


@pytest.fixture(scope="session")
def settings(front: Front) -> dict[str, str]:
    """What all webhooks are told, however vault-env gets into a pod."""
    return {
        "VAULT_ADDR": front.url,
        "VAULT_ADDR_ALLOWLIST": front.short_url,
        "VAULT_TLS_SECRET": "vault-ca",
        "VAULT_ROLE": "app",
        # The same server under the names that provider `bao` has for it.
        "BAO_ADDR": front.url,
        "BAO_TLS_SECRET": "vault-ca",
        "BAO_ROLE": "app",
        "VAULT_ENV_IMAGE": VAULT_ENV_IMAGE,
        "VAULT_ENV_PULL_POLICY": "Never",
        "VAULT_IMAGE": VAULT_ENV_IMAGE,  # of which only the shell is used
        "VAULT_IMAGE_PULL_POLICY": "Never",
        # Many pods share a small machine.
        "VAULT_ENV_CPU_REQUEST": "1m",
        "VAULT_ENV_MEMORY_REQUEST": "16Mi",
    }


@pytest.fixture(scope="session")
def create_namespace(api: ApiServer, node: Node, front: Front) -> Callable[..., Namespace]:
    """Make a namespace whose pods can log in to OpenBao, and trust it."""

    def create(name: str, labels: Mapping[str, str] | None = None) -> Namespace:
        api.act("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels or {}}})
        paths = [f"/api/v1/namespaces/{name}/{path}" for path in FILLED_BY_CONTROLLERS]
        poll(lambda: all(api.request("GET", path)[0] == 200 for path in paths), what=f"namespace {name} filled")
        api.create_service_account(name, "app")
        api.create_secret(name, "vault-ca", {"ca.crt": front.ca})
        return Namespace(api, node, name)

    return create


@pytest.fixture(scope="session")
def namespaces(
    api: ApiServer,
    settings: dict[str, str],
    authority: Authority,
    create_namespace: Callable[..., Namespace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Namespace]]:
    """For each delivery mode a namespace of that name, and one `MODE-restricted` that enforces this PodSecurity level."""
    made = {}
    with ExitStack() as webhooks:
        for mode, chosen in DELIVERIES.items():
            folder = tmp_path_factory.mktemp(f"webhook-{mode}")
            kubeconfig = api.write_kubeconfig(folder / "kubeconfig")
            own = {**settings, "REGISTRY_CA_FILE": str(authority.ca_file), **chosen}
            webhook = webhooks.enter_context(Webhook(folder, kubeconfig, own))
            for name, labels in ((mode, {}), (f"{mode}-restricted", RESTRICTED)):
                made[name] = create_namespace(name, labels)
                api.register_pod_webhook(f"{webhook.url}/pods", webhook.ca_bundle, name=name, namespace=name)
        yield made
