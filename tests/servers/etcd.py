"""A real etcd with throw-away data, on ports of 127.0.0.1 that the kernel chooses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.servers.lookup import find_command
from tests.servers.process import ServerProcess

if TYPE_CHECKING:
    from pathlib import Path

_ANY_PORT = "http://127.0.0.1:0"


class Etcd:
    """A server of its own from construction to `stop`. It writes into `folder` only, which its owner removes."""

    def __init__(self, folder: Path) -> None:
        """Start the server and wait until it serves clients. Raises `ServerMissing`, `ServerFailedError`."""
        self.data_dir = folder / "etcd"
        self.log_file = folder / "etcd.log"
        command = [
            str(find_command("etcd")),
            f"--data-dir={self.data_dir}",
            f"--listen-client-urls={_ANY_PORT}",
            f"--advertise-client-urls={_ANY_PORT}",
            f"--listen-peer-urls={_ANY_PORT}",
            f"--initial-advertise-peer-urls={_ANY_PORT}",
            f"--initial-cluster=default={_ANY_PORT}",
            "--unsafe-no-fsync",
            # The one member elects itself after an election timeout, 1 s unless told.
            "--heartbeat-interval=10",
            "--election-timeout=100",
        ]
        self._process = ServerProcess(command, log_file=self.log_file, environ={})
        try:
            self.address = self._process.wait_until_ready(self._read_address)
        except BaseException:
            self.stop()
            raise

    def _read_address(self) -> str | None:
        """The address that it logs when it starts to serve, port included."""
        found = re.search(r'"msg":"serving client traffic insecurely.*"address":"([^"]+)"', self._process.log)
        return f"http://{found[1]}" if found else None

    def stop(self) -> None:
        """Kill it."""
        self._process.stop()
