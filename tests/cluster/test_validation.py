"""The API server takes every pod that we have changed, if it takes it as it was: by dry runs, past our webhook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.fakes.surroundings import Reviewed
from tests.fakes.verdict import judge
from tests.fuzz.pods import SETTINGS, make_pod

if TYPE_CHECKING:
    from tests.servers.kubernetes import ApiServer

GOLDEN = Path(__file__).parents[1] / "golden" / "pods"
CASES = sorted(path for path in GOLDEN.glob("*/expected.yaml") if "mutated" in yaml.safe_load(path.read_text()))
NAMESPACE = "validation"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All"
SAMPLES = 50
# Holds what no API server takes, on purpose.
NOT_VALID = frozenset(("unknown-fields-survive",))


@pytest.fixture(scope="module")
def cluster(api_server: ApiServer) -> ApiServer:
    """A namespace with the ServiceAccounts that the pods name."""
    api_server.create_namespace(NAMESPACE)
    pods = [yaml.safe_load((path.parent / "pod.yaml").read_text()) for path in CASES]
    for name in {pod["spec"].get("serviceAccountName") for pod in pods} | {"app"}:
        if name not in {None, "default"}:
            api_server.create_service_account(NAMESPACE, name)
    return api_server


def complete(pod: dict[str, Any]) -> dict[str, Any]:
    """Give a pod what every one needs and golden ones leave out: name, version and images."""
    for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
        container.setdefault("image", "app")
    metadata = {"name": "pod", **(pod.get("metadata") or {}), "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": metadata}


def validate(api: ApiServer, pod: dict[str, Any]) -> str:
    """Ask the API server about a pod; "" when it takes it."""
    status, answer = api.request("POST", PODS, complete(pod))
    return "" if status == 201 else str(answer["message"])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_golden_pod(cluster: ApiServer, path: Path) -> None:
    pod, expected = yaml.safe_load((path.parent / "pod.yaml").read_text()), yaml.safe_load(path.read_text())
    refusal = validate(cluster, pod)
    assert bool(refusal) == (path.parent.name in NOT_VALID), refusal
    if not refusal:
        assert validate(cluster, expected["mutated"]) == ""


@pytest.mark.parametrize("name", SETTINGS)
def test_generated_pods(cluster: ApiServer, name: str, tmp_path: Path) -> None:
    with Reviewed(tmp_path, "canary-of-validation", **SETTINGS[name]) as reviewed:
        patched = 0
        for number in range(SAMPLES):
            review = make_pod(name, number)
            judged = judge(review, *reviewed.post("/pods", json.dumps(review).encode()), "canary-of-validation")
            assert judged.faults == []
            if judged.result is not None:
                assert (number, validate(cluster, review["request"]["object"])) == (number, "")
                assert (number, validate(cluster, judged.result)) == (number, "")
                patched += 1
    assert patched >= SAMPLES / 2
