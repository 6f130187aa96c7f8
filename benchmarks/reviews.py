"""The reviews of benchmarks: what the API server would send for a pod or a Secret."""

from __future__ import annotations

import base64
import json
from typing import Any

REVIEW_BYTES = 9 * 1024
# In a body, and changed with each request: an image that nobody has asked for yet.
NUMBER = b"00000000"
OBJECTS = 20


def make_review(
    document: dict[str, Any], kind: str = "Pod", size: int = REVIEW_BYTES, operation: str = "CREATE"
) -> bytes:
    """Make the review of an object, as long as those of a Deployment's pods are."""
    request = {
        "uid": "3f6f1d52-5b6b-4e0f-8a77-7a3b2cc5b7a1",
        "kind": {"group": "", "version": "v1", "kind": kind},
        "resource": {"group": "", "version": "v1", "resource": kind.lower() + "s"},
        "namespace": "shop",
        "operation": operation,
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": document,
        "oldObject": None,
        "dryRun": False,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    managed = document["metadata"]["managedFields"] = []
    while len(json.dumps(review)) < size:
        managed.append({"manager": "controller", "operation": "Update", "fieldsV1": {"f:spec": {"f:containers": {}}}})
    return json.dumps(review).encode()


def make_pod(env: list[dict[str, Any]], image: str = "app:1", **fields: Any) -> dict[str, Any]:
    """Make a pod with two containers, the second one with the start of the first one's environment."""
    container: dict[str, Any] = {
        "name": "app",
        "image": image,
        "args": ["serve"],
        "env": env,
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        **fields,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "app-5d4c-",
            "namespace": "shop",
            "labels": {"app": "app"},
            "annotations": {"vault.security.banzaicloud.io/vault-role": "app"},
        },
        "spec": {
            "serviceAccountName": "app",
            "containers": [container, {**container, "name": "second", "env": env[:10]}],
            "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
        },
    }


def list_variables() -> list[dict[str, Any]]:
    """List twenty plain variables, and three with a reference."""
    env: list[dict[str, Any]] = [{"name": f"SETTING_{index}", "value": f"value {index}"} for index in range(20)]
    return env + [{"name": f"SECRET_{index}", "value": f"vault:secret/data/app#key{index}"} for index in range(3)]


def make_plain_review() -> bytes:
    """Make the review of a pod that nothing has to be looked up for."""
    return make_review(make_pod(list_variables(), command=["/app"]))


def make_review_with_objects() -> bytes:
    """Make the review of a pod with variables of ten Secrets and ten ConfigMaps, one with a reference."""
    env = []
    for index in range(OBJECTS):
        source = "secretKeyRef" if index % 2 else "configMapKeyRef"
        key = "value" if index else "reference"
        env.append({"name": f"NAME_{index}", "valueFrom": {source: {"name": f"object-{index}", "key": key}}})
    pod = make_pod(env, command=["/app"])
    pod["spec"]["containers"][1]["env"] = []
    return make_review(pod)


def make_review_with_image(port: int, version: str) -> bytes:
    """Make the review of a pod whose containers have no command; `version` is `:TAG` or `@DIGEST`."""
    return make_review(make_pod(list_variables(), image=f"127.0.0.1:{port}/app{version}"))


def make_secret_review() -> bytes:
    """Make the review of a Secret with ten references to one secret in Vault."""
    values = (f"vault:secret/data/app#key{index}" for index in range(10))
    data = {f"key{index}": base64.b64encode(value.encode()).decode() for index, value in enumerate(values)}
    metadata: dict[str, Any] = {"name": "app", "namespace": "shop"}
    document = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}
    return make_review(document, "Secret", size=2048)
