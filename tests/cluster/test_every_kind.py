"""Everything that reviews were captured of, done once more to a cluster whose webhook is ours: it works, and what was a
reference is a value in Secrets, ConfigMaps and custom resources. Vault is a stand-in; what it can do is proved elsewhere.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.webhook import Webhook
from tests.fakes.surroundings import Surroundings
from tests.golden.reviews.capture import CONFIGURATIONS, define_database, take_step
from tests.golden.reviews.steps import GROUP, IMPOSSIBLE, REFERENCE, STEPS
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.golden.reviews.steps import Step
    from tests.servers.kubernetes import ApiServer

NAMESPACE = "every-kind"
CHANGED = ["CREATE", "UPDATE"]
# Resource -> path of the webhook, group, operations: as charts register them.
RULES: tuple[tuple[str, str, str, list[str]], ...] = (
    ("pods", "/pods", "", ["CREATE"]),
    ("secrets", "/secrets", "", CHANGED),
    ("configmaps", "/configmaps", "", CHANGED),
    ("databases", "/objects", GROUP, CHANGED),
)
REFUSED = "pod-create-refused"
LEFT_ALONE = {
    *("pod-create", "pod-create-skipped", "pod-create-windows"),
    *("secret-create-plain", "secret-create-dry-run", "secret-delete"),
    *("config-map-create-plain", "config-map-delete"),
    *("custom-create-dry-run", "custom-status", "custom-delete"),
}


@pytest.fixture
def cluster(api_server: ApiServer, tmp_path: Path, canary: str) -> Iterator[ApiServer]:
    """An API server that sends the objects of one namespace to a webhook, whose Vault has the canary."""
    surroundings = Surroundings(canary)
    (tmp_path / "jwt").write_text("jwt")
    settings = {
        "VAULT_ADDR": surroundings.server.address,
        "VAULT_JWT_FILE": str(tmp_path / "jwt"),
        "KUBERNETES_NAMESPACE": "default",
    }
    api_server.create_namespace(NAMESPACE)
    api_server.create_service_account(NAMESPACE, "app")
    define_database(api_server)
    try:
        with Webhook(tmp_path, api_server.write_kubeconfig(tmp_path / "kubeconfig"), settings) as webhook:
            api_server.act("POST", CONFIGURATIONS, make_configuration(webhook))
            wait_until_in_force(api_server, canary)
            yield api_server
            api_server.act("DELETE", f"{CONFIGURATIONS}/{NAMESPACE}")
    finally:
        surroundings.stop()


def make_configuration(webhook: Webhook) -> dict[str, Any]:
    bundle = base64.b64encode(webhook.ca_bundle.encode()).decode()
    webhooks = [
        {
            "name": f"{resource}.every.test.invalid",
            "clientConfig": {"url": webhook.url + path, "caBundle": bundle},
            "rules": [{"apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": operations}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "failurePolicy": "Fail",
        }
        for resource, path, group, operations in RULES
    ]
    return {"metadata": {"name": NAMESPACE}, "webhooks": webhooks}


def wait_until_in_force(api: ApiServer, canary: str) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    trial = {"metadata": {"generateName": "trial-"}, "data": {"a": REFERENCE}}
    poll(lambda: api.act("POST", path, trial)["data"] == {"a": canary}, what="webhook in force")


def read_values(step: Step, answer: dict[str, Any]) -> str:
    """Give the values of a stored object as one text: those of Secrets, and of `binaryData`, decoded."""
    encoded = {**answer.get("binaryData", {}), **(answer.get("data", {}) if step.path.startswith("/secrets") else {})}
    plain = {} if step.path.startswith("/secrets") else {key: answer.get(key) for key in ("data", "spec")}
    texts = [base64.b64decode(text).decode(errors="replace") for text in encoded.values()]
    return "\n".join([*texts, json.dumps(plain)])


def test_every_step(cluster: ApiServer, canary: str) -> None:
    for step in STEPS:
        status, answer = take_step(cluster, step, NAMESPACE)
        assert (status >= 400) == (step.name in {REFUSED, IMPOSSIBLE}), (step.name, answer)
        if step.name.startswith("pod"):
            check_pod(step, answer, canary)
        elif step.name not in LEFT_ALONE:
            values = read_values(step, answer)
            assert canary in values, step.name
            assert "vault:" not in values, step.name
        if step.name in {"custom-create", "custom-update"}:
            assert answer["metadata"]["annotations"] == {"note": REFERENCE}


def check_pod(step: Step, answer: dict[str, Any], canary: str) -> None:
    """Check that a pod is started by us where it needs that, and holds no secret."""
    text = json.dumps(answer)
    assert canary not in text
    if step.name.startswith(("pod-create", "pod-apply")) and step.name != REFUSED:
        is_changed = "/vault/vault-env" in text or "/vault/secret-init" in text
        assert is_changed == (step.name not in LEFT_ALONE), step.name
