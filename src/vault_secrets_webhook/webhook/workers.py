"""Several worker processes behind one port, and the parent that keeps them running.

The parent opens the port and serves nothing: each worker is a whole webhook, started anew (not forked), that accepts
from the parent's listener, so that no connection waits at a worker that has ended. The parent only waits for signals:
it passes SIGTERM and SIGINT on, and starts a worker again that ended by itself. When the parent is gone, whatever the
reason, the workers read the end of a pipe and shut down.

Metrics are kept in files in memory, one set for each place, so that a worker that is started again goes on counting.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import ConfigurationError

from .listen import open_listener

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vault_secrets_webhook.textlog import Log

    from .settings import Settings

# How a worker knows what it is: `PLACE,PIPE,LISTENER[,LISTENER]`, a number and file descriptors.
WORKER_VARIABLE = "VAULT_SECRETS_WEBHOOK_WORKER"
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own is made in it; also there with a read-only root
FALLBACK = "/tmp"  # noqa: S108 - as above
MEBIBYTE = 1024 * 1024
SHARE = 5 * MEBIBYTE  # what the metrics of one worker take at most: `metrics.MOST_SHARED_COMBINATIONS`
ENDING = (signal.SIGTERM, signal.SIGINT)
AWAITED = frozenset((*ENDING, signal.SIGCHLD))
WRONG_SETTING = 2
# Seconds: pauses before a worker is started again, and after how many a worker counts as one that runs.
FIRST_PAUSE, LONGEST_PAUSE, STEADY = 1.0, 30.0, 60.0


class WorkerPlace(NamedTuple):
    """What a worker gets from its parent: its number, the pipe that ends with the parent, and the listeners."""

    number: int
    pipe: int
    listeners: tuple[int, ...]


def find_place(environ: Mapping[str, str] = os.environ) -> WorkerPlace | None:
    """Find out whether this process is a worker. Raises ConfigurationError."""
    text = environ.get(WORKER_VARIABLE)
    if not text:
        return None
    try:
        number, pipe, *listeners = map(int, text.split(","))
    except ValueError:
        raise ConfigurationError(f"{WORKER_VARIABLE} is not for you to set: use WORKERS") from None
    return WorkerPlace(number, pipe, tuple(listeners))


def take_listener(index: int, setting: str, address: str) -> socket.socket:
    """Take the parent's listener of this index, or open one where there is no parent. Raises ConfigurationError."""
    place = find_place()
    return open_listener(setting, address) if place is None else socket.socket(fileno=place.listeners[index])


def remove_metrics() -> None:
    """Remove the metrics of all workers, where their parent cannot do it any more."""
    shutil.rmtree(os.environ[FOLDER_VARIABLE], ignore_errors=True)


def unblock_signals() -> None:
    """Take the signals that the parent blocks, now that there is somebody who handles them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)


class Worker:
    """One place for a worker: the process in it, and when to start another one."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = FIRST_PAUSE
        self.due = 0.0

    def plan_restart(self, now: float) -> float:
        """Choose when to start again; gives the pause."""
        if now - self.started > STEADY:
            self.pause = FIRST_PAUSE
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        self.due = now + pause
        return pause


class Parent:
    """Keeps workers running until it is told to end. `command` starts one."""

    def __init__(
        self, command: Sequence[str], count: int, listeners: Sequence[socket.socket], folder: Path, log: Log
    ) -> None:
        self.command = command
        self.workers = [Worker(number) for number in range(count)]
        self.listeners = list(listeners)
        self.folder = folder
        self.log = log
        self.reading_end, self.writing_end = os.pipe()
        self.is_ending = False
        self.status = 0

    def run(self) -> int:
        """Run; returns the exit status. The signals must be blocked already."""
        while True:
            for worker in self.workers:
                if worker.process is None and not self.is_ending and worker.due <= monotonic():
                    self.start(worker)
            if self.is_ending and all(worker.process is None for worker in self.workers):
                return self.status
            received = signal.sigtimedwait(AWAITED, self.seconds_to_wait())
            if received is not None and received.si_signo in ENDING:
                self.end(received.si_signo)
            self.collect()

    def seconds_to_wait(self) -> float:
        """Tell how long nothing is to be done unless a signal comes."""
        dues = [worker.due for worker in self.workers if worker.process is None]
        return LONGEST_PAUSE if self.is_ending or not dues else max(0.0, min(dues) - monotonic())

    def start(self, worker: Worker) -> None:
        """Start a worker in its place."""
        descriptors = [self.reading_end, *(listener.fileno() for listener in self.listeners)]
        place = ",".join(map(str, [worker.number, *descriptors]))
        environ = {**os.environ, WORKER_VARIABLE: place, FOLDER_VARIABLE: str(self.folder)}
        worker.started = monotonic()
        try:
            worker.process = subprocess.Popen(self.command, env=environ, pass_fds=descriptors)  # noqa: S603 - ourselves
        except OSError as error:  # no memory, or too many processes: the others go on meanwhile
            pause, reason = worker.plan_restart(monotonic()), error.strerror or type(error).__name__
            self.log.warning("a worker cannot be started yet", worker=worker.number, error=reason, pause=pause)

    def end(self, number: int) -> None:
        """Pass a signal on. Nobody must wait at a listener of ours when the workers have closed theirs."""
        self.is_ending = True
        for listener in self.listeners:
            listener.close()
        for worker in self.workers:
            if worker.process is not None:
                worker.process.send_signal(number)

    def collect(self) -> None:
        """Look which workers have ended, and see to it that they are started again."""
        for worker in self.workers:
            status = None if worker.process is None else worker.process.poll()
            if status is None:
                continue
            worker.process = None
            for gauges in self.folder.glob(f"gauge_live*_{worker.number}.db"):
                gauges.unlink(missing_ok=True)  # what counts is what is under way now
            if self.is_ending:
                self.status = self.status or abs(status)
            elif status == WRONG_SETTING:  # the worker has said what is wrong; it will not become right
                self.status = WRONG_SETTING
                self.end(signal.SIGTERM)
            else:
                pause = worker.plan_restart(monotonic())
                self.log.error("a worker ended; it is started again", worker=worker.number, status=status, pause=pause)


@contextlib.contextmanager
def metrics_folder(count: int) -> Iterator[Path]:
    """Make a folder in memory for the metrics of so many workers. Raises ConfigurationError.

    Where memory is short, a worker is killed (SIGBUS) in the middle of a review, so the room is looked for beforehand.
    """
    needed = count * SHARE
    for place in (SHARED_MEMORY, FALLBACK):
        try:
            if find_room(place) < needed:
                continue
            folder = Path(tempfile.mkdtemp(prefix="vault-secrets-webhook-", dir=place))
        except OSError:
            continue
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    raise ConfigurationError(
        f"WORKERS: there is no place for the metrics of {count} processes: mount an emptyDir (medium: Memory) with room"
        f" for {needed // MEBIBYTE} MiB at {SHARED_MEMORY} or {FALLBACK}"
    )


def find_room(place: str) -> int:
    """Tell how many bytes a folder has room for. Raises OSError."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def run_workers(settings: Settings, log: Log) -> int:
    """Keep the workers running; returns the exit status. Raises ConfigurationError."""
    addresses = {
        "LISTEN_ADDRESS": settings.listen_address,
        "TELEMETRY_LISTEN_ADDRESS": settings.telemetry_listen_address,
    }
    with metrics_folder(settings.workers) as folder, contextlib.ExitStack() as stack:
        listeners = [
            stack.enter_context(open_listener(name, address)) for name, address in addresses.items() if address
        ]
        signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
        command = [sys.executable, *sys.orig_argv[1:]]
        return Parent(command, settings.workers, listeners, folder, log).run()
