"""A real image registry (Debian's docker-registry, which is distribution) with throw-away data, on a free port.

What is pushed to it is written by `images.layout`; how it is pushed is told in `registry_api`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.servers.process import ServerProcess, start_on_free_port
from tests.servers.registry_api import RegistryApi
from tests.servers.registry_package import find_registry
from vault_secrets_webhook.gotemplate.crypto.bcrypt import hash_password, load_crypt

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.fakes.certificates import Authority

# Whoever asks for every request pays for the hash every time.
CHEAPEST_BCRYPT = 4
# Of the access log, which is Apache's: `ADDRESS - USER [TIME] "METHOD PATH HTTP/1.1" STATUS ...`.
ANSWERED = re.compile(r'^\S+ - \S+ \[[^\]]+\] "([A-Z]+) (\S+) HTTP/[\d.]+" (\d+) ', re.MULTILINE)


class Answered(NamedTuple):
    """A request and the status of its answer; the path is with its query."""

    method: str
    path: str
    status: int


class Registry(RegistryApi):
    """A server of its own from construction to `stop`; also a context manager.

    Attributes: `address` (`HOST:PORT`, with which names of images start), `url`, and with TLS `ca_file` (None without).
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        password: tuple[str, str] | None = None,
        tls: Authority | None = None,
        mirror_of: str = "",
    ) -> None:
        """Start the server and wait until it answers. Raises `ServerMissing`, `ServerFailedError`.

        `host` is the address that it listens at; `password` is the only user with the password that all requests need;
        `tls` issues its certificate, for `host`; `mirror_of` is the URL of the registry that it gets images from.
        """
        executable = find_registry()
        self._folder = Path(tempfile.mkdtemp(prefix="registry-"))
        try:
            start_on_free_port(lambda port: self._start(executable, f"{host}:{port}", password, tls, mirror_of))
        except BaseException:
            self.stop()
            raise

    def _start(
        self,
        executable: Path,
        address: str,
        password: tuple[str, str] | None,
        authority: Authority | None,
        mirror_of: str,
    ) -> None:
        config = self._folder / "config.json"  # which is YAML
        described = _describe(self._folder, address, password, authority)
        if mirror_of:
            described["proxy"] = {"remoteurl": mirror_of}
        config.write_text(json.dumps(described))
        # No REGISTRY_* variable of this environment reaches it, which would win over the configuration.
        environ = {"PATH": os.defpath, "HOME": str(self._folder)}
        self._process = ServerProcess(
            [executable, "serve", config], log_file=self._folder / "registry.log", environ=environ
        )
        super().__init__(address, password, authority.ca_file if authority else None)
        self._process.wait_until_ready(self._is_ready)

    def _is_ready(self) -> bool:
        """Whether this very server answers: another one at its port does not know the password, or is not certified."""
        try:
            return "listening on" in self._process.log and self.request("GET", "/v2/").status == 200
        except (OSError, HTTPException):
            return False

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return self._process.log

    @property
    def requests(self) -> list[Answered]:
        """All requests so far, those of `push` too. The last one may be missing for a moment after its answer."""
        return [Answered(method, path, int(status)) for method, path, status in ANSWERED.findall(self.log)]

    def stop(self) -> None:
        """Kill it and remove all that it wrote. May be called again."""
        if hasattr(self, "_process"):
            self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _describe(
    folder: Path, address: str, password: tuple[str, str] | None, authority: Authority | None
) -> dict[str, Any]:
    """Describe the server as its configuration does; writes the files that this names."""
    http: dict[str, Any] = {"addr": address, "secret": "of-uploads", "relativeurls": True}
    if authority is not None:
        certificate, key = authority.issue("registry", address.rpartition(":")[0])
        http["tls"] = {"certificate": str(certificate), "key": str(key)}
    config = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": http,
    }
    if password is not None:
        user, secret = password
        users = folder / "htpasswd"
        users.write_bytes(user.encode() + b":" + hash_password(secret.encode(), load_crypt(), CHEAPEST_BCRYPT) + b"\n")
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(users)}}
    return config
