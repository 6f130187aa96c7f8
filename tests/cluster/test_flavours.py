"""Pods of every flavour, and pods for Windows, as a real API server stores them where it enforces PodSecurity `restricted`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.cluster.container import run_container
from tests.cluster.test_pod_security import RESTRICTED
from tests.cluster.ways import serve_ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.conftest import Tenant
    from tests.cluster.webhook import Webhook
    from tests.servers.kubernetes import ApiServer

NEW_PREFIX = "secrets-webhook.security.bank-vaults.io/"
OUR_IMAGE = "registry.example/vault-env:1"
# Image volumes where the server has them: it does (SERVERS.md).
WAYS = {"copied": {}, "auto": {"VAULT_ENV_VOLUME_MEDIUM": "Auto"}, "self": {"VAULT_ENV_COPY": "self"}}
IMAGES = {"VAULT_ENV_IMAGE": OUR_IMAGE, "SECRET_INIT_IMAGE": OUR_IMAGE}
REFERENCES = {
    "": "vault:secret/data/a#b",
    "vault": "vault:secret/data/a#b",
    "bao": "bao:secret/data/a#b",
    "aws": "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db",
}
FOLDERS = {"": "/vault", "vault": "/vault", "bao": "/bao", "aws": "/aws"}


class Cluster(NamedTuple):
    """A restricted namespace for each way, registered with the webhook of this way."""

    api: ApiServer
    namespaces: dict[str, str]

    def create(self, way: str, provider: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Create a pod with a reference in its variable; the status and what was stored."""
        env = [{"name": "A", "value": REFERENCES[provider]}]
        security = {**RESTRICTED, "runAsNonRoot": True}
        app = {"name": "app", "image": "app", "command": ["app"], "env": env, "securityContext": security}
        annotations = {NEW_PREFIX + "provider": provider} if provider else {}
        certificate = f"{provider or 'vault'}-tls-secret"
        if provider != "aws":
            prefix = NEW_PREFIX if provider else "vault.security.banzaicloud.io/"
            annotations[prefix + certificate] = "ca"
        metadata = {"name": f"pod-{secrets.token_hex(4)}", "annotations": annotations}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [app], **more}}
        return self.api.request("POST", f"/api/v1/namespaces/{self.namespaces[way]}/pods", pod)


@pytest.fixture(scope="module")
def cluster(api_server: ApiServer, webhook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The ways beside each other. The webhooks are the same ServiceAccount as the one that all tests share."""
    assert webhook.url
    ways = {way: {**IMAGES, **own} for way, own in WAYS.items()}
    with serve_ways(api_server, ways, tmp_path_factory) as namespaces:
        yield Cluster(api_server, namespaces)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("provider", REFERENCES)
def test_the_api_server_takes_every_flavour(cluster: Cluster, way: str, provider: str) -> None:
    status, pod = cluster.create(way, provider)
    assert status == 201, pod
    name = "secret-init" if provider else "vault-env"
    app = pod["spec"]["containers"][0]
    assert app["command"] == [f"{FOLDERS[provider]}/{name}"]
    mount = next(one for one in app["volumeMounts"] if one["mountPath"] == f"{FOLDERS[provider]}/")
    assert (mount["readOnly"], mount.get("subPath")) == (True, "usr/local/bin" if way == "auto" else None)
    commands = [one["command"] for one in pod["spec"].get("initContainers", [])]
    points = [] if provider == "aws" else [f"{FOLDERS[provider]}/tls"]
    copying = f"cp /usr/local/bin/{name} {FOLDERS[provider]}/"
    making = ["sh", "-c", copying + ' && mkdir -p "$@"', f"copy-{name}", *points]
    expected = {
        "auto": [],
        "copied": [making if points else ["sh", "-c", copying]],
        "self": [[f"/usr/local/bin/{name}", "copy", f"{FOLDERS[provider]}/", *points]],
    }
    assert commands == expected[way]


def test_a_pod_is_for_windows_when_its_runtime_class_says_so(cluster: Cluster) -> None:
    """The API server has put the class's node selector into the pod before it asks."""
    name = f"windows-{secrets.token_hex(4)}"
    runtime_class = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": name},
        "handler": "runhcs-wcow-process",
        "scheduling": {"nodeSelector": {"kubernetes.io/os": "windows"}},
    }
    cluster.api.act("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime_class)
    status, pod = cluster.create("copied", "", runtimeClassName=name)
    assert status == 201, pod
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "windows"}
    assert pod["spec"]["containers"][0]["command"] == ["app"]


@pytest.mark.parametrize("provider", ["vault", "bao"])
def test_secret_init_of_a_mutated_pod_gets_what_it_asks_for(tenant: Tenant, provider: str, canary: str) -> None:
    """Its login, its reading and what it withholds all depend on the variables that the webhook gave it."""
    tenant.write("db", {"password": canary, "user": "app"})
    prefix = provider.upper() + "_"
    env = [
        {"name": "PASSWORD", "value": f"{provider}:{tenant.path('db')}#password"},
        {"name": "URL", "value": f"pg://${{{provider}:{tenant.path('db')}#user}}@db"},
        {"name": prefix + "CACERT", "value": str(tenant.bao.ca_file)},
        {"name": prefix + "JWT_FILE", "value": str(tenant.token_file)},
    ]
    annotations = {
        "provider": provider,
        f"{provider}-addr": tenant.bao.address,
        f"{provider}-path": f"kubernetes-{tenant.namespace}",
        f"{provider}-from-path": tenant.path("db"),
        f"{provider}-passthrough": prefix + "ROLE",
    }
    app = {"name": "app", "image": "app", "command": ["env", "-0"], "env": env}
    metadata = {
        "name": f"pod-{secrets.token_hex(4)}",
        "annotations": {NEW_PREFIX + key: text for key, text in annotations.items()},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"serviceAccountName": "app", "containers": [app]},
    }
    status, pod = tenant.api.request("POST", f"/api/v1/namespaces/{tenant.namespace}/pods", pod)
    assert status == 201, pod
    done = run_container(tenant.api, pod)
    assert done.returncode == 0, done.stderr
    got = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    assert (got["PASSWORD"], got["URL"], got["password"]) == (canary, "pg://app@db", canary)
    assert got[prefix + "ROLE"] == "app"
    assert not {prefix + "ADDR", prefix + "PATH", prefix + "CACERT", "SECRET_INIT_JSON_LOG"} & set(got)
    assert canary not in done.stderr
