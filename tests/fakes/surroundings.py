"""All that a webhook talks to, in one stand-in: the API server, Vault and an image registry; and the webhook beside it.

The webhook is the real process, over plain HTTP, so nothing here knows how it is built. Every Secret, and every answer
of Vault, holds the canary. What is named `faulty` fails as a server does that is broken, `denied` as one that does not
like us, `missing` does not exist.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import sys
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from tests.fakes.server import FakeServer, Reply
from tests.servers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.fakes.server import Asked

FAULTY, DENIED, MISSING = "faulty", "denied", "missing"
REFERENCE = "vault:secret/data/app#password"
NAMESPACE_WITH_DEFAULTS = "shop-old"
NAMESPACE_DEFAULTS = {f"vault.security.banzaicloud.io/{key}": "true" for key in ("mutate-probes", "vault-agent")}
OBJECT = re.compile(r"/api/v1/namespaces/([^/]+)/(secrets|configmaps|serviceaccounts)/([^/]+)")
KINDS = {"secrets": "Secret", "configmaps": "ConfigMap", "serviceaccounts": "ServiceAccount"}
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SERVING = re.compile(r"msg=serving\b.* url=\"?http://127\.0\.0\.1:(\d+)")
TIMEOUT = 60.0
ODD_VALUES = {
    "none": None,
    "empty": "",
    "lines": 'a\r\nb"\\',
    "odd": "\x00\u202e\U0001f512",
    "long": "x" * 100_000,
    "no": False,
}
# What KV version 2 tells of a version, and by what it is known.
VERSION = {
    "created_time": "2026-01-02T03:04:05Z",
    "custom_metadata": None,
    "deletion_time": "",
    "destroyed": False,
    "version": 1,
}


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def fail(status: int, message: str = "stand-in") -> Reply:
    """Fail so that both Kubernetes and Vault would know it."""
    return Reply(status, {"kind": "Status", "status": "Failure", "message": message, "errors": [message]})


class Surroundings:
    """Answers for everybody; `canary` is in all that must not be shown."""

    def __init__(self, canary: str) -> None:
        self.canary = canary
        self.server = FakeServer(self.answer)
        self.faults = {FAULTY: 500, DENIED: 403, MISSING: 404}

    @property
    def registry(self) -> str:
        """The registry as the name of an image begins with it."""
        return f"127.0.0.1:{self.server.port}"

    def answer(self, asked: Asked) -> Reply:
        path = asked.target.partition("?")[0]
        for word, status in self.faults.items():
            if word in path:
                # What Vault says is shown; an API server's words are not, they may be about what is in an object.
                return fail(status, word if path.startswith("/v1/") else f"{word} {self.canary}")
        for prefix, answer in self.parts.items():
            if path.startswith(prefix):
                return answer(path, asked)
        return fail(404)

    @cached_property
    def parts(self) -> Mapping[str, Callable[[str, Asked], Reply]]:
        return {
            "/api": self.answer_cluster,
            "/version": self.tell_version,
            "/v1/": self.answer_vault,
            "/v2/": self.answer_registry,
        }

    # The API server

    def tell_version(self, _: str, __: Asked) -> Reply:
        return Reply(200, {"major": "1", "minor": "37", "gitVersion": "v1.37.2"})

    def answer_cluster(self, path: str, asked: Asked) -> Reply:
        if path.endswith("/token"):
            token = {"token": f"jwt-{self.canary}", "expirationTimestamp": "2126-01-02T03:04:05Z"}
            return Reply(201, {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "status": token})
        if asked.method in {"POST", "PUT", "PATCH"}:
            return Reply(201, asked.json())
        if found := OBJECT.fullmatch(path):
            return self.give_object(*found.groups())
        if re.fullmatch(r"/api/v1/namespaces/[^/]+", path):
            return Reply(200, {"kind": "Namespace", "apiVersion": "v1", "metadata": self.describe_namespace(path)})
        return fail(404)

    def describe_namespace(self, path: str) -> dict[str, Any]:
        """Give the metadata of a namespace; one of them has defaults for its objects."""
        name = path.rpartition("/")[2]
        return {"name": name, "annotations": NAMESPACE_DEFAULTS if name == NAMESPACE_WITH_DEFAULTS else {}}

    def give_object(self, namespace: str, resource: str, name: str) -> Reply:
        contents = {"references": {"password": REFERENCE, "level": "x"}, "plain": {"level": self.canary}}
        data = contents.get(name)
        if data is None and resource != "serviceaccounts":
            return fail(404)
        document = {"kind": KINDS[resource], "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace}}
        if resource == "secrets":
            document["data"] = {key: encode(text) for key, text in (data or {}).items()}
        elif resource == "configmaps":
            document["data"] = data or {}
        return Reply(200, document)

    # Vault

    def answer_vault(self, path: str, asked: Asked) -> Reply:
        if path.endswith("/login"):
            auth = {"client_token": f"token-{self.canary}", "lease_duration": 3600, "renewable": True}
            return Reply(200, {"auth": auth})
        if path.startswith(("/v1/auth/", "/v1/sys/")):
            return Reply(204)
        if "/decrypt/" in path:
            results = [{"plaintext": encode(self.canary)} for _ in asked.json().get("batch_input", [0])]
            return Reply(200, {"data": {"batch_results": results, "plaintext": encode(self.canary)}})
        values: dict[str, Any] = dict.fromkeys(("user", "password", "url", "certificate", "key"), self.canary)
        values |= {"binary": encode(self.canary), "map": {"a": [self.canary, 1.50, None]}, "number": 7, **ODD_VALUES}
        if path.startswith("/v1/secret/data/"):
            return Reply(200, {"data": {"data": values, "metadata": VERSION}})
        return Reply(200, {"data": values})

    # The registry

    def answer_registry(self, path: str, _: Asked) -> Reply:
        config = json.dumps(
            {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/run"], "Cmd": ["$HOME", "--all"]}}
        ).encode()
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        if path.endswith(digest):
            return Reply(200, config, {"Content-Type": CONFIG})
        if "/manifests/" not in path:
            return Reply(200, {})
        layer = {"mediaType": CONFIG, "digest": digest, "size": len(config)}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": layer, "layers": []}).encode()
        found = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        return Reply(200, manifest, {"Content-Type": MANIFEST, "Docker-Content-Digest": found})

    def stop(self) -> None:
        self.server.stop()


class Reviewed:
    """The webhook in the middle of its surroundings; also a context manager."""

    def __init__(self, folder: Path, canary: str, **settings: str) -> None:
        self.surroundings = Surroundings(canary)
        jwt = folder / "jwt"
        jwt.write_text(f"jwt-{canary}")
        environ = {
            "LISTEN_ADDRESS": "127.0.0.1:0",
            "KUBECONFIG": str(self.write_kubeconfig(folder)),
            "KUBERNETES_NAMESPACE": "vault-system",
            "VAULT_ADDR": self.surroundings.server.address,
            "VAULT_JWT_FILE": str(jwt),
            "BAO_ADDR": self.surroundings.server.address,
            "BAO_JWT_FILE": str(jwt),
            "VAULT_MAX_RETRIES": "0",
            "REGISTRY_ALLOWLIST": self.surroundings.registry,
            "REGISTRY_PLAIN_HTTP": self.surroundings.registry,
            "LOG_LEVEL": "debug",
            **settings,
        }
        command = [sys.executable, "-m", "vault_secrets_webhook.webhook"]
        try:
            self.process = ServerProcess(command, log_file=folder / "webhook.log", environ=environ)
            self.port = self.process.wait_until_ready(self.find_port)
        except BaseException:  # a thread that listens would keep the tests from ending
            self.surroundings.stop()
            if hasattr(self, "process"):
                self.process.stop()
            raise
        self.connections: list[http.client.HTTPConnection] = []
        self.own = threading.local()

    def write_kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads to the stand-in."""
        path = folder / "kubeconfig"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": self.surroundings.server.address}}],
            "users": [{"name": "u", "user": {"token": f"bearer-{self.surroundings.canary}"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path

    def find_port(self) -> int:
        found = SERVING.search(self.process.log)
        return int(found[1]) if found else 0

    @property
    def connection(self) -> http.client.HTTPConnection:
        """The connection of this thread, which is kept."""
        if not hasattr(self.own, "connection"):
            self.own.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
            self.connections.append(self.own.connection)
        connection: http.client.HTTPConnection = self.own.connection
        return connection

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send a review; gives status and body. Raises OSError or HTTPException when no answer comes."""
        self.connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        return response.status, response.read()

    def read(self, path: str) -> bytes:
        """Get a page."""
        self.connection.request("GET", path)
        return self.connection.getresponse().read()

    def stop(self) -> None:
        for connection in self.connections:
            connection.close()
        self.process.stop()
        self.surroundings.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
