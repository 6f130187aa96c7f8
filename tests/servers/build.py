"""Builds the servers that this machine lacks: `python -m tests.servers.build [NAME ...]`, which is `make servers`.

Go builds them from the modules that a `go.mod` pins and its `go.sum` verifies (`gomodule` for the servers of Kubernetes,
`nodemodule` for what a node runs below them; `--node` builds both, which is `make e2e-servers`), into a cache outside the
tree (see `lookup.cache_root`). Two builds at once wait for each other, and an executable appears there whole or not at
all. It needs Go 1.21 or newer, which fetches by itself the version that go.mod asks for.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.errors import ServerMissing
from tests.servers.lookup import COMMANDS, Command, cache_root, find_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NEEDED = ("etcd", "kube-apiserver")
NEEDED_BY_NODE = tuple(COMMANDS)

_OLDEST_GO = (1, 21)  # the first that fetches a newer toolchain when go.mod asks for one
_VERSION_PACKAGE = "k8s.io/component-base/version"


def find_or_build(name: str) -> Path:
    """The executable of `COMMANDS[name]`, built if it is nowhere. Raises `ServerMissing`, also if the build fails."""
    command = COMMANDS[name]
    try:
        return find_command(name)
    except ServerMissing:
        if os.environ.get(command.variable):
            raise  # names something wrong, which no build would correct
    go = find_go()
    with lock_cache():
        if not command.cached.exists():  # another build may have been waited for
            _build(command, go)
    return command.cached


def find_go() -> str:
    """The path of a Go that can build the servers. Raises `ServerMissing`."""
    advice = "install Go 1.21 or newer, or the servers themselves (kube-apiserver and etcd on PATH)"
    go = shutil.which("go")
    if go is None:
        raise ServerMissing(f"Go is not on this machine: {advice}")
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/").stdout
    found = re.match(r"go(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST_GO:
        raise ServerMissing(f"{go} is {version.strip() or 'broken'}, too old to build the servers: {advice}")
    return go


@contextmanager
def lock_cache() -> Iterator[None]:
    """Let one build at a time go on; the kernel frees the lock of a builder that ends in any way."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another build to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(command: Command, go: str) -> None:
    report(f"building {command.name} {command.version} (some minutes the first time)")
    started = time.monotonic()
    target = command.cached
    target.parent.mkdir(exist_ok=True)
    unfinished = target.with_name(f".{target.name}")
    built = subprocess.run(
        [go, "build", *_build_flags(command), "-o", unfinished, command.package],
        cwd=command.folder,
        env=build_environ(),
        check=False,
    )
    if built.returncode != 0:
        raise ServerMissing(f"building {command.name} with {go} failed with status {built.returncode}, see above")
    unfinished.replace(target)
    report(f"built {command.name} in {time.monotonic() - started:.0f} s")


def _build_flags(command: Command) -> list[str]:
    linker = ["-s", "-w"]
    if command.module == "k8s.io/kubernetes":  # which otherwise calls itself v0.0.0
        major, minor, _ = command.version.removeprefix("v").split(".", 2)
        stamp = {"gitVersion": command.version, "gitMajor": major, "gitMinor": minor}
        linker += [f"-X {_VERSION_PACKAGE}.{name}={value}" for name, value in stamp.items()]
    return ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", " ".join(linker)]


def build_environ() -> dict[str, str]:
    """This environment for a static executable of this machine, whatever it says about other machines or workspaces."""
    foreign = {"GOOS", "GOARCH"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "CGO_ENABLED": "0", "GOWORK": "off"}


def report(text: str) -> None:
    print(f"servers: {text}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Find or build the named commands (the needed ones unless named); returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.build", description="Find or build test servers.")
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help=f"of {', '.join(COMMANDS)}; {' and '.join(NEEDED)} by default"
    )
    parser.add_argument(
        "--optional",
        action="store_true",
        help="succeed without them too, since their tests are skipped (unless CI is set)",
    )
    parser.add_argument("--node", action="store_true", help="all that a cluster with a node needs, for make e2e")
    options = parser.parse_args(arguments)
    if unknown := set(options.name) - set(COMMANDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    try:
        for name in options.name or (NEEDED_BY_NODE if options.node else NEEDED):
            report(f"{name}: {find_or_build(name)}")
    except ServerMissing as error:
        print(f"servers: {error}", file=sys.stderr)
        return 0 if options.optional and not os.environ.get("CI") else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
