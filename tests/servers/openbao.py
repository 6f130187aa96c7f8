"""A real OpenBao (or Vault) server in development mode: in memory, on a free port of 127.0.0.1, KV v2 at `secret/`."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.lookup import find_openbao
from tests.servers.openbao_api import OpenBaoApi
from tests.servers.process import ServerProcess, start_on_free_port

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class OpenBao(OpenBaoApi):
    """A server of its own from construction to `stop`; also a context manager.

    Attributes: `address`, `root_token`, and with TLS `ca_file` (None without), which verifies 127.0.0.1 and localhost.
    """

    def __init__(self, *, tls: bool = False) -> None:
        """Start the server and wait until it answers. Raises `ServerMissing`, `ServerFailedError`."""
        executable = find_openbao()
        self.folder = Path(tempfile.mkdtemp(prefix="openbao-"))
        root_token = f"root-{secrets.token_hex(16)}"
        try:
            start_on_free_port(lambda port: self._start(executable, port, root_token, tls=tls))
        except BaseException:
            self.stop()
            raise

    def _start(self, executable: Path, port: int, root_token: str, *, tls: bool) -> None:
        command = [str(executable), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
        if tls:
            certificates = self.folder / "tls"
            certificates.mkdir(exist_ok=True)
            command += ["-dev-tls", f"-dev-tls-cert-dir={certificates}"]
        self._process = ServerProcess(
            command, log_file=self.folder / "server.log", environ=self._build_environ(root_token)
        )
        self._unseal_key = self._process.wait_until_ready(self._read_unseal_key)
        ca_file = self.folder / "tls" / "vault-ca.pem" if tls else None
        super().__init__(f"{'https' if tls else 'http'}://127.0.0.1:{port}", root_token, ca_file)
        self._process.wait_until_ready(self._is_ready)

    def _build_environ(self, root_token: str) -> dict[str, str]:
        """Nothing of this environment reaches the server but PATH, so no VAULT_*, BAO_* or proxy variable does."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "BAO_DEV_ROOT_TOKEN_ID": root_token,
            "VAULT_DEV_ROOT_TOKEN_ID": root_token,
        }

    def _read_unseal_key(self) -> str | None:
        found = re.search(r"^Unseal Key: (\S+)\n", self._process.log, re.MULTILINE)
        return found[1] if found else None

    def _is_ready(self) -> bool:
        """Whether this very server (it knows its root token) is unsealed and its KV v2 has finished its upgrade."""
        try:
            return self.request("GET", "secret/config", token=self.root_token)[0] == 200
        except (OSError, HTTPException):
            return False

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has logged so far. Development mode writes the root token and the unseal key there."""
        return self._process.log

    def seal(self) -> None:
        """Seal it: from now on it answers 503."""
        self.act("PUT", "sys/seal")

    def unseal(self) -> None:
        """Unseal it and wait until it answers again. Nothing is lost."""
        self.act("PUT", "sys/unseal", {"key": self._unseal_key})
        self._process.wait_until_ready(self._is_ready)

    def stop(self) -> None:
        """Kill it and remove all that it wrote. May be called again."""
        if hasattr(self, "_process"):
            self._process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
