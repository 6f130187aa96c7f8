"""Everything that the webhook asks of the API server about a namespace, with a Role of that namespace and no other right.

The Role has what docs/reference/permissions.md lists for features that are not about the webhook's own certificate. Vault
is a stand-in; what a login there needs is proved elsewhere.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.cluster.webhook import Webhook
from tests.fakes.surroundings import REFERENCE, Surroundings, encode
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer

PREFIX = "vault.security.banzaicloud.io/"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
RULES = [
    {"apiGroups": [""], "resources": ["secrets", "configmaps", "serviceaccounts", "namespaces"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["configmaps", "serviceaccounts/token"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
]


class Shop(NamedTuple):
    """A namespace that lets the webhook in, and a neighbour that does not; both are sent to it."""

    api: ApiServer
    webhook: Webhook
    vault: Surroundings
    name: str
    neighbour: str

    def create(self, resource: str, body: dict[str, Any], namespace: str = "") -> tuple[int, Any]:
        return self.api.request("POST", f"/api/v1/namespaces/{namespace or self.name}/{resource}", body)

    def create_pod(self, env: dict[str, Any], namespace: str = "", **annotations: str) -> tuple[int, Any]:
        """Create a pod that a ReplicaSet has made."""
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}
        metadata = {
            "generateName": "web-",
            "annotations": {PREFIX + key.replace("_", "-"): text for key, text in annotations.items()},
            "ownerReferences": [owner],
        }
        container = {"name": "app", "image": "app", "command": ["app"], "env": [{"name": "A", **env}]}
        spec = {"serviceAccountName": "app", "containers": [container]}
        return self.create("pods", {"metadata": metadata, "spec": spec}, namespace)

    def list(self, resource: str) -> list[Any]:
        items: list[Any] = self.api.act("GET", f"/api/v1/namespaces/{self.name}/{resource}")["items"]
        return items


@pytest.fixture
def shop(api_server: ApiServer, tmp_path: Path, canary: str) -> Iterator[Shop]:
    names = [f"roles-{secrets.token_hex(4)}" for _ in range(3)]
    system = names.pop()
    api_server.create_namespace(system)
    api_server.create_service_account(system, "webhook")
    vault = Surroundings(canary)
    (tmp_path / "jwt").write_text("jwt")
    settings = {
        "VAULT_ADDR": vault.server.address,
        "VAULT_JWT_FILE": str(tmp_path / "jwt"),
        "NAMESPACE_DEFAULTS": "annotations",
    }
    token = api_server.request_token(system, "webhook")
    try:
        with Webhook(tmp_path, api_server.write_kubeconfig(tmp_path / "kubeconfig", token=token), settings) as webhook:
            for name in names:
                fill(api_server, name)
                for resource in ("pods", "secrets"):
                    url = f"{webhook.url}/{resource}"
                    operations = ("CREATE",)
                    api_server.register_webhook(
                        url, webhook.ca_bundle, name=f"{name}-{resource}", resources=(resource,), operations=operations, namespace=name
                    )  # fmt: skip
            allow(api_server, names[0], system)
            yield Shop(api_server, webhook, vault, names[0], names[1])
            for name in names:
                for resource in ("pods", "secrets"):
                    api_server.unregister_webhook(f"{name}-{resource}")
    finally:
        vault.stop()


def fill(api: ApiServer, name: str) -> None:
    """Make a namespace with an account, a Secret that holds a reference, and a default."""
    api.create_namespace(name)
    api.create_service_account(name, "app")
    api.create_secret(name, "db", {"password": REFERENCE})
    found = api.act("GET", f"/api/v1/namespaces/{name}")
    found["metadata"]["annotations"] = {PREFIX + "vault-role": "of-the-namespace"}
    api.act("PUT", f"/api/v1/namespaces/{name}", found)


def allow(api: ApiServer, name: str, system: str) -> None:
    """Grant in a namespace what the webhook needs there, whose account is in another one."""
    metadata = {"name": "webhook"}
    api.act("POST", f"{RBAC}/namespaces/{name}/roles", {"metadata": metadata, "rules": RULES})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "webhook"}
    subjects = [{"kind": "ServiceAccount", "name": "webhook", "namespace": system}]
    body = {"metadata": metadata, "roleRef": role, "subjects": subjects}
    api.act("POST", f"{RBAC}/namespaces/{name}/rolebindings", body)


def test_a_role_of_the_namespace_is_enough(shop: Shop, canary: str) -> None:
    from_secret = {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    poll(lambda: shop.create_pod(from_secret)[0] == 201, what="the role in force")
    _, pod = shop.create_pod(from_secret, vault_agent="true")
    container = pod["spec"]["containers"][0]
    assert container["command"] == ["/vault/vault-env"]
    # The default of the namespace was read.
    assert {"name": "VAULT_ROLE", "value": "of-the-namespace"} in container["env"]
    # The configuration of the agent was made.
    assert any(one["metadata"]["name"].startswith("web-vault-agent-config-") for one in shop.list("configmaps"))
    # A token of an account was asked for, and the value is there.
    annotations = {PREFIX + "vault-serviceaccount": "app"}
    body = {"metadata": {"name": "one", "annotations": annotations}, "data": {"a": encode(REFERENCE)}}
    status, stored = shop.create("secrets", body)
    assert (status, base64.b64decode(stored["data"]["a"]).decode()) == (201, canary)
    # An Event about a refused pod was written.
    assert shop.create_pod({"value": "vault:no-key"})[0] == 422
    poll(lambda: any("no key" in one["message"] for one in shop.list("events")), what="an Event")


def test_elsewhere_the_missing_right_is_named(shop: Shop) -> None:
    status, answer = shop.create_pod({"value": REFERENCE}, shop.neighbour)
    assert status == 500
    assert "the webhook needs the verb get for namespaces" in answer["message"]
