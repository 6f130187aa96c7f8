"""Pods that are created without a pause, by several clients at once, and what became of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from tests.servers.kubernetes import ApiServer

CLIENTS = 4


class Load:
    """Creates pods in a namespace as long as the context lasts.

    `created` counts those that are stored and injected; `failed` tells of the others.
    """

    def __init__(self, api: ApiServer, namespace: str, make_spec: Callable[[], dict[str, Any]]) -> None:
        self.api = api
        self.path = f"/api/v1/namespaces/{namespace}/pods"
        self.make_spec = make_spec
        self.created = 0
        self.failed: list[str] = []
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.create_pods) for _ in range(CLIENTS)]

    def create_pods(self) -> None:
        while not self.ending.is_set():
            try:
                fault = self.create_pod()
            except OSError as error:
                fault = repr(error)
            with self.lock:
                self.created += not fault
                self.failed += [fault] if fault else []

    def create_pod(self) -> str:
        """Create a pod; gives what is wrong about it."""
        pod = {"metadata": {"generateName": "load-"}, "spec": self.make_spec()}
        status, answer = self.api.request("POST", self.path, pod)
        if status != 201:
            return f"{status}: {answer}"
        commands = [container["command"] for container in answer["spec"]["containers"]]
        return "" if commands == [["/vault/vault-env"]] else f"not injected: {commands}"

    def wait(self, more: int) -> None:
        """Wait until so many more pods were created, well or not."""
        enough = self.created + len(self.failed) + more
        poll(lambda: self.created + len(self.failed) >= enough, what=f"{more} more pods")

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()
