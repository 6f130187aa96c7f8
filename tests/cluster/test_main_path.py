"""The main path on real servers: a pod is created, mutated on its way, and its process gets what it asked for.

The API server is real, so is the webhook it calls over TLS, so is the login: OpenBao asks the API server by
TokenReview whether the ServiceAccount's token is good. Only the kubelet is played by `tests.cluster.container`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.container import VAULT_ENV, find_container, run_container

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.conftest import Tenant

REFUSED_BY = "denied the request: "


def auth_mount(tenant: Tenant) -> str:
    return f"kubernetes-{tenant.namespace}"


def run_app(tenant: Tenant, spec: dict[str, Any], **annotations: str) -> dict[str, str]:
    """Create the pod, run its container `app`, and give the environment that this printed."""
    annotations.setdefault("vault_path", auth_mount(tenant))
    status, pod = tenant.create_pod(spec, **annotations)
    assert status == 201, pod
    done = run_container(tenant.api, pod)
    assert done.returncode == 0, done.stderr
    return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)


def test_every_kind_of_secret_arrives(tenant: Tenant, canary: str) -> None:
    tenant.write("db", {"password": f"{canary}-old"})
    tenant.write("db", {"password": f"{canary}-kv2"})
    mount = tenant.namespace
    tenant.bao.enable_kv1(f"{mount}-kv1")
    tenant.bao.write_kv1("old", {"data": f"{canary}-kv1"}, mount=f"{mount}-kv1")
    tenant.bao.enable_pki(f"{mount}-pki")
    tenant.bao.enable_transit(f"{mount}-transit")
    ciphertext = tenant.bao.encrypt(f"{canary}-transit", mount=f"{mount}-transit")
    env = [
        {"name": "KV2", "value": f"vault:{tenant.path('db')}#password"},
        {"name": "OLD", "value": f"vault:{tenant.path('db')}#password#1"},
        {"name": "KV1", "value": f"vault:{mount}-kv1/old#data"},
        {"name": "URL", "value": f"pg://app:${{vault:{tenant.path('db')}#password}}@db"},
        {"name": "CERT", "value": f'>>vault:{mount}-pki/issue/app#certificate#{{"common_name":"a.example.com"}}'},
        {"name": "TRANSIT", "value": ciphertext},
        {"name": "TOKEN", "value": "vault:login"},
        {"name": "TEMPLATE", "value": f"vault:{tenant.path('db')}#pg://app:${{.password | upper | urlquery}}@db"},
    ]
    got = run_app(tenant, tenant.app(env), transit_key_id="app", transit_path=f"{mount}-transit")
    assert got["KV2"] == f"{canary}-kv2"
    assert got["OLD"] == f"{canary}-old"
    assert got["KV1"] == f"{canary}-kv1"
    assert got["URL"] == f"pg://app:{canary}-kv2@db"
    assert got["CERT"].startswith("-----BEGIN CERTIFICATE-----")
    assert got["TRANSIT"] == f"{canary}-transit"
    assert got["TEMPLATE"] == f"pg://app:{canary.upper()}-KV2@db"
    assert got["TOKEN"].startswith(("s.", "hvs."))
    assert not [name for name in got if name.startswith("VAULT_")]


def test_every_source_of_the_environment_is_seen(tenant: Tenant) -> None:
    tenant.write("db", {"password": "one", "user": "two"})
    password, user = f"vault:{tenant.path('db')}#password", f"vault:{tenant.path('db')}#user"
    tenant.api.create_secret(tenant.namespace, "named", {"key": password, "other": "plain"})
    tenant.api.create_config_map(tenant.namespace, "map", {"key": user})
    tenant.api.create_secret(tenant.namespace, "whole", {"A": password})
    tenant.api.create_config_map(tenant.namespace, "wholemap", {"B": user})
    sources: dict[str, list[dict[str, Any]]] = {
        "secretKeyRef": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "named", "key": "key"}}}],
        "configMapKeyRef": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "map", "key": "key"}}}],
    }
    assert run_app(tenant, tenant.app(sources["secretKeyRef"]))["X"] == "one"
    assert run_app(tenant, tenant.app(sources["configMapKeyRef"]))["X"] == "two"
    from_secret = tenant.app([], envFrom=[{"prefix": "P_", "secretRef": {"name": "whole"}}])
    assert run_app(tenant, from_secret)["P_A"] == "one"
    from_map = tenant.app([], envFrom=[{"configMapRef": {"name": "wholemap"}}])
    assert run_app(tenant, from_map)["B"] == "two"
    from_path = run_app(tenant, tenant.app([]), vault_env_from_path=tenant.path("db"))
    assert (from_path["password"], from_path["user"]) == ("one", "two")


def test_init_containers_get_theirs_too(tenant: Tenant) -> None:
    tenant.write("db", {"password": "migrate"})
    spec = tenant.app([])
    init = {**spec["containers"][0], "name": "migrate"}
    init["env"] = [{"name": "DB", "value": f"vault:{tenant.path('db')}#password"}, *init["env"]]
    status, pod = tenant.create_pod({**spec, "initContainers": [init]}, vault_path=auth_mount(tenant))
    assert status == 201
    assert [container["name"] for container in pod["spec"]["initContainers"]] == ["copy-vault-env", "migrate"]
    assert find_container(pod, "app")["command"] == ["env", "-0"]
    assert "DB=migrate\0" in run_container(tenant.api, pod, "migrate").stdout


def test_a_pod_without_references_is_stored_as_it_was_sent(tenant: Tenant) -> None:
    tenant.api.create_secret(tenant.namespace, "plain", {"key": "value"})
    plain = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "plain", "key": "key"}}}
    status, pod = tenant.create_pod(tenant.app([plain, {"name": "Y", "value": "z"}]))
    assert status == 201
    assert find_container(pod, "app")["command"] == ["env", "-0"]
    assert "initContainers" not in pod["spec"]
    assert not pod["metadata"].get("annotations")


def test_the_stored_pod_is_never_wrapped_twice(tenant: Tenant) -> None:
    tenant.write("db", {"password": "x"})
    status, pod = tenant.create_pod(tenant.app([{"name": "A", "value": f"vault:{tenant.path('db')}#password"}]))
    assert status == 201
    annotations = pod["metadata"]["annotations"]
    again = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "again", "annotations": annotations}}
    again["spec"] = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    status, second = tenant.api.request("POST", f"/api/v1/namespaces/{tenant.namespace}/pods", again)
    assert status == 201, second
    assert second["spec"] == pod["spec"]


@pytest.mark.parametrize("version", ["v1beta1", "v1"])
def test_both_versions_of_the_review_are_answered(tenant: Tenant, version: str) -> None:
    url, bundle = f"{tenant.webhook.url}/pods", tenant.webhook.ca_bundle
    versions = (version,) if version == "v1" else (version, "v1")
    tenant.api.unregister_webhook(tenant.namespace)
    tenant.api.register_pod_webhook(url, bundle, name=tenant.namespace, namespace=tenant.namespace, versions=versions)
    tenant.write("db", {"password": "x"})
    status, pod = tenant.create_pod(tenant.app([{"name": "A", "value": f"vault:{tenant.path('db')}#password"}]))
    assert status == 201
    assert find_container(pod, "app")["command"] == [VAULT_ENV]


REFUSALS = [
    pytest.param(
        {"A": "vault:secret/data/db"}, {}, 422, ["container 'app'", "'A'", "no key"], id="reference without key"
    ),
    pytest.param({"A": "vault:a/b#c#two"}, {}, 422, ["A", "version"], id="version that is no number"),
    pytest.param({"A": "${vault:a/b#c"}, {}, 422, ["A", "closes"], id="inline reference without end"),
    pytest.param(
        {"A": "vault:a#b"}, {"vault_client_timeout": "abc"}, 422, ["vault-client-timeout", "abc"], id="duration"
    ),
    pytest.param({"A": "vault:a#b"}, {"mutate_probes": "yes"}, 422, ["mutate-probes", "yes"], id="boolean"),
    pytest.param(
        {"A": "vault:a", "B": "vault:#b"},
        {"vault_client_timeout": "abc", "mutate_probes": "yes"},
        422,
        ["vault-client-timeout", "mutate-probes", "'A'", "'B'"],
        id="all that is wrong",
    ),
    pytest.param({"A": "vault:a#${.x | uper}"}, {}, 422, ["'A'", 'function "uper" not defined'], id="template"),
    pytest.param(
        {"A": "vault:a#b"}, {"vault_role": "{{ env `HOME` }}"}, 422, ["vault-role", '"env"'], id="role template"
    ),
    pytest.param(
        {"A": "vault:a#b"}, {"vault_role": "{{ .cluster }}"}, 422, ["map has no entry"], id="role without name"
    ),
    pytest.param({"A": "vault:a#b"}, {"token_auth_mount": "a:b"}, 422, ["token-auth-mount"], id="volume of a token"),
    pytest.param({"A": "vault:a#b"}, {"vault_addr": "http://10.0.0.1"}, 403, ["vault-addr"], id="address"),
]


@pytest.mark.parametrize(("env", "annotations", "code", "words"), REFUSALS)
def test_what_is_wrong_is_refused_by_name(
    tenant: Tenant, env: dict[str, str], annotations: dict[str, str], code: int, words: list[str]
) -> None:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    status, answer = tenant.create_pod(tenant.app(variables), **annotations)
    assert (status, answer["code"]) == (code, code)
    assert REFUSED_BY in answer["message"]
    for word in words:
        assert word in answer["message"]


def test_a_role_may_be_a_template(tenant: Tenant, canary: str) -> None:
    tenant.write("db", {"password": canary})
    tenant.bao.create_kubernetes_role(
        f"{tenant.namespace}-reader",
        namespace=tenant.namespace,
        service_account="app",
        policies=[tenant.namespace],
        mount=auth_mount(tenant),
    )
    env = [{"name": "A", "value": f"vault:{tenant.path('db')}#password"}]
    assert run_app(tenant, tenant.app(env), vault_role='{{ .namespace }}-{{ "READER" | lower }}')["A"] == canary


def test_a_container_without_command_is_refused_with_what_to_do(tenant: Tenant) -> None:
    spec = tenant.app([{"name": "A", "value": "vault:a#b"}], image="127.0.0.1:1/app")  # nobody listens there
    del spec["containers"][0]["command"]
    status, answer = tenant.create_pod(spec)
    assert status == 422
    assert "container 'app' has no command: write the image's ENTRYPOINT into `command`" in answer["message"]
    assert "the registry 127.0.0.1:1 cannot be reached" in answer["message"]


def test_an_unknown_annotation_is_a_warning_for_its_author(tenant: Tenant) -> None:
    status, _ = tenant.create_pod(tenant.app([]), vault_adr="x")
    assert status == 201
    (warning,) = tenant.api.warnings
    assert "vault-adr" in warning
    assert "did you mean vault.security.banzaicloud.io/vault-addr" in warning


def test_a_login_that_vault_refuses_names_role_and_account(tenant: Tenant) -> None:
    env = [{"name": "A", "value": f"vault:{tenant.path('db')}#password"}]
    status, pod = tenant.create_pod(tenant.app(env), vault_path=auth_mount(tenant), vault_role="stranger")
    assert status == 201
    done = run_container(tenant.api, pod)
    assert done.returncode == 1
    assert "stranger" in done.stderr
    assert f"{tenant.namespace}/app" in done.stderr


def test_the_secret_is_seen_in_the_child_and_nowhere_else(tenant: Tenant, canary: str, tmp_path: Path) -> None:
    tenant.write("db", {"password": canary})
    tenant.api.create_secret(tenant.namespace, "named", {"key": f"vault:{tenant.path('db')}#password"})
    env: list[dict[str, Any]] = [
        {"name": "A", "value": f"vault:{tenant.path('db')}#password"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "named", "key": "key"}}},
    ]
    assert run_app(tenant, tenant.app(env))["A"] == canary
    assert run_app(tenant, tenant.app(env))["B"] == canary
    needles = [canary.encode(), tenant.token_file.read_bytes()]
    # Each place is proved to be searched for real by something that is known to be there.
    assert b"mutat" in tenant.webhook.process.log_file.read_bytes()
    assert tenant.namespace.encode() in tenant.webhook.read_memory()
    stored = b"".join(path.read_bytes() for path in tenant.api.data_dir.rglob("*") if path.is_file())
    assert tenant.namespace.encode() in stored
    places = {
        "etcd": stored,
        "logs of the API server": b"".join(path.read_bytes() for path in tenant.api.log_files),
        "reviews and answers": without_token_requests(tenant.api.audit_file),
        "log of the webhook": tenant.webhook.process.log_file.read_bytes(),
        "memory of the webhook": tenant.webhook.read_memory(),
        "metrics of the webhook": tenant.webhook.get("/metrics").encode(),
        "log of OpenBao": tenant.bao.log.encode(),
    }
    assert tenant.namespace.encode() in places["reviews and answers"]
    found = [place for place, content in places.items() for needle in needles if needle in content]
    assert found == []


def without_token_requests(audit_file: Path) -> bytes:
    """Read the audit log without what hands out and checks tokens: they are what those two are for."""
    lines = audit_file.read_bytes().splitlines()
    return b"\n".join(line for line in lines if b"tokenreviews" not in line and b"/token" not in line)


def test_the_pages_for_the_cluster_answer(tenant: Tenant) -> None:
    assert tenant.webhook.get("/healthz")
    assert tenant.webhook.get("/readyz")
    assert "kubewebhook" in tenant.webhook.get("/metrics")
