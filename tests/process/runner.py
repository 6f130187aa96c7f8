"""vault-env as the process that it is: started with an exact environment, and what became of it.

There are two of it, run by an interpreter and as the static executable, which is what is shipped. A test says COMMAND
and runs once with each (see conftest.py).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

INTERPRETED = (sys.executable, "-m", "vault_secrets_webhook.vaultenv")
PATH = "/usr/local/bin:/usr/bin:/bin"
SECONDS = 60
RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)  # `subprocess` sees to these
SHOW_ENVIRONMENT = ("cat", "/proc/self/environ")

# Starts argv[2:] with the environment that argv[1] holds: entries in hexadecimal, so that any bytes can be said.
_LAUNCHER = """
import ctypes, os, sys
entries = [bytes.fromhex(entry) for entry in sys.argv[1].split(",")]
strings = lambda items: (ctypes.c_char_p * (len(items) + 1))(*items, None)
ctypes.CDLL(None).execve(os.fsencode(sys.argv[2]), strings([os.fsencode(word) for word in sys.argv[2:]]), strings(entries))
os._exit(99)
"""


class Command:
    """The words that start vault-env: those of the one that the running test is about."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)


COMMAND = Command(*INTERPRETED)


def take_ignored_signals() -> None:
    """Let the processes started from now on have default dispositions, however we were started (nohup, in background).

    What is ignored stays so behind execve(2), what has a handler becomes default; the handler ignores it for us.
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is signal.SIG_IGN and number not in RESTORED:
            signal.signal(number, lambda *_: None)


class Ended(NamedTuple):
    """A process that has ended."""

    code: int
    output: bytes
    log: str

    @property
    def entries(self) -> list[bytes]:
        """The environment that the application printed by SHOW_ENVIRONMENT."""
        assert self.code == 0, self.log
        return [entry for entry in self.output.split(b"\0") if entry]

    @property
    def environ(self) -> dict[str, str]:
        return dict(os.fsdecode(entry).split("=", 1) for entry in self.entries)


def run(environ: Mapping[str, str], *command: str, cwd: str | None = None) -> Ended:
    """Run a command (by default one that shows its environment) by vault-env; PATH is set unless it is given."""
    full = {"PATH": PATH, **environ}
    ended = subprocess.run(
        [*COMMAND, *(command or SHOW_ENVIRONMENT)],
        env=full,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        cwd=cwd,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


def run_with_entries(entries: Iterable[bytes], *command: str) -> Ended:
    """Like `run`, with an environment as the kernel takes it: any byte strings, PATH among them or not."""
    encoded = ",".join(entry.hex() for entry in entries)
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, encoded]
    ended = subprocess.run(
        [*launcher, *COMMAND, *(command or SHOW_ENVIRONMENT)], capture_output=True, check=False, timeout=SECONDS
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


def can_mount() -> bool:
    """Tell whether a process may have file systems of its own."""
    try:
        tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False, timeout=SECONDS)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def start(environ: Mapping[str, str], *command: str) -> subprocess.Popen[bytes]:
    """Start vault-env and come back at once."""
    return subprocess.Popen(
        [*COMMAND, *command],
        env={"PATH": PATH, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> Ended:
    """Wait for the end of a process."""
    output, log = process.communicate(timeout=SECONDS)
    return Ended(process.returncode, output, log.decode())
