"""No answer from the webhook: pods that ask to be changed are refused, and all others go on, by the guide's conditions."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.own_certificates import read_manifests
from tests.servers.process import find_free_port, poll

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.kubernetes import ApiServer

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "choosing.md"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
ASKING = {"vault.security.banzaicloud.io/mutate": "true"}
OWN = "vault"  # the webhook's own namespace in the guide


@pytest.fixture
def namespace(api_server: ApiServer) -> Iterator[str]:
    """A namespace whose webhook is away."""
    name = f"fail-closed-{secrets.token_hex(4)}"
    api_server.create_namespace(name)
    (documented,) = read_manifests(GUIDE, "conditions")
    only_here = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [name, OWN]}
    documented["namespaceSelector"]["matchExpressions"].append(only_here)
    webhook = {
        "name": "pods.fail-closed.test.invalid",
        "clientConfig": {"url": f"https://127.0.0.1:{find_free_port()}/pods"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "NoneOnDryRun",
        **documented,
    }
    api_server.act("POST", CONFIGURATIONS, {"metadata": {"name": name}, "webhooks": [webhook]})
    poll(lambda: create(api_server, name, ASKING)[0] != 201, what="the webhook in force")
    yield name
    api_server.act("DELETE", f"{CONFIGURATIONS}/{name}")


def create(api: ApiServer, namespace: str, annotations: dict[str, str] | None) -> tuple[int, Any]:
    metadata: dict[str, Any] = {"generateName": "pod-"}
    if annotations is not None:
        metadata["annotations"] = annotations
    pod = {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": "app"}]}}
    return api.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod)


def test_only_what_asks_is_held_up(api_server: ApiServer, namespace: str) -> None:
    status, answer = create(api_server, namespace, ASKING)
    assert (status, "failed calling webhook" in answer["message"]) == (500, True)
    for others in (None, {}, {"other": "true"}, {"vault.security.banzaicloud.io/mutate": "skip"}):
        assert create(api_server, namespace, others)[0] == 201


def test_the_webhooks_own_pods_can_come_back(api_server: ApiServer, namespace: str) -> None:
    assert create(api_server, namespace, ASKING)[0] == 500
    api_server.create_namespace(OWN)
    assert create(api_server, OWN, ASKING)[0] == 201
