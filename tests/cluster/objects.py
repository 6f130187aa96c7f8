"""What tests of Secrets, ConfigMaps and custom resources share: a cluster, an OpenBao and a webhook of their own."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cluster.webhook import Webhook
from tests.servers.process import poll

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer
    from tests.servers.openbao import OpenBao

SYSTEM = "objects-system"
GROUP, PLURAL, KIND = "objects.test.example.com", "databases", "Database"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
# What docs/guides/objects.md lists: only what vault-serviceaccount and vault-tls-secret need.
PERMISSIONS = [{"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}]
AUTHORITIES = "vault-authorities"
PREFIX = "vault.security.banzaicloud.io/"


class Site(NamedTuple):
    """A namespace whose objects the webhook mutates; its ServiceAccount `app` may read what is the namespace's."""

    api: ApiServer
    bao: OpenBao
    webhook: Webhook
    namespace: str

    def write(self, data: dict[str, Any], name: str = "db") -> None:
        """Write a secret that only the namespace's own ServiceAccount may read."""
        self.bao.write_kv2(f"{self.namespace}/{name}", data)

    def refer(self, key: str, name: str = "db") -> str:
        return f"vault:secret/data/{self.namespace}/{name}#{key}"

    def path(self, resource: str, name: str = "") -> str:
        start = f"/apis/{GROUP}/v1" if resource == PLURAL else "/api/v1"
        return f"{start}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "")

    def send(self, one: dict[str, Any], *, query: str = "") -> tuple[int, Any]:
        """Create an object, or replace it where it is there."""
        resource = {"Secret": "secrets", "ConfigMap": "configmaps", KIND: PLURAL}[one["kind"]]
        name = one["metadata"]["name"]
        is_there = self.api.request("GET", self.path(resource, name))[0] == 200
        path = self.path(resource, name if is_there else "")
        return self.api.request("PUT" if is_there else "POST", path + query, one)

    def apply(self, one: dict[str, Any], resource: str) -> tuple[int, Any]:
        """Apply an object on the server (`kubectl apply --server-side`)."""
        path = self.path(resource, one["metadata"]["name"]) + "?fieldManager=test&force=true"
        return self.api.request("PATCH", path, one, content_type="application/apply-patch+yaml")

    def accessors(self) -> set[str]:
        """The tokens that OpenBao knows."""
        return set(self.bao.act("GET", "auth/token/accessors?list=true")["data"]["keys"])


def make(kind: str, *, tenant: bool = False, **fields: Any) -> dict[str, Any]:
    """An object; with `tenant` it is read for with the namespace's own ServiceAccount."""
    annotations = (
        {PREFIX + "vault-serviceaccount": "app", PREFIX + "vault-role": "app-{{.namespace}}"} if tenant else {}
    )
    annotations |= {PREFIX + name.replace("_", "-"): value for name, value in fields.pop("annotations", {}).items()}
    metadata = {"name": f"one-{secrets.token_hex(4)}", "annotations": annotations}
    version = f"{GROUP}/v1" if kind == KIND else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def encode(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def decode(text: str) -> str:
    return base64.b64decode(text).decode()


def make_docker_config(**entry: Any) -> dict[str, Any]:
    text = json.dumps({"auths": {"registry.example": entry}, "credHelpers": {}})
    return {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encode(text)}}


def start_webhook(api: ApiServer, bao: OpenBao, folder: Path, **variables: str) -> Webhook:
    """Start a webhook that logs in with its ServiceAccount's token, at the mount `kubernetes`, role `default`."""
    token = api.request_token(SYSTEM, "webhook")
    jwt = folder / "jwt"
    jwt.write_text(token)
    settings = {
        "VAULT_ADDR": bao.address,
        "VAULT_JWT_FILE": str(jwt),
        "LOG_LEVEL": "debug",
        "KUBERNETES_NAMESPACE": SYSTEM,
        **variables,
    }
    return Webhook(folder, api.write_kubeconfig(folder / "kubeconfig", token=token), settings)


def prepare(api: ApiServer, bao: OpenBao) -> None:
    """Make what all namespaces share: the webhook's account and rights, its role in OpenBao, and a kind of object."""
    api.create_namespace(SYSTEM)
    api.create_service_account(SYSTEM, "webhook")
    metadata = {"name": "objects-webhook"}
    rbac = "rbac.authorization.k8s.io/v1"
    api.act(
        "POST",
        f"{RBAC}/clusterroles",
        {"apiVersion": rbac, "kind": "ClusterRole", "metadata": metadata, "rules": PERMISSIONS},
    )
    api.bind_cluster_role("objects-webhook", "objects-webhook", SYSTEM, "webhook")
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [AUTHORITIES], "verbs": ["get"]}]
    subjects = [{"kind": "ServiceAccount", "name": "webhook", "namespace": SYSTEM}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "objects-webhook"}
    local = f"{RBAC}/namespaces/{SYSTEM}"
    api.act("POST", f"{local}/roles", {"metadata": metadata, "rules": rules})
    api.act("POST", f"{local}/rolebindings", {"metadata": metadata, "roleRef": role, "subjects": subjects})
    bao.enable_kubernetes_auth(api)
    bao.write_policy("shared", {"secret/data/shared/*": ["read"], "pki/*": ["update"], "transit/*": ["update"]})
    bao.create_kubernetes_role("default", namespace=SYSTEM, service_account="webhook", policies=["shared"])
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": PLURAL, "singular": KIND.lower(), "kind": KIND}
    spec = {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    api.act("POST", path, {"metadata": {"name": f"{PLURAL}.{GROUP}"}, "spec": spec})
    poll(lambda: api.request("GET", f"/apis/{GROUP}/v1/{PLURAL}")[0] == 200, what="the kind is served")


def register(site: Site) -> None:
    """Send the namespace's objects to the webhook, and return when the API server does so."""
    url, bundle = site.webhook.url, site.webhook.ca_bundle
    for resource in ("secrets", "configmaps"):
        site.api.register_webhook(
            f"{url}/{resource}", bundle, name=f"{site.namespace}-{resource}", resources=(resource,), namespace=site.namespace
        )  # fmt: skip
    operations = ["CREATE", "UPDATE"]
    rule = {"apiGroups": [GROUP], "apiVersions": ["*"], "resources": ["*"], "operations": operations}
    hook = {
        "name": "objects.test.invalid",
        "clientConfig": {"url": f"{url}/objects", "caBundle": encode(bundle)},
        "rules": [rule],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": 30,
        "failurePolicy": "Fail",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
    }
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    site.api.act("POST", path, {"metadata": {"name": f"{site.namespace}-objects"}, "webhooks": [hook]})
    probe = make(KIND, spec={"a": "vault:no-key"})
    poll(lambda: site.send(probe, query="?dryRun=All")[0] == 422, what="the webhook for objects in force")


def unregister(site: Site) -> None:
    for resource in ("secrets", "configmaps"):
        site.api.unregister_webhook(f"{site.namespace}-{resource}")
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{site.namespace}-objects"
    site.api.act("DELETE", path)


def allow_tenant(site: Site) -> None:
    """Let the namespace's ServiceAccount `app` read what is the namespace's."""
    site.api.create_service_account(site.namespace, "app")
    rules = {
        f"secret/data/{site.namespace}/*": ["read"],
        "auth/token/create": ["update"],
        "secret/data/denied-by-default/*": ["deny"],
    }
    site.bao.write_policy(site.namespace, rules)
    site.bao.create_kubernetes_role(
        f"app-{site.namespace}",
        namespace=site.namespace,
        service_account="app",
        policies=[site.namespace],
        audience="https://kubernetes.default.svc",
    )
