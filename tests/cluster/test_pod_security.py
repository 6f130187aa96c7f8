"""What the API server itself checks of a pod that was mutated: PodSecurity `restricted`, and pod-level resources.

Without the webhook it takes each of these pods; so it must with it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.webhook import Webhook
    from tests.servers.kubernetes import ApiServer

PREFIX = "vault.security.banzaicloud.io/"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
NON_ROOT: dict[str, Any] = {"runAsNonRoot": True}
TOKENS: dict[str, Any] = {"volumes": [{"name": "tokens", "emptyDir": {}}]}
TOKEN = {"token-auth-mount": "tokens:app"}


@pytest.fixture(scope="module")
def restricted(api_server: ApiServer, webhook: Webhook) -> Iterator[str]:
    """A namespace that enforces the level `restricted`, registered with the webhook."""
    namespace = f"restricted-{secrets.token_hex(4)}"
    api_server.create_namespace(namespace, {"pod-security.kubernetes.io/enforce": "restricted"})
    api_server.register_pod_webhook(f"{webhook.url}/pods", webhook.ca_bundle, name=namespace, namespace=namespace)
    yield namespace
    api_server.unregister_webhook(namespace)


def container(name: str = "app", **security: Any) -> dict[str, Any]:
    env = [{"name": "A", "value": "vault:secret/data/a#b"}]
    return {"name": name, "image": "app", "command": [name], "env": env, "securityContext": {**RESTRICTED, **security}}


def create(
    api: ApiServer, namespace: str, spec: dict[str, Any], annotations: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    metadata = {
        "name": f"pod-{secrets.token_hex(4)}",
        "annotations": {PREFIX + key: text for key, text in annotations.items()},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return api.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)


SECURITY: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("pod", {"containers": [container()], "securityContext": NON_ROOT}, {}),
    ("pod-with-user", {"containers": [container()], "securityContext": {**NON_ROOT, "runAsUser": 7}}, {}),
    ("container", {"containers": [container(**NON_ROOT)]}, {}),
    ("container-with-user", {"containers": [container(**NON_ROOT, runAsUser=7)]}, {}),
    (
        "containers-with-users",
        {"containers": [container(**NON_ROOT, runAsUser=7), container("b", **NON_ROOT, runAsUser=8)]},
        {},
    ),
    ("token", {"containers": [container(**NON_ROOT)], **TOKENS}, TOKEN),
    ("annotation", {"containers": [container(**NON_ROOT)]}, {"run-as-user": "1000", "run-as-group": "1000"}),
    ("certificate", {"containers": [container(**NON_ROOT)]}, {"vault-tls-secret": "vault-ca"}),
]


@pytest.mark.parametrize(("spec", "annotations"), [row[1:] for row in SECURITY], ids=[row[0] for row in SECURITY])
def test_a_restricted_namespace_takes_the_mutated_pod(
    api_server: ApiServer, restricted: str, spec: dict[str, Any], annotations: dict[str, str]
) -> None:
    status, pod = create(api_server, restricted, spec, annotations)
    assert status == 201, pod
    assert pod["spec"]["initContainers"][-1]["name"] == "copy-vault-env"


def test_a_restricted_namespace_refuses_what_is_not(api_server: ApiServer, restricted: str) -> None:
    spec = {"containers": [container(**NON_ROOT)]}
    status, answer = create(api_server, restricted, spec, {"psp-allow-privilege-escalation": "true"})
    assert status == 403
    assert '"copy-vault-env" must set securityContext.allowPrivilegeEscalation=false' in answer["message"]


SMALL, TINY = {"cpu": "20m", "memory": "32Mi"}, {"cpu": "10m", "memory": "16Mi"}
RESOURCES = [
    {"requests": TINY, "limits": SMALL},
    {"limits": SMALL},
    {"requests": TINY},
    {"limits": {"cpu": "20m"}},
    {"requests": {"memory": "16Mi"}},
]


@pytest.mark.parametrize("resources", RESOURCES, ids=str)
def test_what_is_injected_fits_into_the_resources_of_the_pod(
    api_server: ApiServer, restricted: str, resources: dict[str, Any]
) -> None:
    spec = {"containers": [container(**NON_ROOT)], "resources": resources, **TOKENS}
    status, pod = create(api_server, restricted, spec, TOKEN)
    assert status == 201, pod
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["copy-vault-token", "copy-vault-env"]
    assert pod["spec"]["resources"]["requests"]
