"""Webhooks with own certificates as processes, with the permissions that the documentation lists and no others."""

from __future__ import annotations

import base64
import re
import secrets
import socket
import ssl
import sys
import threading
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

import yaml

from tests.cluster.container import VAULT_ENV, find_container
from tests.cluster.webhook import WEBHOOK
from tests.servers.process import ServerProcess, poll

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers.kubernetes import ApiServer

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "certificates.md"
PERMISSIONS = Path(__file__).parents[2] / "docs" / "reference" / "permissions.md"
SECRET, ACCOUNT = "webhook-certificate", "vault-secrets-webhook"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
REFERENCE = {"name": "A", "value": "vault:secret/data/a#b"}


class Replica:
    """A webhook as a process of its own, which has no certificate but what it makes."""

    def __init__(self, log_file: Path, kubeconfig: Path, settings: Mapping[str, str]) -> None:
        environ = {
            "LISTEN_ADDRESS": "127.0.0.1:0",
            "KUBECONFIG": str(kubeconfig),
            "VAULT_ADDR": "https://vault:8200",
            "CERTIFICATE_NAMES": "127.0.0.1",
            "LOG_LEVEL": "debug",
            **settings,
        }
        self.process = ServerProcess([sys.executable, *WEBHOOK], log_file=log_file, environ=environ)
        self.url = self.process.wait_until_ready(self.find_url)

    def find_url(self) -> str | None:
        found = re.search(r"msg=serving (?:worker=\d+ )?url=\"?(https://127\.0\.0\.1:\d+)", self.process.log)
        return found[1] if found else None

    def wait_for(self, words: str, *, seconds: float = 60) -> None:
        poll(lambda: words in self.process.log, what=f"{words!r} in the log", seconds=seconds)

    def handshake(self, bundle: str) -> bytes:
        """Connect as an API server does that knows this bundle; gives the certificate."""
        port = urlsplit(self.url).port or 0
        context = ssl.create_default_context(cadata=bundle)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
        ):
            return connection.getpeercert(binary_form=True) or b""

    def readiness(self) -> int:
        """Ask as a kubelet does, which checks no certificate; gives the status."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        parts = urlsplit(self.url)
        connection = HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=10)
        with closing(connection):
            connection.request("GET", "/readyz")
            return connection.getresponse().status


class Home(NamedTuple):
    """A namespace for webhooks, and one for pods that they are asked about."""

    api: ApiServer
    folder: Path
    system: str
    shop: str
    settings: dict[str, str]

    @contextmanager
    def replica(self, name: str = "webhook", **settings: str) -> Iterator[Replica]:
        token = self.api.request_token(self.system, ACCOUNT)
        kubeconfig = self.api.write_kubeconfig(self.folder / f"{name}.kubeconfig", token=token)
        replica = Replica(self.folder / f"{name}.log", kubeconfig, {**self.settings, **settings})
        try:
            yield replica
        finally:
            replica.process.stop()

    def other_bundle(self) -> str:
        return base64.b64encode(self.api.ca_file.read_bytes()).decode()

    def secret_path(self) -> str:
        return f"/api/v1/namespaces/{self.system}/secrets/{SECRET}"

    def entries(self) -> dict[str, str]:
        """Read the Secret; nothing when there is none."""
        status, found = self.api.request("GET", self.secret_path())
        data = found.get("data") or {} if status == 200 else {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def register(self, *replicas: Replica) -> None:
        """Register each replica for the pods of the shop, without a bundle, beside a webhook of somebody else."""
        self.register_url(*(f"{replica.url}/pods" for replica in replicas))

    def register_url(self, *urls: str) -> None:
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
        common = {"admissionReviewVersions": ["v1"], "sideEffects": "None", "rules": [rule], "failurePolicy": "Fail"}
        selector = {"matchLabels": {"kubernetes.io/metadata.name": self.shop}}
        webhooks: list[dict[str, Any]] = [
            {"name": f"{place}.test.invalid", "clientConfig": {"url": url}, **common} for place, url in enumerate(urls)
        ]
        stranger = {"service": {"namespace": "elsewhere", "name": "other"}, "caBundle": self.other_bundle()}
        webhooks.insert(0, {"name": "other.test.invalid", "clientConfig": stranger, **common, "rules": []})
        for webhook in webhooks:
            webhook["namespaceSelector"] = selector
        body = {"metadata": {"name": self.shop}, "webhooks": webhooks}
        self.api.act("POST", CONFIGURATIONS, body)

    def bundles(self) -> list[str]:
        """Read the caBundle of each of our webhooks; the stranger's has to be as it was."""
        webhooks = self.api.act("GET", f"{CONFIGURATIONS}/{self.shop}")["webhooks"]
        assert webhooks[0]["clientConfig"]["caBundle"] == self.other_bundle()
        return [base64.b64decode(each["clientConfig"].get("caBundle", "")).decode() for each in webhooks[1:]]

    def create_pod(self, variable: Mapping[str, Any] = REFERENCE) -> tuple[int, Any]:
        container = {"name": "app", "image": "app", "command": ["app"], "env": [dict(variable)]}
        pod = {"metadata": {"name": f"pod-{secrets.token_hex(4)}"}, "spec": {"containers": [container]}}
        return self.api.request("POST", f"/api/v1/namespaces/{self.shop}/pods", pod)

    def is_mutated(self) -> bool:
        """Create a pod; tells whether it was admitted, and mutated then for sure."""
        status, pod = self.create_pod()
        if status != 201:
            return False
        assert find_container(pod, "app")["command"] == [VAULT_ENV]
        return True


@contextmanager
def open_home(api_server: ApiServer, folder: Path) -> Iterator[Home]:
    """Make both namespaces, and the ServiceAccount with the documented permissions."""
    number = secrets.token_hex(4)
    system, shop = f"system-{number}", f"shop-{number}"
    api_server.create_namespace(system)
    api_server.create_namespace(shop)
    api_server.create_service_account(system, ACCOUNT)
    apply_documented(api_server, system, shop)
    settings = {
        "KUBERNETES_NAMESPACE": system,
        "CERTIFICATE_SECRET": SECRET,
        "CERTIFICATE_SERVICE": ACCOUNT,
        "CERTIFICATE_WEBHOOK_CONFIGURATION": shop,
    }
    yield Home(api_server, folder, system, shop, settings)
    api_server.request("DELETE", f"{CONFIGURATIONS}/{shop}")


def read_manifests(document: Path, mark: str) -> list[dict[str, Any]]:
    """Read the manifests behind a mark in a document."""
    text = document.read_text().partition(f"<!-- {mark}:")[2].partition("```yaml\n")[2].partition("```")[0]
    return list(yaml.safe_load_all(text))


def apply_documented(api: ApiServer, system: str, configuration: str) -> None:
    """Give the ServiceAccount what the guide lists, under names of the test."""
    role, cluster_role = read_manifests(GUIDE, "permissions")
    subject = {"kind": "ServiceAccount", "namespace": system, "name": ACCOUNT}
    role["metadata"]["namespace"] = system
    api.act("POST", f"{RBAC}/namespaces/{system}/roles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
    binding = {"metadata": {"name": "webhook"}, "roleRef": reference, "subjects": [subject]}
    api.act("POST", f"{RBAC}/namespaces/{system}/rolebindings", binding)
    cluster_role["metadata"]["name"] = configuration
    (rule,) = cluster_role["rules"]
    assert rule["resourceNames"] == [ACCOUNT]
    rule["resourceNames"] = [configuration]
    api.act("POST", f"{RBAC}/clusterroles", cluster_role)
    api.bind_cluster_role(configuration, configuration, system, ACCOUNT)


class Stream(threading.Thread):
    """Creates pods one after the other, and connects to each replica as a late API server does; notes what fails."""

    def __init__(self, home: Home, *replicas: Replica) -> None:
        super().__init__(daemon=True)
        self.home = home
        self.replicas = replicas
        self.ending = threading.Event()
        self.created = 0
        self.failed: list[str] = []
        self.certificates: set[bytes] = set()
        self.entries: list[dict[str, str]] = []

    def run(self) -> None:
        while not self.ending.is_set():
            bundles = self.home.bundles()
            status, pod = self.home.create_pod()
            if status == 201 and find_container(pod, "app")["command"] == [VAULT_ENV]:
                self.created += 1
            else:
                self.failed.append(f"{status} {pod}")
            for replica, bundle in zip(self.replicas, bundles, strict=True):
                try:
                    self.certificates.add(replica.handshake(bundle))
                except OSError as error:
                    self.failed.append(str(error))
            if entries := self.home.entries():
                self.entries.append(entries)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.join()
