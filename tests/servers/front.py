"""What a Service is to its clients: one address, whose connections go to one backend after the other.

As with kube-proxy a connection stays where it went, and who is on the list is somebody else's business.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from tests.fakes.server import carry, close

if TYPE_CHECKING:
    from typing import Self


class Front:
    """Listens on a free port of 127.0.0.1 until the context ends; `ports` are those of the backends."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.turn = 0
        self.ends: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.ends.append(client)
            try:
                self.join(client)
            except OSError:  # a backend that is on the list and not there is a broken connection, as in a cluster
                close(client)

    def join(self, client: socket.socket) -> None:
        """Join a client and the backend whose turn it is."""
        ports = list(self.ports)
        self.turn += 1
        backend = socket.create_connection(("127.0.0.1", ports[self.turn % len(ports)]))
        self.ends.append(backend)
        for pair in ((client, backend), (backend, client)):
            thread = threading.Thread(target=carry, args=pair)
            self.threads.append(thread)
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        close(self.listener)
        self.threads[0].join()
        for end in self.ends:
            with contextlib.suppress(OSError):
                close(end)
        for thread in self.threads[1:]:
            thread.join()
