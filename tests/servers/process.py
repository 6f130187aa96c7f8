"""Server processes that end with the tests, the ports they listen on, and waiting for a condition.

A server started here is killed by the kernel when the process (strictly: the thread) that started it ends, however that
happens, so an aborted run of the tests leaves none behind. See prctl(2), PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.servers.errors import PortTakenError, ServerFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

_POLL_SECONDS = 0.02
_PORT_ATTEMPTS = 5

# Asks for the parent death signal, makes sure that the parent is still there, then becomes the server (argv[2:]).
_LAUNCHER = """
import os, sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def poll(condition: Callable[[], T | None], *, what: str, seconds: float = 60) -> T:
    """Call `condition` until it returns something true, and return that; `TimeoutError` naming `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(_POLL_SECONDS)
    return result


def find_free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def start_on_free_port(start: Callable[[int], T]) -> T:
    """Call `start(port)` with one free port after another until it does not raise `PortTakenError`."""
    for _ in range(_PORT_ATTEMPTS - 1):
        try:
            return start(find_free_port())
        except PortTakenError:
            continue
    return start(find_free_port())


class ServerProcess:
    """One server: its executable, its output in one log file, and its end."""

    def __init__(self, command: Sequence[str | Path], *, log_file: Path, environ: Mapping[str, str]) -> None:
        """Start `command` (an absolute path and its arguments) with exactly `environ`, standard input closed."""
        self.name = Path(command[0]).name
        self.log_file = log_file
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [*launcher, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C ends the tests, and they end their servers
            )

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has written to standard output and standard error so far."""
        return self.log_file.read_text(errors="replace")

    def wait_until_ready(self, condition: Callable[[], T | None], *, seconds: float = 60) -> T:
        """First true result of `condition`; `ServerFailedError` if the server ends before, or takes too long."""

        def check_alive_and_ready() -> T | None:
            ended = self._process.poll() is not None
            if ended:
                raise self._explain_end()
            return condition()

        try:
            return poll(check_alive_and_ready, what=f"{self.name} ready", seconds=seconds)
        except TimeoutError as error:
            raise ServerFailedError(f"{error}; its log is {self.log_file}") from None

    def _explain_end(self) -> ServerFailedError:
        kind = PortTakenError if "address already in use" in self.log else ServerFailedError
        last = "\n".join(self.log.splitlines()[-15:])
        return kind(f"{self.name} ended with status {self._process.returncode}:\n{last}")

    def stop(self) -> None:
        """Kill the server. Its data are throw-away, so it is not asked to finish anything."""
        self._process.kill()
        self._process.wait()
