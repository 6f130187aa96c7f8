"""What is done to a cluster so that it sends reviews of every kind and operation: a table of requests, in order.

The values are references and words, so that nothing in a recorded review is or looks like a secret.
"""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"  # JSON is YAML
VSW = "vault.security.banzaicloud.io/"
SW = "secrets-webhook.security.bank-vaults.io/"
GROUP = "shop.example.com"
PODS, SECRETS, CONFIG_MAPS = "/pods", "/secrets", "/configmaps"
DATABASES = "/databases"
REFERENCE = "vault:secret/data/app#password"
INLINE = "postgres://${vault:secret/data/app#user}:${vault:secret/data/app#password}@db:5432/"

IMPOSSIBLE = "pod-exec"  # there is no node to run anything on


class Step(NamedTuple):
    """One request, whose review is recorded under `name`; `path` is below the namespace (of the core API or ours).

    `is_old` tells that it is sent as v1beta1 too.
    """

    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    content_type: str = JSON
    is_old: bool = False


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pod(name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    named = {"generateName": name} if name.endswith("-") else {"name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**named, **metadata}, "spec": spec}


def of_type(name: str, kind: str, fields: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    version = f"{GROUP}/v1" if kind == "Database" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, **fields}


APP = {"name": "app", "image": "shop/app:1", "command": ["serve"]}
SIMPLE = {"containers": [APP]}
WITH_REFERENCE = {"containers": [{**APP, "env": [{"name": "PASSWORD", "value": REFERENCE}]}]}
OWNER = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "name": "web-5d4f8c7b9",
    "uid": "11111111-2222-4333-8444-555555555555",
    "controller": True,
    "blockOwnerDeletion": True,
}
TOKEN_VOLUME = {
    "name": "vault-token",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 3600}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        ]
    },
}
PROBE = {"exec": {"command": ["check", "--all"]}, "periodSeconds": 10}
RICH = {
    "serviceAccountName": "app",
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "securityContext": {"runAsUser": 1000, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
    "imagePullSecrets": [{"name": "registry"}],
    "initContainers": [
        {"name": "migrate", "image": "shop/app:1", "command": ["migrate"], "env": [{"name": "URL", "value": INLINE}]},
        {"name": "proxy", "image": "shop/proxy:1", "command": ["proxy"], "restartPolicy": "Always"},
    ],
    "containers": [
        {
            "name": "web",
            "image": "shop/web:1",
            "command": ["web"],
            "args": ["--port", "$(PORT)"],
            "env": [
                {"name": "PORT", "value": "8080"},
                {"name": "DB", "valueFrom": {"secretKeyRef": {"name": "references", "key": "password"}}},
                {
                    "name": "LEVEL",
                    "valueFrom": {"configMapKeyRef": {"name": "plain", "key": "level", "optional": True}},
                },
                {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            ],
            "envFrom": [{"prefix": "X_", "configMapRef": {"name": "references"}}, {"secretRef": {"name": "plain"}}],
            "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
            "livenessProbe": PROBE,
            "startupProbe": {"httpGet": {"port": 8080, "path": "/"}},
            "lifecycle": {"preStop": {"exec": {"command": ["bye"]}}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "vault-token", "mountPath": "/token"}],
        },
        {"name": "sidecar", "image": "shop/sidecar:1", "args": ["-v"]},
    ],
    "volumes": [{"name": "data", "emptyDir": {}}, TOKEN_VOLUME],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
    "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": None}],
}
WINDOWS = {"os": {"name": "windows"}, "containers": WITH_REFERENCE["containers"]}
DOCKER = json.dumps(
    {
        "auths": {
            "registry.shop.test": {"auth": encode("vault:secret/data/app#user:vault:secret/data/app#password")},
            "other.shop.test": {
                "username": "vault:secret/data/app#user",
                "password": REFERENCE,
                "email": "a@shop.test",
            },
        }
    }
)
OPAQUE = {"type": "Opaque", "data": {"password": encode(REFERENCE), "url": encode(INLINE), "plain": encode("plain")}}
BINARY = {"certificate.der": encode("vault:secret/data/app#binary"), "raw": base64.b64encode(b"\xff\x00\xfe").decode()}
SETTINGS = {"data": {"password": REFERENCE, "url": INLINE, "level": "info"}, "binaryData": BINARY}
PLAIN = {"data": {"level": "info"}}
DATABASE = {
    "spec": {
        "admin": {"user": "vault:secret/data/app#user", "password": REFERENCE},
        "urls": [INLINE, {"deep": [[REFERENCE]]}, 7, None, True, 1.5],
        "replicas": 3,
    }
}

STEPS = (
    Step("pod-create", "POST", PODS, pod("plain", SIMPLE), is_old=True),
    Step("pod-create-reference", "POST", PODS, pod("reference", WITH_REFERENCE), is_old=True),
    Step(
        "pod-create-owned",
        "POST",
        PODS,
        pod("web-5d4f8c7b9-", RICH, ownerReferences=[OWNER], labels={"app": "web"}, annotations={VSW + "mutate-probes": "true"}),
    ),
    Step("pod-create-other-family", "POST", PODS, pod("other", WITH_REFERENCE, annotations={SW + "provider": "vault"})),
    Step("pod-create-agent", "POST", PODS, pod("agent", WITH_REFERENCE, annotations={VSW + "vault-agent": "true"})),
    Step("pod-create-from-path", "POST", PODS, pod("path", SIMPLE, annotations={VSW + "vault-env-from-path": "secret/data/app"})),
    Step("pod-create-skipped", "POST", PODS, pod("skipped", WITH_REFERENCE, annotations={VSW + "mutate": "skip"})),
    Step("pod-create-windows", "POST", PODS, pod("windows", WINDOWS)),
    Step("pod-create-refused", "POST", PODS, pod("refused", WITH_REFERENCE, annotations={VSW + "vault-skip-verify": "maybe"})),
    Step("pod-create-dry-run", "POST", PODS + "?dryRun=All", pod("dry-run", WITH_REFERENCE)),
    Step("pod-apply", "PATCH", PODS + "/applied?fieldManager=kubectl", pod("applied", WITH_REFERENCE), APPLY),
    Step("pod-update", "PATCH", PODS + "/reference", {"metadata": {"labels": {"tier": "web"}}}, MERGE),
    Step("pod-status", "PATCH", PODS + "/plain/status", {"status": {"phase": "Running"}}, MERGE),
    Step(
        "pod-ephemeral-container",
        "PATCH",
        PODS + "/plain/ephemeralcontainers",
        {"spec": {"ephemeralContainers": [{**WITH_REFERENCE["containers"][0], "name": "debug"}]}},
        STRATEGIC,
    ),
    Step(
        "pod-binding",
        "POST",
        PODS + "/plain/binding",
        {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "plain"}, "target": {"kind": "Node", "name": "node"}},
    ),
    Step("pod-exec", "POST", PODS + "/plain/exec?command=ls&stdout=true"),
    Step("pod-eviction", "POST", PODS + "/other/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "other"}}),
    Step("pod-delete", "DELETE", PODS + "/reference?gracePeriodSeconds=0"),
    Step("secret-create", "POST", SECRETS, of_type("opaque", "Secret", OPAQUE), is_old=True),
    Step("secret-create-text", "POST", SECRETS, of_type("text", "Secret", {"stringData": {"password": REFERENCE}})),
    Step("secret-create-plain", "POST", SECRETS, of_type("plain", "Secret", {"stringData": {"level": "info"}})),
    Step(
        "secret-create-docker",
        "POST",
        SECRETS,
        of_type("docker", "Secret", {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encode(DOCKER)}}),
    ),
    Step(
        "secret-create-tls",
        "POST",
        SECRETS,
        of_type(
            "tls",
            "Secret",
            {
                "type": "kubernetes.io/tls",
                "stringData": {"tls.crt": "vault:secret/data/app#certificate", "tls.key": "vault:secret/data/app#key"},
            },
        ),
    ),
    Step("secret-create-dry-run", "POST", SECRETS + "?dryRun=All", of_type("dry-run", "Secret", OPAQUE)),
    Step("secret-apply", "PATCH", SECRETS + "/applied?fieldManager=kubectl", of_type("applied", "Secret", OPAQUE), APPLY),
    Step(
        "secret-apply-again",
        "PATCH",
        SECRETS + "/applied?fieldManager=kubectl",
        of_type("applied", "Secret", {**OPAQUE, "data": {"password": encode(REFERENCE)}}),
        APPLY,
    ),
    Step("secret-update", "PUT", SECRETS + "/opaque", of_type("opaque", "Secret", OPAQUE, labels={"tier": "web"}), is_old=True),
    Step("secret-delete", "DELETE", SECRETS + "/opaque"),
    Step("config-map-create", "POST", CONFIG_MAPS, of_type("settings", "ConfigMap", SETTINGS), is_old=True),
    Step("config-map-create-plain", "POST", CONFIG_MAPS, of_type("plain", "ConfigMap", PLAIN)),
    Step("config-map-create-immutable", "POST", CONFIG_MAPS, of_type("fixed", "ConfigMap", {**SETTINGS, "immutable": True})),
    Step("config-map-apply", "PATCH", CONFIG_MAPS + "/applied?fieldManager=kubectl", of_type("applied", "ConfigMap", SETTINGS), APPLY),
    Step("config-map-update", "PATCH", CONFIG_MAPS + "/settings", {"data": {"more": REFERENCE}}, MERGE),
    Step("config-map-delete", "DELETE", CONFIG_MAPS + "/settings"),
    Step("custom-create", "POST", DATABASES, of_type("main", "Database", DATABASE, annotations={"note": REFERENCE}), is_old=True),
    Step("custom-create-dry-run", "POST", DATABASES + "?dryRun=All", of_type("dry-run", "Database", DATABASE)),
    Step("custom-apply", "PATCH", DATABASES + "/applied?fieldManager=kubectl", of_type("applied", "Database", DATABASE), APPLY),
    Step("custom-update", "PATCH", DATABASES + "/main", {"spec": {"replicas": 4, "more": REFERENCE}}, MERGE, is_old=True),
    Step("custom-status", "PATCH", DATABASES + "/main/status", {"status": {"message": REFERENCE}}, MERGE),
    Step("custom-delete", "DELETE", DATABASES + "/main"),
)  # fmt: skip
