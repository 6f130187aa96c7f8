"""A container that has nothing but vault-env and one static program, as a folder to change the root to."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.process.runner import SECONDS, Ended
from tests.static.compiler import expect_compiler, run_compiler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

USER = 65534
LIBRARY_FREE = ("-static", "-O1", "-Wall", "-Werror", "-x", "c")
# Shows its environment as `cat /proc/self/environ` does, with the signals that it has ignored in front; ends with the
# code that its argument says.
APPLICATION = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv, char **entries)
{
    struct sigaction pipe, size;
    char line[64];
    sigaction(SIGPIPE, NULL, &pipe);
    sigaction(SIGXFSZ, NULL, &size);
    int length = snprintf(line, sizeof line, "%d %d %u", pipe.sa_handler == SIG_IGN, size.sa_handler == SIG_IGN, getuid());
    write(1, line, length + 1) < 0 ? exit(90) : (void)0;
    for (; *entries != NULL; entries++)
        write(1, *entries, strlen(*entries) + 1) < 0 ? exit(91) : (void)0;
    return argc > 1 ? atoi(argv[1]) : 0;
}
"""


class Seen(NamedTuple):
    """What the application had, and how it ended."""

    code: int
    log: str
    entries: list[bytes]
    ignores_sigpipe: bool
    ignores_sigxfsz: bool
    user: int


class Container:
    """A folder with `vault-env` and `show`; other files of a container can be put there."""

    def __init__(self, root: Path, executable: Path, application: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        root.chmod(0o755)
        shutil.copy(executable, root / "vault-env")
        shutil.copy(application, root / "show")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(
        self,
        environ: Mapping[str, str],
        *command: str,
        user: int | None = None,
        prepare: Callable[[], object] = lambda: None,
        stdin: int = subprocess.DEVNULL,
        restores_signals: bool = True,
    ) -> Ended:
        """Run a command (by default `show`) in it; `prepare` is called in the process before it is replaced."""

        def enter() -> None:
            self.enter(user)
            prepare()

        ended = subprocess.run(
            ["/vault-env", *(command or ("/show",))],
            env={"PATH": "/", **environ},
            stdin=stdin,
            capture_output=True,
            check=False,
            timeout=SECONDS,
            preexec_fn=enter,
            restore_signals=restores_signals,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())

    def start(
        self,
        environ: Mapping[str, str],
        *command: str,
        user: int | None = None,
        prepare: Callable[[], object] = lambda: None,
    ) -> subprocess.Popen[bytes]:
        """Like `run`, but come back at once; its standard streams lead nowhere."""

        def enter() -> None:
            self.enter(user)
            prepare()

        return subprocess.Popen(
            ["/vault-env", *command],
            env={"PATH": "/", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=enter,  # noqa: PLW1509 - no lock of another thread is taken
        )

    def enter(self, user: int | None) -> None:
        """Make it the root of this process."""
        os.chroot(self.root)
        os.chdir("/")
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)

    def show(self, environ: Mapping[str, str], **how: object) -> Seen:
        """Run `show`, which must have been started."""
        return read_shown(self.run(environ, **how))  # type: ignore[arg-type] # as `run` takes it


def read_shown(ended: Ended) -> Seen:
    first, *entries = ended.output.split(b"\0")
    words = first.split()
    assert len(words) == 3, ended.log
    facts = [int(word) for word in words]
    return Seen(ended.code, ended.log, [entry for entry in entries if entry], bool(facts[0]), bool(facts[1]), facts[2])


def build_application(folder: Path) -> Path:
    """Compile `show`. Skips the test where that cannot be done; fails it where CI is set."""
    source = folder / "show.c"
    source.write_text(APPLICATION)
    target = folder / "show"
    expect_compiler(["-static", "-x", "c", "-o", str(target), str(source)], "the C library for static programs")
    run_compiler([*LIBRARY_FREE, "-o", str(target), str(source)])
    return target
