"""Pods as their owner sees them: created through the API server, looked at there and on the node, and deleted."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from e2e.front import HOST
from e2e.images import RECIPES, name_image
from tests.servers.memory import read_memory
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from e2e.node import Node
    from tests.servers.kubernetes import ApiServer

T = TypeVar("T")

ANNOTATION = "vault.security.banzaicloud.io/"
CONTAINER = "app"
TOKEN_FILE = "var/run/secrets/kubernetes.io/serviceaccount/token"
# Keeps a deleted pod, whose containers have ended, in the API server until `remove`.
FINALIZER = "e2e.invalid/looked-at"

# Reasons for waiting that nothing ends.
HOPELESS = ("ErrImageNeverPull", "InvalidImageName", "RunContainerError")


class Namespace(NamedTuple):
    """A namespace whose pods one webhook mutates; its ServiceAccount `app` may log in to OpenBao as role `app`."""

    api: ApiServer
    node: Node
    name: str

    @property
    def path(self) -> str:
        """The API path of its pods."""
        return f"/api/v1/namespaces/{self.name}/pods"

    def describe_app(
        self, image: str, env: dict[str, str], command: list[str], security: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Describe the spec of a pod with one container of one of our images."""
        container = {
            "name": CONTAINER,
            "image": name_image(image),
            "imagePullPolicy": "Never",
            "command": command,
            "env": [{"name": name, "value": value} for name, value in env.items()],
            "securityContext": security or RECIPES[image].security,
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }
        return {
            "serviceAccountName": "app",
            "terminationGracePeriodSeconds": 20,
            "hostAliases": [{"ip": self.node.name, "hostnames": [HOST]}],
            "containers": [container],
        }

    def request_pod(self, spec: dict[str, Any], **annotations: str) -> tuple[int, Any]:
        """Create a pod; the status and the pod as stored, or the Status object."""
        pod = {
            "metadata": {"name": f"pod-{secrets.token_hex(4)}", "finalizers": [FINALIZER], **annotate(annotations)},
            "spec": {**spec, "restartPolicy": "Never"},
        }
        return self.api.request("POST", self.path, pod)

    def create_pod(self, spec: dict[str, Any], **annotations: str) -> Pod:
        """Create a pod, which has to be allowed."""
        status, pod = self.request_pod(spec, **annotations)
        assert status == 201, pod
        return Pod(self, pod["metadata"]["name"])

    def find_pods(self, app: str) -> list[Pod]:
        """Find the pods of a Deployment or StatefulSet by their label `app`."""
        found = self.api.act("GET", f"{self.path}?labelSelector=app%3D{app}")
        return [Pod(self, pod["metadata"]["name"]) for pod in found["items"]]


class Process(NamedTuple):
    """A process of a container: how it was started, what it holds, and its pod's token."""

    command: list[str]
    environment: dict[str, str]
    memory: bytes
    service_account_token: bytes


class Pod(NamedTuple):
    """A pod with one container, `app`."""

    namespace: Namespace
    name: str

    @property
    def path(self) -> str:
        return f"{self.namespace.path}/{self.name}"

    def read(self) -> Any:
        """The pod as stored."""
        return self.namespace.api.act("GET", self.path)

    def read_log(self) -> str:
        """What the container has written; empty before it has started."""
        status, log = self.namespace.api.request("GET", f"{self.path}/log?container={CONTAINER}")
        return str(log or "") if status == 200 else ""

    def wait_until_ready(self) -> str:
        """Return the container's log once its application waits for its end."""

        def read_log_to_ready(status: dict[str, Any]) -> str | None:
            log = self.read_log() if status["phase"] != "Pending" else ""
            assert status["phase"] not in {"Failed", "Succeeded"}, f"{self.name}: {status}\n{log}"
            return log if "\nready\n" in log else None

        return self.wait(read_log_to_ready, "ready")

    def wait_until_ended(self) -> dict[str, Any]:
        """Return how the container has ended: `exitCode`, and the end of its log as `message`."""

        def read_end(status: dict[str, Any]) -> dict[str, Any] | None:
            (container,) = status.get("containerStatuses", [{"state": {}}])
            ended: dict[str, Any] | None = container["state"].get("terminated")
            return ended

        return self.wait(read_end, "ended")

    def wait(self, condition: Callable[[dict[str, Any]], T | None], what: str) -> T:
        """Poll for a condition of the pod's status; where it does not come true, the error shows the status."""
        status: dict[str, Any] = {}

        def check() -> T | None:
            status.update(self.read()["status"])
            stuck = [state for state in list_states(status) if state.get("waiting", {}).get("reason") in HOPELESS]
            assert not stuck, f"{self.name}: {stuck}"
            return condition(status)

        try:
            return poll(check, what=f"pod {self.name} {what}", seconds=45)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {status}") from None

    def find_process(self) -> int:
        """The process id of the container's first process."""
        (status,) = self.read()["status"]["containerStatuses"]
        return self.namespace.node.find_process(status["containerID"].removeprefix("containerd://"))

    def read_process(self) -> Process:
        """All that the container's first process is and knows."""
        pid = self.find_process()
        folder = Path(f"/proc/{pid}")
        entries = (folder / "environ").read_bytes().split(b"\0")[:-1]
        pairs = (entry.decode().partition("=") for entry in entries)
        return Process(
            command=(folder / "cmdline").read_text().split("\0")[:-1],
            environment={name: value for name, _, value in pairs},
            memory=read_memory(pid),
            service_account_token=(folder / "root" / TOKEN_FILE).read_bytes(),
        )

    def delete(self) -> None:
        """Ask for its end."""
        self.namespace.api.act("DELETE", self.path)

    def remove(self) -> None:
        """Delete it, unless it is being deleted, and forget it."""
        self.delete()
        patch = {"metadata": {"finalizers": None}}
        self.namespace.api.request("PATCH", self.path, patch, content_type="application/merge-patch+json")


def list_states(status: dict[str, Any]) -> list[dict[str, Any]]:
    """List the states of all containers of a pod: of each one of `waiting`, `running`, `terminated`."""
    kinds = ("initContainerStatuses", "containerStatuses")
    return [container["state"] for kind in kinds for container in status.get(kind, [])]


def annotate(annotations: dict[str, str]) -> dict[str, Any]:
    """Give our annotations as metadata; `vault_role` stands for `vault-role`, one with a prefix for itself."""
    keys = {name: name if "/" in name else ANNOTATION + name.replace("_", "-") for name in annotations}
    return {"annotations": {keys[name]: value for name, value in annotations.items()}}
