"""Deployments and StatefulSets roll out with their secrets, which nobody sees who may only `kubectl exec`."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from e2e.images import APP, run
from tests.servers.lookup import find_command
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.pods import Namespace, Pod
    from tests.servers.openbao import OpenBao

REPLICAS = 2
REFERENCE = "vault:secret/data/app/controllers#password"
# Kind -> the path of its API, and what its specification has besides the template.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "Deployment": ("deployments", {}),
    "StatefulSet": ("statefulsets", {"serviceName": "app"}),
}


@pytest.fixture(params=KINDS)
def pods(
    request: pytest.FixtureRequest, namespaces: dict[str, Namespace], bao: OpenBao, canary: str
) -> Iterator[list[Pod]]:
    """The pods of a controller's object that has rolled out; their secret is the canary."""
    bao.write_kv2("app/controllers", {"password": canary})
    namespace = namespaces["self"]
    resource, more = KINDS[request.param]
    path = f"/apis/apps/v1/namespaces/{namespace.name}/{resource}"
    name = f"{request.param.lower()}-{secrets.token_hex(4)}"
    spec = {
        "replicas": REPLICAS,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": namespace.describe_app("scratch", {"PASSWORD": REFERENCE}, [APP, "0"]),
        },
        **more,
    }
    created = namespace.api.act("POST", path, {"metadata": {"name": name}, "spec": spec})
    poll(lambda: is_rolled_out(namespace, f"{path}/{name}"), what=f"{name} rolled out", seconds=45)
    yield namespace.find_pods(name)
    assert canary not in json.dumps(created)
    namespace.api.act("DELETE", f"{path}/{name}")


def is_rolled_out(namespace: Namespace, path: str) -> bool:
    status = namespace.api.act("GET", path)["status"]
    return bool(status.get("readyReplicas") == status.get("updatedReplicas") == REPLICAS)


def test_every_pod_has_the_secret(pods: list[Pod], canary: str) -> None:
    assert len(pods) == REPLICAS
    for pod in pods:
        assert f"env PASSWORD={canary}\n" in pod.wait_until_ready()


def test_exec_shows_the_environment_without_the_secret(pods: list[Pod], canary: str, tmp_path: Path) -> None:
    """What kubectl starts in the container gets the pod's environment, as the API server has it."""
    namespace = pods[0].namespace
    kubeconfig = namespace.api.write_kubeconfig(tmp_path / "kubeconfig", namespace=namespace.name)
    shown = run([find_command("kubectl"), f"--kubeconfig={kubeconfig}", "exec", pods[0].name, "--", APP])
    assert f"env PASSWORD={REFERENCE}\n" in shown
    assert canary not in shown
    assert f"env PASSWORD={canary}\n" in pods[0].wait_until_ready()
