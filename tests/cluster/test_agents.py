"""Agents in pods that the API server takes where it enforces PodSecurity `restricted`, and what is made for them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.container import find_container, run_container
from tests.cluster.test_pod_security import NON_ROOT, PREFIX, container
from tests.servers.agent import run_agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.conftest import Tenant
    from tests.cluster.webhook import Webhook
    from tests.servers.kubernetes import ApiServer

SYSTEM = "vault-system"
RBAC = "rbac.authorization.k8s.io"
OWNER = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "name": "shop-7d4b9",
    "uid": "11111111-2222-3333-4444-555555555555",
}
AGENT = {"vault-agent": "true"}
SIDECAR = {"vault-agent-configmap": "own-agent"}
TEMPLATE = {"vault-ct-configmap": "own-templates"}


def allow_config_maps(api: ApiServer, namespace: str) -> None:
    """Let the webhook make ConfigMaps in a namespace, as docs/guides/agents.md says."""
    path = f"/apis/{RBAC}/v1/namespaces/{namespace}"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}
    api.act("POST", f"{path}/roles", {"metadata": {"name": "agents"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "agents"},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "agents"},
        "subjects": [{"kind": "ServiceAccount", "namespace": SYSTEM, "name": "webhook"}],
    }
    api.act("POST", f"{path}/rolebindings", binding)


@pytest.fixture(scope="module")
def restricted(api_server: ApiServer, webhook: Webhook) -> Iterator[str]:
    """A namespace that enforces the level `restricted`, in which the webhook may make ConfigMaps."""
    namespace = f"agents-{secrets.token_hex(4)}"
    api_server.create_namespace(namespace, {"pod-security.kubernetes.io/enforce": "restricted"})
    allow_config_maps(api_server, namespace)
    api_server.register_pod_webhook(f"{webhook.url}/pods", webhook.ca_bundle, name=namespace, namespace=namespace)
    yield namespace
    api_server.unregister_webhook(namespace)


def create(
    api: ApiServer, namespace: str, spec: dict[str, Any], annotations: dict[str, str], query: str = "", **metadata: Any
) -> tuple[int, dict[str, Any]]:
    """Create a pod; the status and the stored pod, or the Status object."""
    named = {"name": f"pod-{secrets.token_hex(4)}"} if "generateName" not in metadata else {}
    written = {PREFIX + key: text for key, text in annotations.items()}
    pod = {"metadata": {**named, "annotations": written, **metadata}, "spec": spec}
    return api.request("POST", f"/api/v1/namespaces/{namespace}/pods{query}", pod)


def list_names(pod: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Give the names of init containers, sidecars with a `+`, and of containers."""
    return (
        [one["name"] + "+" * (one.get("restartPolicy") == "Always") for one in pod["spec"].get("initContainers", [])],
        [one["name"] for one in pod["spec"]["containers"]],
    )


def plain(**fields: Any) -> dict[str, Any]:
    """A pod's spec without references."""
    app = {**container(**NON_ROOT), "env": []}
    return {"containers": [app], **fields}


def wrapped(**fields: Any) -> dict[str, Any]:
    """A pod's spec with a reference."""
    return {"containers": [container(**NON_ROOT)], **fields}


OLD_INIT = {
    "name": "prepare",
    "image": "prepare",
    "command": ["prepare"],
    "securityContext": container()["securityContext"],
}
OLD = {"initContainers": [{**OLD_INIT, "securityContext": {**OLD_INIT["securityContext"], **NON_ROOT}}]}
ONCE = {"vault-ct-once": "true"}
CASES: list[tuple[str, dict[str, Any], dict[str, str], list[str]]] = [
    ("init", wrapped(), AGENT, ["vault-agent", "copy-vault-env"]),
    ("init with a ConfigMap", wrapped(), {**AGENT, **SIDECAR}, ["vault-agent", "copy-vault-env"]),
    ("sidecar", wrapped(), SIDECAR, ["copy-vault-env", "vault-agent+"]),
    ("sidecar before others", plain(**OLD), SIDECAR, ["vault-agent+", "prepare"]),
    ("once", plain(), {**SIDECAR, "vault-agent-once": "true"}, ["vault-agent"]),
    ("consul-template", plain(), TEMPLATE, ["vault-agent", "consul-template+"]),
    (
        "consul-template beside all",
        wrapped(),
        {**TEMPLATE, **AGENT},
        ["vault-agent", "copy-vault-env", "consul-template+"],
    ),
    (
        "consul-template for init containers",
        wrapped(**OLD),
        {**TEMPLATE, **ONCE, "vault-ct-inject-in-initcontainers": "true"},
        ["vault-agent", "copy-vault-env", "consul-template", "prepare"],
    ),
    ("both", plain(), {**TEMPLATE, **SIDECAR}, ["vault-agent", "vault-agent-1+", "consul-template+"]),
    (
        "token of the pod",
        plain(volumes=[{"name": "tokens", "emptyDir": {}}]),
        {**TEMPLATE, "token-auth-mount": "tokens:app"},
        ["copy-vault-token", "consul-template+"],
    ),
    ("user of the pod", wrapped(securityContext={"runAsUser": 7}), AGENT, ["vault-agent", "copy-vault-env"]),
    ("other folder", plain(), {**SIDECAR, "vault-configfile-path": "/etc/secrets"}, ["vault-agent+"]),
    (
        "everything about it",
        wrapped(),
        {
            **AGENT,
            "vault-role": 'x" } ${a}\n',
            "vault-tls-secret": "vault-ca",
            "vault-namespace": "team",
            "vault-agent-cpu-request": "10m",
            "vault-agent-memory-limit": "64Mi",
            "vault-agent-memory-request": "32Mi",
            "vault-agent-env-variables": '[{"Name": "VAULT_LOG_LEVEL", "Value": "debug"}]',
        },
        ["vault-agent", "copy-vault-env"],
    ),
]


@pytest.mark.parametrize(("spec", "annotations", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_a_restricted_namespace_takes_the_pod_and_a_second_pass_changes_nothing(
    api_server: ApiServer, restricted: str, spec: dict[str, Any], annotations: dict[str, str], expected: list[str]
) -> None:
    status, pod = create(api_server, restricted, spec, annotations)
    assert status == 201, pod
    assert list_names(pod) == (expected, ["app"])
    kept = {key.removeprefix(PREFIX): text for key, text in pod["metadata"]["annotations"].items()}
    status, again = create(api_server, restricted, pod["spec"], kept)
    assert status == 201, again
    assert again["spec"] == pod["spec"]


def find_generated(api: ApiServer, pod: dict[str, Any]) -> dict[str, Any]:
    """Find the ConfigMap that was generated for a pod, by its volume."""
    (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "vault-agent-config"]
    found: dict[str, Any] = api.act(
        "GET", f"/api/v1/namespaces/{pod['metadata']['namespace']}/configmaps/{volume['configMap']['name']}"
    )
    return found


def test_the_generated_config_map_belongs_to_the_owner_of_the_pod(api_server: ApiServer, restricted: str) -> None:
    metadata: dict[str, Any] = {"generateName": "shop-7d4b9-", "ownerReferences": [{**OWNER, "controller": True}]}
    found = []
    for _ in range(2):
        status, pod = create(api_server, restricted, wrapped(), AGENT, **metadata)
        assert status == 201, pod
        found.append(find_generated(api_server, pod))
    assert found[0] == found[1]
    assert found[0]["metadata"]["name"].startswith("shop-vault-agent-config-")
    assert found[0]["metadata"]["ownerReferences"] == [OWNER]
    assert found[0]["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "vault-secrets-webhook"}
    assert found[0]["immutable"] is True


def test_a_config_map_of_somebody_else_is_left_alone(api_server: ApiServer, restricted: str) -> None:
    """Whoever foresees the name gets the pod refused, and nothing written over."""
    metadata: dict[str, Any] = {"name": "foreseen"}
    status, pod = create(api_server, restricted, wrapped(), AGENT, query="?dryRun=All", **metadata)
    assert status == 201, pod
    (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "vault-agent-config"]
    name = volume["configMap"]["name"]
    api_server.create_config_map(restricted, name, {"config.hcl": "theirs"})
    status, answer = create(api_server, restricted, wrapped(), AGENT, **metadata)
    assert status == 422, answer
    assert f"ConfigMap {name}, which the pod's agent needs, is there with another content" in answer["message"]
    kept = api_server.act("GET", f"/api/v1/namespaces/{restricted}/configmaps/{name}")
    assert kept["data"] == {"config.hcl": "theirs"}


def test_a_dry_run_makes_no_config_map(api_server: ApiServer, restricted: str) -> None:
    path = f"/api/v1/namespaces/{restricted}/configmaps"
    before = [one["metadata"]["name"] for one in api_server.act("GET", path)["items"]]
    status, pod = create(api_server, restricted, wrapped(), {**AGENT, "vault-role": "dry"}, query="?dryRun=All")
    assert status == 201, pod
    assert list_names(pod)[0] == ["vault-agent", "copy-vault-env"]
    assert [one["metadata"]["name"] for one in api_server.act("GET", path)["items"]] == before


def test_without_the_right_to_make_it_the_operator_is_told(api_server: ApiServer, webhook: Webhook) -> None:
    namespace = f"no-agents-{secrets.token_hex(4)}"
    api_server.create_namespace(namespace)
    api_server.register_pod_webhook(f"{webhook.url}/pods", webhook.ca_bundle, name=namespace, namespace=namespace)
    status, answer = create(api_server, namespace, wrapped(), AGENT)
    api_server.unregister_webhook(namespace)
    assert status == 500
    assert f"the verb create for configmaps in namespace {namespace}" in answer["message"]


def test_processes_are_shared_where_it_is_asked_for_and_allowed(tenant: Tenant) -> None:
    asked = {"vault_agent_configmap": "own-agent", "vault_agent_share_process_namespace": "true"}
    status, pod = tenant.create_pod(plain(), **asked)
    assert status == 201, pod
    assert pod["spec"]["shareProcessNamespace"] is True
    assert find_container(pod, "vault-agent")["securityContext"]["capabilities"]["add"] == ["SYS_PTRACE"]


def test_sharing_processes_is_refused_by_a_restricted_namespace(api_server: ApiServer, restricted: str) -> None:
    annotations = {**SIDECAR, "vault-agent-share-process-namespace": "true"}
    status, answer = create(api_server, restricted, plain(), annotations)
    assert status == 403
    assert "SYS_PTRACE" in answer["message"]


def test_the_agent_of_a_pod_logs_in_for_its_application(tenant: Tenant, tmp_path: Path, canary: str) -> None:
    """What kubelet would do: the agent runs with the stored configuration, then the application with its token."""
    allow_config_maps(tenant.api, tenant.namespace)
    tenant.write("app", {"password": canary})
    spec = tenant.app([{"name": "PASSWORD", "value": f"vault:{tenant.path('app')}#password"}])
    # A role that nobody may have is the application's: it must not log in itself.
    status, pod = tenant.create_pod(
        spec, vault_agent="true", vault_role="app", vault_path=f"kubernetes-{tenant.namespace}"
    )
    assert status == 201, pod
    text = find_generated(tenant.api, pod)["data"]["config.hcl"]
    mounted = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    for place, here in (("/vault/.vault-token", tmp_path / "token"), (mounted, tenant.token_file)):
        assert f'"{place}"' in text
        text = text.replace(f'"{place}"', f'"{here}"')
    config = tmp_path / "config.hcl"
    config.write_text(text)
    ended = run_agent(config, tenant.bao.address, tmp_path, ca_file=tenant.bao.ca_file)
    assert ended.status == 0, ended.log
    for variable in find_container(pod, "app")["env"]:
        if variable["name"] == "VAULT_TOKEN_FILE":
            assert variable["value"] == "/vault/.vault-token"
            variable["value"] = str(tmp_path / "token")
        if variable["name"] == "VAULT_ROLE":
            variable["value"] = "nobody"
    run = run_container(tenant.api, pod)
    assert run.returncode == 0, run.stderr
    assert f"PASSWORD={canary}\0" in run.stdout
    assert canary not in ended.log
