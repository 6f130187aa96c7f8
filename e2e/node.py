"""A real node and the controllers beside it: containerd, kubelet, kube-controller-manager, kube-scheduler.

Knows how they are configured to run in namespaces of their own (see `run`) without systemd, and nothing of pods.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from e2e.images import name_image, run
from tests.servers.errors import ServerMissing
from tests.servers.lookup import find_command
from tests.servers.process import ServerProcess, find_free_port

if TYPE_CHECKING:
    from tests.servers.kubernetes import ApiServer

PAUSE_IMAGE = name_image("pause")
POD_SUBNET = "10.98.0.0/24"
RUNC = "runc"

_NETWORK_PLUGINS = ("ptp", "loopback", "host-local")
_OF_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")

_CONTAINERD_CONFIG = """
version = 3
root = "{folder}/containerd"
state = "{folder}/containerd-state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause_image}"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "{folder}/registries"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [{plugin_folders}]
conf_dir = "{folder}/network"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""


class Node:
    """A node that runs pods from construction to the end of this process; its name is its address.

    The API server, which has no DNS, asks a kubelet for logs at the node's name.
    """

    def __init__(self, folder: Path, api: ApiServer, address: str) -> None:
        """Start everything; it is ready when `wait_until_ready` returns. Raises `ServerMissing`, `ServerFailedError`."""
        self.folder = folder
        self.name = address
        self._api = api
        self._socket = folder / "containerd.sock"
        self._kubeconfig = api.write_kubeconfig(folder / "kubeconfig")
        self._processes: list[ServerProcess] = []
        executables = {name: find_command(name) for name in (*_OF_CONTAINERD, *_NETWORK_PLUGINS, "kubelet")}
        self._ctr = executables["ctr"]
        self._start_containerd(executables)
        self._start_kubelet(executables["kubelet"])
        self._start_controllers()

    def _start(self, command: list[str | Path], path: str = "") -> ServerProcess:
        name = Path(command[0]).name
        environ = {"PATH": f"{path}{os.environ['PATH']}", "HOME": str(self.folder), "TMPDIR": str(self.folder)}
        process = ServerProcess(command, log_file=self.folder / f"{name}.log", environ=environ)
        self._processes.append(process)
        return process

    def _start_containerd(self, executables: dict[str, Path]) -> None:
        runc = shutil.which(RUNC)
        if runc is None:
            raise ServerMissing("runc is not on this machine: install the package `runc`")
        network = self.folder / "network"
        network.mkdir()
        (network / "10-pods.conflist").write_text(json.dumps(_describe_network(self.folder)))
        config = self.folder / "containerd.toml"
        folders = ", ".join(json.dumps(str(executables[name].parent)) for name in _NETWORK_PLUGINS)
        config.write_text(
            _CONTAINERD_CONFIG.format(
                folder=self.folder, socket=self._socket, pause_image=PAUSE_IMAGE, plugin_folders=folders, runc=runc
            )
        )
        path = f"{executables['containerd-shim-runc-v2'].parent}{os.pathsep}"
        process = self._start([executables["containerd"], "--config", config], path)
        process.wait_until_ready(lambda: "containerd successfully booted" in process.log)

    def _start_kubelet(self, executable: Path) -> None:
        config = self.folder / "kubelet.json"
        (self.folder / "resolv.conf").write_text("")
        config.write_text(json.dumps(_describe_kubelet(self.folder, self._socket)))
        self._start(
            [
                executable,
                f"--config={config}",
                f"--kubeconfig={self._kubeconfig}",
                f"--root-dir={self.folder / 'kubelet'}",
                f"--cert-dir={self.folder / 'kubelet-certificates'}",
                f"--hostname-override={self.name}",
                f"--node-ip={self.name}",
            ]
        )

    def _start_controllers(self) -> None:
        common = [f"--kubeconfig={self._kubeconfig}", "--leader-elect=false"]
        own = [
            f"--service-account-private-key-file={self._api.folder / 'signing.key'}",
            f"--root-ca-file={self._api.ca_file}",
            f"--flex-volume-plugin-dir={self.folder / 'volume-plugins'}",
            "--use-service-account-credentials=true",
        ]
        for name, options in (("kube-controller-manager", own), ("kube-scheduler", [])):
            self._start([find_command(name), *common, f"--secure-port={find_free_port()}", *options])

    def wait_until_ready(self) -> None:
        """Return when the node takes pods. Raises `ServerFailedError` if one of its processes ends."""
        for process in self._processes:
            process.wait_until_ready(self._is_ready)

    def _is_ready(self) -> bool:
        status, node = self._api.request("GET", f"/api/v1/nodes/{self.name}")
        conditions = node["status"].get("conditions", []) if status == 200 else []
        untainted = status == 200 and not node["spec"].get("taints")
        return untainted and any(row["type"] == "Ready" and row["status"] == "True" for row in conditions)

    def import_image(self, archive: Path, name: str = "") -> None:
        """Give the node the image of an archive, under its own name or another one."""
        self._run_ctr("images", "import", *([f"--index-name={name}"] if name else []), str(archive))

    def trust_registry(self, address: str, ca_file: Path) -> None:
        """Let it pull from the registry at `HOST:PORT`, whose certificate `ca_file` verifies."""
        folder = self.folder / "registries" / address
        folder.mkdir(parents=True)
        (folder / "hosts.toml").write_text(f'[host."https://{address}"]\nca = "{ca_file}"\n')

    def find_process(self, container_id: str) -> int:
        """The process id, as this namespace counts them, of a container's first process."""
        for line in self._run_ctr("tasks", "list").splitlines()[1:]:
            name, pid = line.split()[:2]
            if name == container_id:
                return int(pid)
        raise LookupError(f"container {container_id} does not run")

    def _run_ctr(self, *arguments: str) -> str:
        return run([self._ctr, "--address", self._socket, "--namespace", "k8s.io", *arguments])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.stop()


def _describe_network(folder: Path) -> dict[str, Any]:
    """Describe the pods' network: each has a cable to the node."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_SUBNET}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(folder / "addresses"),
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]}


def _describe_kubelet(folder: Path, socket: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "containerRuntimeEndpoint": f"unix://{socket}",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        # What systemd and a machine of its own would give it.
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        # However full this machine is.
        "evictionHard": {
            "memory.available": "1Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "resolvConf": str(folder / "resolv.conf"),
        "volumePluginDir": str(folder / "volume-plugins"),
        "podLogsDir": str(folder / "logs"),
        "syncFrequency": "1s",
        "serializeImagePulls": False,
        # An image that once came with a password is, under whatever name, for those who have it, unless this is said.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }
