"""A real kube-apiserver with its etcd: TLS, RBAC, ServiceAccount tokens, throw-away data, no node and no controller."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.etcd import Etcd
from tests.servers.kubernetes_api import KubernetesApi
from tests.servers.lookup import find_command
from tests.servers.process import ServerProcess, start_on_free_port

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_ISSUER = "https://kubernetes.default.svc.cluster.local"

# Every request and answer in full, so that a test can search them for what must not be there.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "users": ["system:apiserver"]}, {"level": "RequestResponse"}],
}


class ApiServer(KubernetesApi):
    """A server of its own from construction to `stop`; also a context manager.

    The namespace `default` is ready for pods, which are stored and never scheduled.

    Attributes: `address`, `ca_file`, `admin_token`; `token_issuer` and `token_public_key` (PEM) of its ServiceAccount
    tokens; `data_dir` (etcd's files), `log_files` (of both servers), `audit_file` (every request and answer in full).
    """

    def __init__(self) -> None:
        """Start both and wait until they are ready. Raises `ServerMissing`, `ServerFailedError`."""
        executable = find_command("kube-apiserver")
        find_command("etcd")
        self.folder = Path(tempfile.mkdtemp(prefix="kubernetes-"))
        self.token_issuer = _ISSUER
        self.token_public_key = _write_signing_key(self.folder / "signing.key")
        self.audit_file = self.folder / "audit.log"
        try:
            self._etcd = Etcd(self.folder)
            start_on_free_port(lambda port: self._start(executable, port))
            self._process.wait_until_ready(self._is_ready)
            self.fill_namespace("default")
        except BaseException:
            self.stop()
            raise

    def _start(self, executable: Path, port: int) -> None:
        admin_token = secrets.token_hex(16)
        self._process = ServerProcess(
            [executable, *self._build_options(port, admin_token)],
            log_file=self.folder / "kube-apiserver.log",
            environ={"HOME": str(self.folder), "TMPDIR": str(self.folder)},
        )
        self._process.wait_until_ready(lambda: "Serving securely on" in self._process.log)
        ca_file = self.folder / "certificates" / "apiserver.crt"  # its own certificate, then the CA that signed it
        super().__init__(f"https://127.0.0.1:{port}", ca_file, admin_token)

    def _build_options(self, port: int, admin_token: str) -> list[str]:
        signing_key = self.folder / "signing.key"
        tokens = self.folder / "tokens.csv"
        tokens.write_text(f'{admin_token},admin,1,"system:masters"\n')
        audit_policy = self.folder / "audit-policy.json"
        audit_policy.write_text(json.dumps(_AUDIT_POLICY))
        return [
            f"--etcd-servers={self._etcd.address}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",  # a loopback address is no endpoint, and nothing needs one
            f"--cert-dir={self.folder / 'certificates'}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/24",
            f"--service-account-key-file={signing_key}",
            f"--service-account-signing-key-file={signing_key}",
            f"--service-account-issuer={_ISSUER}",
            f"--api-audiences={_ISSUER}",
            f"--audit-policy-file={audit_policy}",
            f"--audit-log-path={self.audit_file}",
        ]

    def _is_ready(self) -> bool:
        """Whether this very server (its certificate is verified) is ready and has made the namespaces that pods need."""
        try:
            return self.request("GET", "/readyz")[0] == 200 and all(
                self.request("GET", f"/api/v1/namespaces/{name}")[0] == 200 for name in ("default", "kube-system")
            )
        except (OSError, HTTPException):
            return False

    @property
    def pid(self) -> int:
        """The process id of kube-apiserver."""
        return self._process.pid

    @property
    def data_dir(self) -> Path:
        """The folder of etcd's files."""
        return self._etcd.data_dir

    @property
    def log_files(self) -> list[Path]:
        """The logs of kube-apiserver and of etcd."""
        return [self._process.log_file, self._etcd.log_file]

    def stop(self) -> None:
        """Kill both and remove all that they wrote. May be called again."""
        for name in ("_process", "_etcd"):
            if (server := getattr(self, name, None)) is not None:
                server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _write_signing_key(path: Path) -> str:
    """Write a new private key for ServiceAccount tokens; returns its public key. Both are PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private)
    path.chmod(0o600)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return public.decode()
