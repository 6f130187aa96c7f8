"""Where the image registry's executable is on this machine, and how it gets there: `python -m tests.servers.registry_package`.

That unpacks Debian's or Ubuntu's package into the cache of the test servers (see `lookup.cache_root`) instead of installing
it, which would take root and leave a service that listens to everybody from the next start of the machine on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.build import lock_cache, report
from tests.servers.errors import ServerMissing
from tests.servers.lookup import cache_root, find_by_variable, goarch

PACKAGE = "docker-registry"  # distribution, as Debian calls it
COMMAND = "docker-registry"
VARIABLE = "TEST_DOCKER_REGISTRY"
ADVICE = (
    f"run `python -m tests.servers.registry_package`, install the package `{PACKAGE}` (apt-get install {PACKAGE}),"
    f" or put the path of distribution's `registry` into {VARIABLE}"
)


def find_registry() -> Path:
    """The executable: what the variable names, of `PATH`, or of the cache. Raises `ServerMissing`."""
    found = find_by_variable(VARIABLE) or shutil.which(COMMAND) or shutil.which(COMMAND, path="/usr/bin")
    if found is not None:
        return Path(found).absolute()
    if locate_cached().exists():
        return locate_cached()
    raise ServerMissing(f"{COMMAND} is not on this machine: {ADVICE}")


def find_or_unpack() -> Path:
    """The executable, from the package if it is nowhere. Raises `ServerMissing`."""
    try:
        return find_registry()
    except ServerMissing:
        if os.environ.get(VARIABLE):
            raise  # names something wrong, which no package would correct
    with lock_cache():
        if not locate_cached().exists():  # another process may have been waited for
            unpack_package()
    return locate_cached()


def locate_cached() -> Path:
    """Where the package is unpacked to, whether it is there or not."""
    return cache_root() / f"{PACKAGE}-{goarch()}" / COMMAND


def unpack_package() -> None:
    """Download the package with apt and take the executable out of it. Raises `ServerMissing`."""
    target = locate_cached()
    with tempfile.TemporaryDirectory(dir=cache_root()) as name:
        folder = Path(name)
        download_package(folder)
        (package,) = folder.glob("*.deb")
        run("dpkg-deb", "--extract", str(package), str(folder))
        target.parent.mkdir(exist_ok=True)
        (folder / "usr" / "bin" / COMMAND).replace(target)


def download_package(folder: Path) -> None:
    """Download it into a folder; root can have it looked up first, where no list of packages is kept."""
    try:
        run("apt-get", "-qq", "download", PACKAGE, folder=folder)
    except ServerMissing:
        if os.geteuid() != 0:
            raise
        run("apt-get", "-qq", "update")
        run("apt-get", "-qq", "download", PACKAGE, folder=folder)


def run(*command: str, folder: Path | None = None) -> None:
    """Run a command of Debian's. Raises `ServerMissing` when it fails, or is not there."""
    try:
        ended = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise ServerMissing(f"{command[0]} is not on this machine, to get {PACKAGE} with: {ADVICE}") from None
    if ended.returncode != 0:
        said = ended.stderr.strip().rpartition("\n")[2]
        raise ServerMissing(f"{' '.join(command)} failed ({said}): {ADVICE}")


def main() -> int:
    """Find or unpack it; the exit status. Without it too, if `CI` is not set: its tests are skipped then."""
    try:
        report(f"{COMMAND}: {find_or_unpack()}")
    except ServerMissing as error:
        print(f"servers: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
