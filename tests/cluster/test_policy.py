"""The operator's policy and the defaults of namespaces, on a real API server: who may choose what, and who says it.

The webhook may read Namespaces and ConfigMaps, as docs/reference/permissions.md lists it for NAMESPACE_DEFAULTS.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.webhook import Webhook
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.kubernetes import ApiServer

PREFIX = "vault.security.banzaicloud.io/"
NEW_PREFIX = "secrets-webhook.security.bank-vaults.io/"
SYSTEM = "policy-system"
READS = [{"apiGroups": [""], "resources": ["secrets", "configmaps", "namespaces"], "verbs": ["get"]}]
POLICY = """
roles: ["{namespace}-*", shared]
images: ["registry.example/*"]
namespaces:
  "free-*": {roles: ["*"]}
"""


@pytest.fixture(scope="module")
def guarded(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """A webhook that changes only what asks for it, with a policy file, and defaults from both sources."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "policy.yaml").write_text(POLICY)
    api_server.create_namespace(SYSTEM)
    api_server.create_service_account(SYSTEM, "webhook")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": SYSTEM},
        "rules": READS,
    }
    api_server.act("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
    api_server.bind_cluster_role(SYSTEM, SYSTEM, SYSTEM, "webhook")
    kubeconfig = api_server.write_kubeconfig(folder / "kubeconfig", token=api_server.request_token(SYSTEM, "webhook"))
    settings = {
        "OPT_IN": "true",
        "POLICY_FILE": str(folder / "policy.yaml"),
        "NAMESPACE_DEFAULTS": "annotations,configmap:vault-defaults",
    }
    with Webhook(folder, kubeconfig, settings) as process:
        yield process


class Namespace:
    """A namespace that is sent to the webhook."""

    def __init__(self, api: ApiServer, webhook: Webhook, kind: str) -> None:
        self.api = api
        self.name = f"{kind}-{secrets.token_hex(4)}"
        api.create_namespace(self.name)
        api.create_service_account(self.name, "app")
        api.register_pod_webhook(f"{webhook.url}/pods", webhook.ca_bundle, name=self.name, namespace=self.name)

    def annotate(self, annotations: dict[str, str]) -> None:
        path = f"/api/v1/namespaces/{self.name}"
        found = self.api.act("GET", path)
        found["metadata"]["annotations"] = annotations
        self.api.act("PUT", path, found)

    def create_pod(self, **annotations: str) -> tuple[int, dict[str, Any]]:
        env = [{"name": "X", "value": "vault:secret/data/a#b"}]
        container = {"name": "app", "image": "app", "command": ["app"], "env": env}
        metadata = {
            "name": f"pod-{secrets.token_hex(4)}",
            "annotations": {PREFIX + key.replace("_", "-"): text for key, text in annotations.items()},
        }
        spec = {"serviceAccountName": "app", "containers": [container]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        return self.api.request("POST", f"/api/v1/namespaces/{self.name}/pods", pod)


@pytest.fixture
def shop(api_server: ApiServer, guarded: Webhook) -> Iterator[Namespace]:
    made = Namespace(api_server, guarded, "shop")
    yield made
    api_server.unregister_webhook(made.name)


@pytest.fixture
def free(api_server: ApiServer, guarded: Webhook) -> Iterator[Namespace]:
    made = Namespace(api_server, guarded, "free")
    yield made
    api_server.unregister_webhook(made.name)


def read_env(pod: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in pod["spec"]["containers"][0]["env"]}


def is_wrapped(pod: dict[str, Any]) -> bool:
    return bool(pod["spec"]["containers"][0]["command"] == ["/vault/vault-env"])


def test_only_what_asks_for_it_is_changed(shop: Namespace) -> None:
    status, left = shop.create_pod()
    assert status == 201
    assert not is_wrapped(left)
    status, changed = shop.create_pod(mutate="true")
    assert status == 201
    assert is_wrapped(changed)


def test_a_list_of_roles_holds_by_namespace(shop: Namespace, free: Namespace) -> None:
    status, answer = shop.create_pod(mutate="true", vault_role="admin")
    assert status == 403
    assert (
        f"annotation {PREFIX}vault-role: the role 'admin' is not one of those that the operator allows"
        in answer["message"]
    )
    status, answer = shop.create_pod(mutate="true", vault_role="{{ .name }}")
    assert status == 403
    assert "the role 'pod-" in answer["message"]
    for pod in (
        shop.create_pod(mutate="true", vault_role="{{ .namespace }}-app"),
        shop.create_pod(mutate="true", vault_role="shared"),
        free.create_pod(mutate="true", vault_role="admin"),
    ):
        assert pod[0] == 201, pod[1]
        assert is_wrapped(pod[1])


def test_a_list_of_images_holds(shop: Namespace) -> None:
    status, answer = shop.create_pod(mutate="true", vault_env_image="evil.example/x")
    assert status == 403
    assert "IMAGE_ALLOWLIST (or images of the policy file)" in answer["message"]
    status, pod = shop.create_pod(mutate="true", vault_env_image="registry.example/x")
    assert status == 201
    assert pod["spec"]["initContainers"][0]["image"] == "registry.example/x"


def test_a_namespace_speaks_for_its_pods(shop: Namespace) -> None:
    shop.annotate({PREFIX + "mutate": "true", PREFIX + "vault-role": "shared", "other/vault-path": "x"})
    shop.api.create_config_map(shop.name, "vault-defaults", {"vault-role": "admin", "vault-path": "k8s"})

    def find_changed() -> dict[str, Any] | None:
        status, pod = shop.create_pod()
        assert status == 201, pod
        return pod if is_wrapped(pod) else None

    pod = poll(find_changed, what="defaults of the namespace seen")
    assert (read_env(pod)["VAULT_ROLE"], read_env(pod)["VAULT_PATH"]) == ("shared", "k8s")
    status, pod = shop.create_pod(vault_path="own")
    assert status == 201
    assert (read_env(pod)["VAULT_ROLE"], read_env(pod)["VAULT_PATH"]) == ("shared", "own")
    status, pod = shop.create_pod(mutate="skip")
    assert status == 201
    assert not is_wrapped(pod)


def test_a_default_must_be_allowed_too(shop: Namespace) -> None:
    shop.annotate({PREFIX + "mutate": "true", PREFIX + "vault-role": "admin"})
    status, answer = shop.create_pod()
    assert status == 403
    assert f"annotation {PREFIX}vault-role (a default of the namespace): the role 'admin'" in answer["message"]


def test_a_provider_may_be_a_default(shop: Namespace) -> None:
    shop.annotate({PREFIX + "mutate": "true", NEW_PREFIX + "provider": "vault"})
    status, pod = shop.create_pod()
    assert status == 201
    assert pod["spec"]["containers"][0]["command"] == ["/vault/secret-init"]
