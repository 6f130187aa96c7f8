"""Two replicas behind one address, failurePolicy Fail, and pods created without a pause: nothing that happens to the
replicas is seen by anybody.

The front sends new connections to whoever is ready, and learns of a change late, as a cluster does; the API server
keeps its connections and goes on using them.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography import x509

from tests.cluster.load import Load
from tests.cluster.webhook import Webhook
from tests.fakes.certificates import Authority
from tests.servers.front import Front
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer

REFERENCE = "vault:secret/data/db#password"
LAG, FEW = 10, 20  # pods that come before the front knows of a change, and enough to go through every connection


class Replicas:
    """The replicas of a webhook, their certificate in a folder as kubelet makes one of a Secret, and their front."""

    def __init__(self, folder: Path, api: ApiServer, front: Front, workers: str) -> None:
        self.folder = folder
        self.workers = workers
        self.front = front
        self.kubeconfig = api.write_kubeconfig(folder / "kubeconfig")
        self.authorities = [Authority(self.make_folder(name), name) for name in ("one", "two")]
        self.bundle = "".join(authority.ca_file.read_text() for authority in self.authorities)
        self.context = ssl.create_default_context(cadata=self.bundle)
        self.running: list[Webhook] = []
        self.link_certificate(self.authorities[0])

    def make_folder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        return path

    def link_certificate(self, authority: Authority) -> int:
        """Put another certificate in place at one blow, by the link `..data`; gives its serial number."""
        certificate, key = authority.issue("tls", "127.0.0.1")
        link = self.folder / "..new"
        link.symlink_to(certificate.parent)
        link.replace(self.folder / "..data")
        for path in (certificate, key):
            if not (name := self.folder / path.name).is_symlink():
                name.symlink_to(f"..data/{path.name}")
        return x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number

    def start(self) -> Webhook:
        """Start a replica, and send it connections once it is ready."""
        settings = {
            "TLS_CERT_FILE": str(self.folder / "tls.crt"),
            "TLS_PRIVATE_KEY_FILE": str(self.folder / "tls.key"),
            "VAULT_ADDR": "https://vault.test:8200",
            "SHUTDOWN_DELAY": "2s",
            "WORKERS": self.workers,
        }
        folder = self.make_folder(f"replica-{secrets.token_hex(4)}")
        webhook = Webhook(folder, self.kubeconfig, settings)
        webhook.context = self.context
        self.running.append(webhook)
        poll(lambda: self.is_ready(webhook), what="replica ready")
        self.front.ports.append(find_port(webhook))
        return webhook

    def is_ready(self, webhook: Webhook) -> bool:
        try:
            return bool(webhook.get("/readyz"))
        except OSError:  # 503 is one of these too
            return False

    def replace(self, old: Webhook, load: Load) -> int:
        """Do what a Deployment does with one replica: a new one first, then an end to the old; gives its exit status."""
        self.start()
        os.kill(old.process.pid, signal.SIGTERM)
        poll(lambda: not self.is_ready(old), what="the old replica says that it is not ready")
        load.wait(LAG)
        self.front.ports.remove(find_port(old))
        self.running.remove(old)
        return old.process._process.wait(timeout=60)

    def wait_until_all_serve(self) -> None:
        """Wait until each replica has changed a pod."""
        poll(lambda: all(count_served(webhook) for webhook in self.running), what="pods at every replica")

    def read_serial(self, webhook: Webhook) -> int:
        """Read the serial number of the certificate that a replica shows to new connections."""
        with (
            socket.create_connection(("127.0.0.1", find_port(webhook))) as plain,
            self.context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            certificate: dict[str, Any] = connection.getpeercert() or {}
            return int(certificate["serialNumber"], 16)

    def stop(self) -> None:
        for webhook in self.running:
            webhook.process.stop()


def find_port(webhook: Webhook) -> int:
    return int(webhook.url.rpartition(":")[2])


def count_served(webhook: Webhook) -> int:
    """Count the pods that a replica has changed."""
    return webhook.process.log.count("pod mutated")


class Service(NamedTuple):
    """A namespace whose pods go through two replicas."""

    api: ApiServer
    namespace: str
    replicas: Replicas

    def load(self) -> Load:
        """Create pods that need a look into a Secret."""
        env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
        container = {"name": "app", "image": "app", "command": ["app"], "env": env}
        return Load(self.api, self.namespace, lambda: {"containers": [container]})


@pytest.fixture
def workers() -> str:
    """How many processes a replica has."""
    return "1"


@pytest.fixture
def service(api_server: ApiServer, tmp_path: Path, workers: str) -> Iterator[Service]:
    namespace = f"rolling-{secrets.token_hex(4)}"
    api_server.create_namespace(namespace)
    api_server.create_secret(namespace, "db", {"password": REFERENCE})
    with Front() as front:
        replicas = Replicas(tmp_path, api_server, front, workers)
        try:
            replicas.start()
            replicas.start()
            url = f"https://127.0.0.1:{front.port}/pods"
            api_server.register_pod_webhook(url, replicas.bundle, name=namespace, namespace=namespace)
            yield Service(api_server, namespace, replicas)
            api_server.unregister_webhook(namespace)
        finally:
            replicas.stop()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_rolling_restart(service: Service) -> None:
    old_ones = list(service.replicas.running)
    with service.load() as load:
        service.replicas.wait_until_all_serve()
        statuses = [service.replicas.replace(old, load) for old in old_ones]
        service.replicas.wait_until_all_serve()
    assert load.failed == []
    assert statuses == [0, 0]
    assert sum(count_served(webhook) for webhook in (*old_ones, *service.replicas.running)) == load.created


def test_certificate_rotation(service: Service) -> None:
    """To a certificate of another authority; the API server trusts both, as it must during such a change."""
    replicas = service.replicas
    with service.load() as load:
        replicas.wait_until_all_serve()
        first = [replicas.read_serial(webhook) for webhook in replicas.running]
        serial = replicas.link_certificate(replicas.authorities[1])
        poll(
            lambda: [replicas.read_serial(webhook) for webhook in replicas.running] == [serial] * 2,
            what="the new certificate in use",
        )
        load.wait(FEW)
    assert load.failed == []
    assert serial not in first
    assert load.created > FEW
