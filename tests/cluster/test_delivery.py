"""How vault-env gets into pods, as a real API server stores it, in a namespace that enforces PodSecurity `restricted`.

One webhook for each way: its image as a volume, and an executable that copies itself.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.cluster.container import find_container
from tests.cluster.ways import serve_ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.webhook import Webhook
    from tests.servers.kubernetes import ApiServer

PREFIX = "vault.security.banzaicloud.io/"
OUR_IMAGE = "registry.example/vault-env:1"
WAYS = {"image": {"VAULT_ENV_VOLUME_MEDIUM": "Image"}, "self": {"VAULT_ENV_COPY": "self"}}
SECURITY = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Cluster(NamedTuple):
    """A restricted namespace for each way, registered with the webhook of this way; all have the annotations."""

    api: ApiServer
    namespaces: dict[str, str]

    def create(self, way: str, *mounts: dict[str, Any], **annotations: str) -> tuple[int, dict[str, Any]]:
        """Create a pod whose container has these mounts of its volume `data`; the status and what was stored."""
        spec = {
            "containers": [
                {
                    "name": "app",
                    "image": "app",
                    "command": ["app"],
                    "env": [{"name": "A", "value": "vault:secret/data/a#b"}],
                    "volumeMounts": [{"name": "data", **mount} for mount in mounts],
                    "securityContext": SECURITY,
                }
            ],
            "volumes": [{"name": "data", "emptyDir": {}}],
        }
        metadata = {
            "name": f"pod-{secrets.token_hex(4)}",
            "annotations": {PREFIX + key.replace("_", "-"): text for key, text in annotations.items()},
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        return self.api.request("POST", f"/api/v1/namespaces/{self.namespaces[way]}/pods", pod)


@pytest.fixture(scope="module")
def cluster(api_server: ApiServer, webhook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The ways beside each other. The webhooks are the same ServiceAccount as the one that all tests share."""
    assert webhook.url
    ways = {way: {"VAULT_ENV_IMAGE": OUR_IMAGE, **own} for way, own in WAYS.items()}
    with serve_ways(api_server, ways, tmp_path_factory) as namespaces:
        yield Cluster(api_server, namespaces)


def find_volume(pod: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in pod["spec"]["volumes"] if one["name"] == name)
    return found


def list_mounts(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """What the webhook mounts in the container."""
    mounts = find_container(pod, "app")["volumeMounts"]
    return [one for one in mounts if one["name"].startswith("vault-")]


CERTIFICATE = {"name": "vault-tls", "mountPath": "/vault/tls/", "readOnly": True}
COPIED = {"name": "vault-env", "mountPath": "/vault/", "readOnly": True}


def test_an_image_volume_is_stored(cluster: Cluster) -> None:
    secrets_mount = {"mountPath": "/vault/secrets"}
    status, pod = cluster.create("image", secrets_mount, vault_tls_secret="ca", vault_env_image_pull_policy="Never")
    assert status == 201, pod
    assert "initContainers" not in pod["spec"]
    image = {"reference": OUR_IMAGE, "pullPolicy": "Never"}
    assert find_volume(pod, "vault-env") == {"name": "vault-env", "image": image}
    assert list_mounts(pod) == [{**COPIED, "subPath": "usr/local/bin"}, CERTIFICATE]
    assert find_container(pod, "app")["command"] == ["/vault/vault-env"]


def test_a_pod_that_needs_more_than_the_image_has_it_copied(cluster: Cluster) -> None:
    status, pod = cluster.create("image", {"mountPath": "/vault/x"})
    assert status == 201, pod
    copier = find_container(pod, "copy-vault-env")
    assert copier["command"][:3] == ["sh", "-c", 'cp /usr/local/bin/vault-env /vault/ && mkdir -p "$@"']
    assert find_volume(pod, "vault-env")["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}
    assert list_mounts(pod) == [COPIED]


def test_an_executable_that_copies_itself_is_stored(cluster: Cluster) -> None:
    status, pod = cluster.create("self", {"mountPath": "/vault/x"}, vault_tls_secret="ca", vault_env_image=OUR_IMAGE)
    assert status == 201, pod
    copier = find_container(pod, "copy-vault-env")
    assert copier["command"] == ["/usr/local/bin/vault-env", "copy", "/vault/", "/vault/tls", "/vault/x"]
    assert "args" not in copier
    assert list_mounts(pod) == [COPIED, CERTIFICATE]


@pytest.mark.parametrize("way", WAYS)
def test_an_image_of_the_author_is_copied_by_a_shell(cluster: Cluster, way: str) -> None:
    status, pod = cluster.create(way, vault_env_image="other.example/vault-env:1")
    assert status == 201, pod
    copier = find_container(pod, "copy-vault-env")
    assert copier["image"] == "other.example/vault-env:1"
    assert copier["command"] == ["sh", "-c", "cp /usr/local/bin/vault-env /vault/"]


def test_what_was_stored_is_what_a_second_pass_leaves(cluster: Cluster) -> None:
    """A stored pod, with all defaults of the API server, is created anew through the same webhook."""
    for way in WAYS:
        status, pod = cluster.create(way, {"mountPath": "/vault/secrets"}, vault_tls_secret="ca")
        assert status == 201, pod
        metadata = {"name": f"{pod['metadata']['name']}-again", "annotations": pod["metadata"]["annotations"]}
        again = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
        status, stored = cluster.api.request("POST", f"/api/v1/namespaces/{cluster.namespaces[way]}/pods", again)
        assert status == 201, stored
        assert stored["spec"] == pod["spec"]
