"""The webhook's own image, run by the kubelet as an unprivileged user, does the webhook's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from e2e.conftest import DELIVERIES
from e2e.images import APP
from tests.fakes.certificates import make_pair
from tests.servers.process import find_free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from e2e.pods import Namespace, Pod
    from tests.servers.openbao import OpenBao

UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
READS_SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


@pytest.fixture
def system(create_namespace: Callable[..., Namespace]) -> Namespace:
    """The namespace of the webhook, whose ServiceAccount may read Secrets."""
    namespace = create_namespace("system")
    role = {"metadata": {"name": "webhook"}, "rules": [READS_SECRETS]}
    namespace.api.act("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
    namespace.api.bind_cluster_role("webhook", "webhook", namespace.name, "app")
    return namespace


@pytest.fixture
def served(
    system: Namespace, create_namespace: Callable[..., Namespace], settings: dict[str, str], tmp_path: Path
) -> Iterator[tuple[Pod, Namespace]]:
    """The webhook's pod, and a namespace whose pods it mutates."""
    pair = make_pair(tmp_path)
    system.api.create_secret(system.name, "tls", {"crt": pair.certificate.read_text(), "key": pair.key.read_text()})
    port = find_free_port()
    pod = system.create_pod(describe_webhook(system, {**settings, **DELIVERIES["self"]}, port))
    pod.wait(lambda _: "msg=serving" in pod.read_log(), "serving")
    namespace = create_namespace("served")
    url = f"https://127.0.0.1:{port}/pods"
    system.api.register_pod_webhook(url, pair.certificate.read_text(), name="served", namespace="served")
    yield pod, namespace
    system.api.unregister_webhook("served")


def describe_webhook(system: Namespace, settings: dict[str, str], port: int) -> dict[str, Any]:
    """Describe its pod, in the network of the node: this cluster has neither Services nor DNS."""
    api = urlsplit(system.api.address)
    env = {
        **settings,
        "LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "TLS_CERT_FILE": "/tls/crt",
        "TLS_PRIVATE_KEY_FILE": "/tls/key",
        "KUBERNETES_SERVICE_HOST": str(api.hostname),
        "KUBERNETES_SERVICE_PORT": str(api.port),
        "SHUTDOWN_DELAY": "0s",
    }
    spec = system.describe_app("webhook", env, [], UNPRIVILEGED)
    spec["containers"][0]["volumeMounts"] = [{"name": "tls", "mountPath": "/tls"}]
    return {**spec, "hostNetwork": True, "volumes": [{"name": "tls", "secret": {"secretName": "tls"}}]}


def test_webhook_serves_and_ends(served: tuple[Pod, Namespace], bao: OpenBao, canary: str) -> None:
    webhook, namespace = served
    bao.write_kv2("app/webhook-image", {"password": canary})
    reference = "vault:secret/data/app/webhook-image#password"
    namespace.api.create_secret(namespace.name, "references", {"password": reference})
    spec = namespace.describe_app("scratch", {}, [APP, "0"])
    key = {"name": "references", "key": "password"}
    spec["containers"][0]["env"] = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": key}}]
    pod = namespace.create_pod(spec)
    log = pod.wait_until_ready()
    pod.remove()
    webhook.delete()
    ended = webhook.wait_until_ended()
    webhook.remove()
    assert f"env PASSWORD={canary}\n" in log
    assert ended["exitCode"] == 0
