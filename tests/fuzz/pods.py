"""Random pods that an API server takes, with references: what the webhook makes of them, it has to take too."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from tests.fuzz.places import SW, VSW

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = {"VAULT_ENV_IMAGE": "vault-env:1", "SECRET_INIT_IMAGE": "vault-env:1"}
SETTINGS: Mapping[str, dict[str, str]] = {
    "memory": {"AGENT_SIDECAR": "classic"},
    "disk, copied by itself": {**OURS, "VAULT_ENV_VOLUME_MEDIUM": "Disk", "VAULT_ENV_COPY": "self"},
    "image volume": {**OURS, "VAULT_ENV_VOLUME_MEDIUM": "Image", "AGENT_SIDECAR": "native"},
}
PROVIDERS = ("", "", "", "", "vault", "bao", "aws")
REFERENCE = "vault:secret/data/app#password"
TEXTS = (REFERENCE, "x ${vault:secret/data/app#user} y", ">>vault:pki/issue/app#certificate", "plain", "$(A)", "")
SOURCES: tuple[dict[str, Any], ...] = (
    {"fieldRef": {"fieldPath": "metadata.name"}},
    {"resourceFieldRef": {"resource": "limits.memory"}},
    {"secretKeyRef": {"name": "references", "key": "password"}},
    {"configMapKeyRef": {"name": "absent", "key": "a", "optional": True}},
)
ACTION = {"exec": {"command": ["check", "-a"]}}
CONTEXTS: tuple[dict[str, Any], ...] = (
    {"runAsNonRoot": True, "runAsUser": 1000},
    {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
    {"readOnlyRootFilesystem": True, "seccompProfile": {"type": "RuntimeDefault"}},
)
PARTS: Mapping[str, tuple[Any, ...]] = {
    "args": (["-v"], ["--", "copy", "$(A)"]),
    "livenessProbe": (ACTION, {"tcpSocket": {"port": 80}}),
    "startupProbe": ({**ACTION, "failureThreshold": 3},),
    "lifecycle": ({"preStop": ACTION}, {"postStart": ACTION, "preStop": {"sleep": {"seconds": 1}}}),
    "securityContext": CONTEXTS,
    "resources": ({"limits": {"cpu": "1", "memory": "1Gi"}}, {"requests": {"cpu": "10m"}}),
    "envFrom": ([{"secretRef": {"name": "references"}}], [{"configMapRef": {"name": "absent", "optional": True}}]),
    "volumeMounts": (
        [{"name": "data", "mountPath": "/data"}],
        [{"name": "data", "mountPath": "/vault/secrets"}],
        [{"name": "data", "mountPath": "/vault/x", "subPath": "x", "readOnly": True}],
    ),
    "terminationMessagePolicy": ("FallbackToLogsOnError",),
}
OF_THE_POD: Mapping[str, tuple[Any, ...]] = {
    "securityContext": ({"runAsUser": 1000, "fsGroup": 2000}, {"runAsNonRoot": True}, {"runAsGroup": 7}),
    "serviceAccountName": ("app",),
    "automountServiceAccountToken": (False,),
    "shareProcessNamespace": (True,),
    "hostNetwork": (True,),
    "restartPolicy": ("OnFailure", "Never"),
    "nodeSelector": ({"kubernetes.io/arch": "arm64"},),
    "resources": ({"limits": {"cpu": "2", "memory": "2Gi"}},),
}
ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    "mutate-probes": ("true",),
    "run-as-user": ("1234",),
    "run-as-group": ("5",),
    "run-as-non-root": ("true",),
    "readonly-root-fs": ("false",),
    "psp-allow-privilege-escalation": ("true",),
    "vault-role": ("app", "${.namespace}-${.serviceaccount}"),
    "vault-tls-secret": ("vault-ca",),
    "vault-env-daemon": ("true",),
    "vault-env-from-path": ("secret/data/app",),
    "token-auth-mount": ("data:token",),
    "vault-agent": ("true",),
    "vault-agent-configmap": ("agent",),
    "vault-agent-share-process-namespace": ("true",),
    "vault-agent-env-variables": ('[{"name":"A","value":"b"}]',),
    "vault-agent-cpu-limit": ("200m",),
    "vault-ct-configmap": ("templates",),
    "vault-ct-once": ("true",),
    "vault-ct-inject-in-initcontainers": ("true",),
}


def choose(rng: random.Random, table: Mapping[str, tuple[Any, ...]], share: float) -> dict[str, Any]:
    """Choose values for some keys of a table."""
    return {key: rng.choice(values) for key, values in table.items() if rng.random() < share}


def make_container(rng: random.Random, name: str) -> dict[str, Any]:
    """Make a container with some variables, most often with a reference."""
    variables: list[dict[str, Any]] = [{"name": "A", "value": rng.choice((REFERENCE, *TEXTS))}]
    variables += [{"name": f"B{index}", "value": rng.choice(TEXTS)} for index in range(rng.randint(0, 2))]
    variables += [{"name": f"C{index}", "valueFrom": rng.choice(SOURCES)} for index in range(rng.randint(0, 2))]
    return {"name": name, "image": f"shop/{name}:1", "command": [name], "env": variables, **choose(rng, PARTS, 0.2)}


def make_init_container(rng: random.Random, name: str) -> dict[str, Any]:
    """Make an init container; as a sidecar it may have probes and hooks, else not."""
    container = make_container(rng, name)
    if rng.random() < 0.4:
        return {**container, "restartPolicy": "Always"}
    return {key: part for key, part in container.items() if not key.endswith("Probe") and key != "lifecycle"}


def make_spec(rng: random.Random) -> dict[str, Any]:
    containers = [make_container(rng, name) for name in ("app", "web")[: rng.randint(1, 2)]]
    init_containers = [make_init_container(rng, name) for name in ("init", "proxy")[: rng.randint(0, 2)]]
    spec = {"containers": containers, "volumes": [{"name": "data", "emptyDir": {}}], **choose(rng, OF_THE_POD, 0.15)}
    return {**spec, "initContainers": init_containers} if init_containers else spec


def make_annotations(rng: random.Random, provider: str) -> dict[str, str]:
    """Make annotations of one of the families, or of both."""
    found = {VSW + key: value for key, value in choose(rng, ANNOTATIONS, 0.12).items()}
    return {**found, SW + "provider": provider} if provider else found


def name_references(spec: dict[str, Any], provider: str) -> Any:
    """Write the references of a pod as those of its provider."""
    text = json.dumps(spec)
    if provider == "bao":
        text = text.replace("vault:", "bao:")
    elif provider == "aws":
        text = text.replace(REFERENCE, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-abc")
    return json.loads(text)


def make_pod(seed: str, number: int) -> dict[str, Any]:
    """Make the review of the creation of a pod, from a seed and its number."""
    rng = random.Random(f"{seed}/{number}")
    provider = rng.choice(PROVIDERS)
    metadata = {"name": f"pod-{number}", "namespace": "validation", "annotations": make_annotations(rng, provider)}
    spec = name_references(make_spec(rng), provider)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    request = {
        "uid": f"uid-{number}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "validation",
        "operation": "CREATE",
        "object": pod,
        "dryRun": True,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
