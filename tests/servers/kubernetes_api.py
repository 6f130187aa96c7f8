"""What tests ask of a running kube-apiserver, as its administrator.

Helpers raise `ServerFailedError` with method, path, status and the server's own message; `request` never judges.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.servers.errors import ServerFailedError
from tests.servers.jsonclient import JsonClient
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_PROBE_LABEL = "webhook-probe"


class KubernetesApi:
    """Requests to one API server. The helpers act as its administrator."""

    def __init__(self, address: str, ca_file: Path, admin_token: str) -> None:
        """`address` is `https://127.0.0.1:PORT`, verified by `ca_file`."""
        self.address = address
        self.ca_file = ca_file
        self.admin_token = admin_token
        self._client = JsonClient(address, ca_file=ca_file)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        content_type: str = "application/json",
    ) -> tuple[int, Any]:
        """Status and decoded answer to a request of the administrator, or of whom `token` belongs to."""
        headers = {"Authorization": f"Bearer {token or self.admin_token}", "Content-Type": content_type}
        return self._client.request(method, path, body, headers)

    @property
    def warnings(self) -> list[str]:
        """The Warning headers of the last answer, which kubectl prints."""
        return self._client.warnings

    def act(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer to a request of the administrator, which has to succeed."""
        status, answer = self.request(method, path, body)
        if status not in {200, 201, 202}:
            reason = answer.get("message") if isinstance(answer, dict) else None
            raise ServerFailedError(f"{method} {path}: status {status}, {reason}")
        return answer

    def write_kubeconfig(self, path: Path, token: str | None = None, namespace: str = "default") -> Path:
        """Write a kubeconfig (JSON, which is YAML) for the administrator, or for whom `token` belongs to."""
        cluster = {"server": self.address, "certificate-authority": str(self.ca_file)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
            "current-context": "test",
        }
        path.write_text(json.dumps(config, indent=2))
        path.chmod(0o600)
        return path

    # Objects

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Make a namespace in which pods can be created at once."""
        self.act("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
        self.fill_namespace(name)

    def fill_namespace(self, name: str) -> None:
        """Make what a controller-manager would: the ServiceAccount `default`, the ConfigMap `kube-root-ca.crt`."""
        self.create_service_account(name, "default")
        self.create_config_map(name, "kube-root-ca.crt", {"ca.crt": self.ca_file.read_text()})

    def create_service_account(self, namespace: str, name: str) -> None:
        """Make a ServiceAccount without any rights."""
        self.act("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})

    def create_config_map(self, namespace: str, name: str, data: Mapping[str, str]) -> None:
        """Make a ConfigMap."""
        body = {"metadata": {"name": name}, "data": dict(data)}
        self.act("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)

    def create_secret(self, namespace: str, name: str, data: Mapping[str, str | bytes]) -> None:
        """Make an Opaque Secret; texts are stored as UTF-8."""
        encoded = {
            key: base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
            for key, value in data.items()
        }
        body = {"metadata": {"name": name}, "data": encoded}
        self.act("POST", f"/api/v1/namespaces/{namespace}/secrets", body)

    def create_pod(self, namespace: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> Any:
        """Make a pod through admission; returns it as stored. Metadata: `annotations={...}`, `labels={...}`."""
        body = {"metadata": {"name": name, **metadata}, "spec": dict(spec)}
        return self.act("POST", f"/api/v1/namespaces/{namespace}/pods", body)

    def read_pod(self, namespace: str, name: str) -> Any:
        """A pod as stored."""
        return self.act("GET", f"/api/v1/namespaces/{namespace}/pods/{name}")

    # Tokens and rights

    def request_token(
        self, namespace: str, name: str, audiences: Iterable[str] | None = None, seconds: int = 3600
    ) -> str:
        """A ServiceAccount's token by the TokenRequest API, for the API server itself unless audiences are named.

        The API server refuses less than 600 seconds.
        """
        spec = {"expirationSeconds": seconds, "audiences": list(audiences or ())}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        token: str = self.act("POST", path, {"spec": spec})["status"]["token"]
        return token

    def bind_cluster_role(self, binding: str, role: str, namespace: str, service_account: str) -> None:
        """Give a ServiceAccount a ClusterRole, everywhere."""
        rbac = "rbac.authorization.k8s.io"
        body = {
            "metadata": {"name": binding},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": service_account}],
        }
        self.act("POST", f"/apis/{rbac}/v1/clusterrolebindings", body)

    def create_token_reviewer(self) -> str:
        """The token of a ServiceAccount that may review tokens; the same account every time."""
        namespace, name = "kube-system", "token-reviewer"
        status, _ = self.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
        if status == 404:
            self.create_service_account(namespace, name)
            self.bind_cluster_role(name, "system:auth-delegator", namespace, name)
        return self.request_token(namespace, name, seconds=24 * 3600)

    # Webhooks

    def register_pod_webhook(
        self,
        url: str,
        ca_bundle: str,
        *,
        name: str = "pods",
        namespace: str | None = None,
        versions: Iterable[str] = ("v1",),
        failure_policy: str = "Fail",
    ) -> None:
        """Send the creation of pods to `url`, and return when the API server does so. See `register_webhook`."""
        self.register_webhook(
            url,
            ca_bundle,
            name=name,
            resources=("pods",),
            operations=("CREATE",),
            namespace=namespace,
            versions=versions,
            failure_policy=failure_policy,
        )

    def register_webhook(
        self,
        url: str,
        ca_bundle: str,
        *,
        name: str,
        resources: Iterable[str],
        operations: Iterable[str] = ("CREATE", "UPDATE"),
        namespace: str | None = None,
        versions: Iterable[str] = ("v1",),
        failure_policy: str = "Fail",
    ) -> None:
        """Make a MutatingWebhookConfiguration `name` and return when it is in force.

        `url` is `https://127.0.0.1:PORT/pods`, `ca_bundle` PEM text; `versions` are AdmissionReview versions, of which
        the API server takes the first that it knows (`("v1beta1", "v1")` gives v1beta1). With `namespace` only that
        namespace's objects are sent, so that another test of the same session is left alone; else unregister it.
        """
        client = {"url": url, "caBundle": base64.b64encode(ca_bundle.encode()).decode()}
        webhook = _describe_webhook(f"{name}.test.invalid", client, resources, operations)
        webhook["admissionReviewVersions"] = list(versions)
        webhook["failurePolicy"] = failure_policy
        webhook["objectSelector"] = {"matchExpressions": [{"key": _PROBE_LABEL, "operator": "DoesNotExist"}]}
        if namespace is not None:
            webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        body = {"metadata": {"name": name}, "webhooks": [webhook, _describe_probe(name)]}
        self.act("POST", _CONFIGURATIONS, body)
        poll(lambda: self._is_probed(name), what=f"webhook {name} in force")

    def unregister_webhook(self, name: str = "pods") -> None:
        """Delete a MutatingWebhookConfiguration and return when it is no longer in force."""
        self.act("DELETE", f"{_CONFIGURATIONS}/{name}")
        poll(lambda: not self._is_probed(name), what=f"webhook {name} gone")

    def _is_probed(self, name: str) -> bool:
        """Whether the probe of the configuration `name` refuses a ConfigMap that is created as a trial."""
        metadata = {"generateName": "probe-", "labels": {_PROBE_LABEL: name}}
        status, _ = self.request("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", {"metadata": metadata})
        return status != 201


def _describe_webhook(
    name: str, client: Mapping[str, str], resources: Iterable[str], operations: Iterable[str]
) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": list(resources), "operations": list(operations)}
    return {
        "name": name,
        "clientConfig": dict(client),
        "rules": [rule],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 30,
    }


def _describe_probe(name: str) -> dict[str, Any]:
    """A webhook that nobody serves, for objects that nobody makes: once it refuses them, its neighbours are in force.

    The API server takes up a new configuration some time after it has stored it, all its webhooks at once.
    """
    probe = _describe_webhook(f"{name}.probe.invalid", {"url": "https://127.0.0.1:1/"}, ("configmaps",), ("CREATE",))
    probe["objectSelector"] = {"matchLabels": {_PROBE_LABEL: name}}
    probe["failurePolicy"] = "Fail"
    return probe
