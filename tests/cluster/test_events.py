"""Events about refused pods on a real API server: who may write them, and where `kubectl describe` finds them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.unit.webhook.serving import in_loop, make_review, until
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook import events as events_module
from vault_secrets_webhook.webhook.admission import decode_review
from vault_secrets_webhook.webhook.events import open_recorder
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.discovery import find_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer
    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.events import EventRecorder

pytestmark = pytest.mark.servers
NAMESPACE, ACCOUNT = "events", "recorder"
# The rule that docs/reference/permissions.md lists.
RULES = [{"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]}]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
LABELS = {"app": "web"}
REPLICA_SET = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "metadata": {"name": "web-5d4c"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "app", "image": "app"}]}},
    },
}


@pytest.fixture(scope="module")
def account(api_server: ApiServer) -> str:
    """Make a ServiceAccount that may do nothing yet; gives its token."""
    api_server.create_namespace(NAMESPACE)
    api_server.create_service_account(NAMESPACE, ACCOUNT)
    return api_server.request_token(NAMESPACE, ACCOUNT)


def allow_events(api_server: ApiServer) -> None:
    """Let the ServiceAccount write Events in its namespace only."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": ACCOUNT}, "rules": RULES}
    api_server.act("POST", f"{RBAC}/namespaces/{NAMESPACE}/roles", role)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": ACCOUNT}],
    }
    api_server.act("POST", f"{RBAC}/namespaces/{NAMESPACE}/rolebindings", binding)


@contextlib.asynccontextmanager
async def recording(kubeconfig: Path, outcomes: list[str]) -> AsyncIterator[EventRecorder]:
    cluster = find_cluster(str(kubeconfig), {})
    assert cluster is not None
    async with open_client(cluster) as client, open_recorder(client, Log(), outcomes.append) as recorder:
        yield recorder


def request_for(owner: Any) -> AdmissionRequest:
    reference = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    pod = {"metadata": {"generateName": "web-5d4c-", "ownerReferences": [reference]}}
    return decode_review(make_review(namespace=NAMESPACE, object=pod)).request


def describe(api_server: ApiServer, owner: Any) -> list[Any]:
    """Ask for the Events of an object as `kubectl describe` does."""
    wanted = {"name": owner["metadata"]["name"], "namespace": NAMESPACE, "kind": "ReplicaSet"}
    selector = ",".join(f"involvedObject.{key}={value}" for key, value in wanted.items())
    selector += f",involvedObject.uid={owner['metadata']['uid']}"
    answer = api_server.act("GET", f"/api/v1/namespaces/{NAMESPACE}/events?{urlencode({'fieldSelector': selector})}")
    found: list[Any] = answer["items"]
    return found


def test_events(
    api_server: ApiServer,
    account: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """First without the permission, then with it; what is repeated is counted."""
    monkeypatch.setattr(events_module, "REPEAT_PAUSE", 0.0)
    monkeypatch.setattr(events_module, "FORBIDDEN_PAUSE", 0.0)
    kubeconfig = api_server.write_kubeconfig(tmp_path / "kubeconfig", token=account)
    owner = api_server.act("POST", f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets", REPLICA_SET)
    outcomes: list[str] = []

    async def refuse_some() -> None:
        async with recording(kubeconfig, outcomes) as recorder:
            recorder.note_refusal(request_for(owner), "annotation x: no")
            await until(lambda: len(outcomes) == 1)
            allow_events(api_server)
            for number in range(2, 30):  # RBAC takes a moment to know of the role
                recorder.note_refusal(request_for(owner), "annotation x: no")
                await until(lambda number=number: len(outcomes) == number)  # type: ignore[misc]
                if outcomes[-2:] == ["written", "written"]:
                    return

    in_loop(refuse_some)()
    assert (outcomes[0], outcomes[-2:]) == ("failed", ["written", "written"])
    [event] = describe(api_server, owner)
    assert (event["type"], event["reason"], event["message"]) == (
        "Warning",
        "SecretInjectionRefused",
        "annotation x: no",
    )
    assert event["count"] == len(outcomes)
    assert event["source"] == {"component": "vault-secrets-webhook"}
    assert event["lastTimestamp"] >= event["firstTimestamp"]
    [line] = [line for line in capfd.readouterr().err.splitlines() if "could not be written" in line]
    assert "the webhook needs the verb create for events in namespace events" in line
