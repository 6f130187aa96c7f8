"""A cluster with everything of the main path: API server, OpenBao that trusts its ServiceAccounts, and the webhook."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.cluster.webhook import Webhook
from tests.fakes.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer
    from tests.servers.openbao import OpenBao

SYSTEM = "vault-system"
# The rule that docs/reference/webhook.md lists.
READS_ENVIRONMENT = [{"apiGroups": [""], "resources": ["secrets", "configmaps", "serviceaccounts"], "verbs": ["get"]}]
DEFAULT_PULL_SECRET = "registry"


@pytest.fixture(scope="session")
def registry_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of registries; the webhook trusts it."""
    return Authority(tmp_path_factory.mktemp("registry-authority"))


@pytest.fixture(scope="session")
def webhook(
    api_server: ApiServer,
    openbao_tls: OpenBao,
    registry_authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Webhook]:
    """A webhook process that may read what it needs, and nothing else, with a real ServiceAccount's token."""
    folder = tmp_path_factory.mktemp("webhook")
    api_server.create_namespace(SYSTEM)
    api_server.create_service_account(SYSTEM, "webhook")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "webhook"},
        "rules": READS_ENVIRONMENT,
    }
    api_server.act("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
    api_server.bind_cluster_role("webhook", "webhook", SYSTEM, "webhook")
    token = api_server.request_token(SYSTEM, "webhook")
    kubeconfig = api_server.write_kubeconfig(folder / "kubeconfig", token=token)
    settings = {
        "VAULT_ADDR": openbao_tls.address,
        "BAO_ADDR": openbao_tls.address,
        "LOG_LEVEL": "debug",
        "REGISTRY_CA_FILE": str(registry_authority.ca_file),
        "DEFAULT_IMAGE_PULL_SECRET": DEFAULT_PULL_SECRET,
        "DEFAULT_IMAGE_PULL_SECRET_NAMESPACE": SYSTEM,
    }
    with Webhook(folder, kubeconfig, settings) as process:
        yield process


class Tenant(NamedTuple):
    """A namespace whose pods the webhook mutates, and whose ServiceAccount `app` may log in as role `app` of it."""

    api: ApiServer
    bao: OpenBao
    webhook: Webhook
    namespace: str
    token_file: Path

    def path(self, name: str) -> str:
        """The API path of a KV version 2 secret of this tenant."""
        return f"secret/data/{self.namespace}/{name}"

    def write(self, name: str, data: dict[str, Any]) -> int:
        """Write a KV version 2 secret of this tenant; its version."""
        return self.bao.write_kv2(f"{self.namespace}/{name}", data)

    def create_pod(self, spec: dict[str, Any], **annotations: str) -> tuple[int, dict[str, Any]]:
        """Create a pod through the API server; the status and the stored pod, or the Status object."""
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"pod-{secrets.token_hex(4)}",
                "annotations": {
                    f"vault.security.banzaicloud.io/{key.replace('_', '-')}": value
                    for key, value in annotations.items()
                },
            },
            "spec": {"serviceAccountName": "app", **spec},
        }
        status, answer = self.api.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", pod)
        return status, answer

    def app(self, env: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        """A pod's spec with one container that prints its environment."""
        connection = [
            {"name": "VAULT_CACERT", "value": str(self.bao.ca_file)},
            {"name": "VAULT_JWT_FILE", "value": str(self.token_file)},
        ]
        container = {"name": "app", "image": "app", "command": ["env", "-0"], "env": [*env, *connection], **fields}
        return {"containers": [container]}


@pytest.fixture
def tenant(api_server: ApiServer, openbao_tls: OpenBao, webhook: Webhook, tmp_path: Path) -> Iterator[Tenant]:
    """A fresh namespace, registered with the webhook, and a role for its ServiceAccount `app` in OpenBao."""
    namespace = f"shop-{secrets.token_hex(4)}"
    api_server.create_namespace(namespace)
    api_server.create_service_account(namespace, "app")
    mount = f"kubernetes-{namespace}"
    openbao_tls.enable_kubernetes_auth(api_server, mount)
    policy = {f"secret/data/{namespace}/*": ["read"], f"{namespace}-*": ["read", "update"]}
    openbao_tls.write_policy(namespace, policy)
    openbao_tls.create_kubernetes_role(
        "app", namespace=namespace, service_account="app", policies=[namespace], mount=mount
    )
    token_file = tmp_path / "token"
    token_file.write_text(api_server.request_token(namespace, "app"))
    api_server.register_pod_webhook(f"{webhook.url}/pods", webhook.ca_bundle, name=namespace, namespace=namespace)
    yield Tenant(api_server, openbao_tls, webhook, namespace, token_file)
    api_server.unregister_webhook(namespace)
