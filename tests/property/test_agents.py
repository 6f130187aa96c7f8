"""Whatever agents a pod asks for, and however it looks: what comes out is a pod, and a second pass leaves it alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.cluster import apply, mutate
from vault_secrets_webhook.webhook.annotations import PREFIX

REFERENCE = [{"name": "A", "value": "vault:secret/data/a#b"}]
# Names and places that agents take, and others.
NAMES = ("vault-agent", "consul-template", "copy-vault-env", "app")
VOLUMES = ("vault-env", "agent-secrets", "ct-secrets", "vault-agent-config", "agent-configmap", "tokens")
FOLDERS = ("/data", "/vault/data", "/var/run/secrets/kubernetes.io/serviceaccount")
SWITCHES = (
    "vault-agent",
    "vault-agent-once",
    "vault-agent-share-process-namespace",
    "vault-ct-once",
    "vault-ct-share-process-namespace",
    "vault-ct-inject-in-initcontainers",
)
TEXTS = {
    "vault-agent-configmap": st.just("own-agent"),
    "vault-ct-configmap": st.just("own-templates"),
    "vault-configfile-path": st.sampled_from(("/vault/secrets", "/etc/secrets/", "/vault/a/b")),
    "vault-tls-secret": st.just("vault-ca"),
    "token-auth-mount": st.just("tokens:file"),
    "vault-role": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).map("r".__add__),
    "run-as-user": st.sampled_from(("0", "7")),
}


@st.composite
def containers(draw: st.DrawFn, name: str, volumes: list[str]) -> dict[str, Any]:
    """A container of the pod's author."""
    container: dict[str, Any] = {"name": name, "command": ["run"]}
    if draw(st.booleans()):
        container["env"] = REFERENCE
    if volumes and (folders := draw(st.sets(st.sampled_from(FOLDERS)))):
        container["volumeMounts"] = [
            {"name": draw(st.sampled_from(volumes)), "mountPath": folder} for folder in sorted(folders)
        ]
    if user := draw(st.sampled_from((None, 7, 8))):
        container["securityContext"] = {"runAsUser": user}
    return container


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    """A pod that asks for agents in some way."""
    volumes = sorted({"tokens", *draw(st.sets(st.sampled_from(VOLUMES)))})
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    made = [draw(containers(name, volumes)) for name in names]
    first = draw(st.integers(0, len(made) - 1))
    switches: dict[str, str] = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(SWITCHES, st.just("true"))))
    texts: dict[str, str] = draw(st.fixed_dictionaries({}, optional=TEXTS))
    spec = {
        "initContainers": made[:first],
        "containers": made[first:],
        "volumes": [{"name": name, "emptyDir": {}} for name in volumes],
    }
    annotations = {PREFIX + key: text for key, text in {**switches, **texts}.items()}
    return {"metadata": {"name": "shop", "annotations": annotations}, "spec": spec}


@given(pods(), st.sampled_from(("native", "classic")), st.sampled_from(("Memory", "Image")))
def test_the_pod_is_whole_and_a_second_pass_leaves_it_alone(pod: dict[str, Any], sidecar: str, medium: str) -> None:
    environ = {"AGENT_SIDECAR": sidecar, "VAULT_ENV_VOLUME_MEDIUM": medium, "VAULT_ENV_IMAGE": "vault-env:1"}
    mutated = apply(pod, mutate(pod, environ=environ))
    check_names(mutated["spec"])
    assert mutate(mutated, environ=environ).patch == []


def check_names(spec: dict[str, Any]) -> None:
    """Check what the API server checks: no name and no place twice, and no volume that is not there."""
    volumes = [volume["name"] for volume in spec["volumes"]]
    all_containers = [*spec["initContainers"], *spec["containers"]]
    names = [container["name"] for container in all_containers]
    assert len(set(volumes)) == len(volumes)
    assert len(set(names)) == len(names)
    for container in all_containers:
        mounts = container.get("volumeMounts", [])
        folders = [mount["mountPath"].rstrip("/") for mount in mounts]
        assert len(set(folders)) == len(folders), container["name"]
        assert {mount["name"] for mount in mounts} <= set(volumes)
