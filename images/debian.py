"""Takes files out of Debian's packages: which ones are needed, where they are, what is in them. Installs nothing.

apt gets a state of its own in the cache folder, in which nothing is installed. So it needs no root, tells the whole
closure of dependencies whatever this machine has, and checks every package against its signed lists, which it reads
from wherever this machine reads its own. Maintainer scripts never run. Knows nothing of what the images are for.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .tree import Tree

# Debian's folders of the time before the merged /usr; packages still name some of them.
MERGED = ("bin", "lib", "lib64", "sbin")
LISTS_STAY_FRESH = 3600  # seconds
CONTROL_FOLDER = "var/lib/dpkg/status.d/"  # where scanners look for the packages of images without dpkg
LISTED_URI = re.compile(
    r"^'\S+' (?P<file>(?P<name>[^_ ]+)_\S+\.deb) \d+ ?(?:SHA256:(?P<digest>[0-9a-f]{64}))?", re.MULTILINE
)


class Package(NamedTuple):
    """A package that apt would install: its name, and its file with the SHA-256 that the signed lists give."""

    name: str
    file: str
    digest: str


def find_cache() -> Path:
    """Tell the folder of downloads: outside the tree, shared by all checkouts of this user."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return folder / "vault-secrets-webhook" / "images"


def tell_architecture() -> str:
    """Name the architecture of this machine's packages, such as amd64. Raises ImageError where there is no dpkg."""
    return run("dpkg", "--print-architecture").strip()


class Debian:
    """The packages of this machine's distribution. `cache` keeps apt's lists and the packages."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._state = cache / "apt"
        self._complaint = ""

    def choose(self, roots: Iterable[str], left_out: Collection[str] = ()) -> list[Package]:
        """List the packages that `roots` need, without those whose name matches a pattern in `left_out`."""
        self._update()
        listed = self._run_apt("install", "--print-uris", "--no-install-recommends", *roots)
        found = [Package(match["name"], match["file"], match["digest"] or "") for match in LISTED_URI.finditer(listed)]
        packages = sorted(one for one in found if not any(fnmatchcase(one.name, pattern) for pattern in left_out))
        if unknown := [package.name for package in packages if not package.digest]:
            raise ImageError(f"the lists of packages give no SHA-256 of {', '.join(unknown)}")
        return packages

    def fetch(self, packages: Sequence[Package]) -> list[Path]:
        """Download what the cache lacks; returns the files in the order of `packages`."""
        folder = self._cache / "packages"
        places = [folder / package.digest / f"{package.name}.deb" for package in packages]
        missing = [package for package, place in zip(packages, places, strict=True) if not place.is_file()]
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as download:
                self._run_apt("download", *(package.name for package in missing), folder=Path(download))
                for package in missing:
                    store(Path(download, package.file), folder / package.digest / f"{package.name}.deb", package)
        return places

    def _update(self) -> None:
        """Read the lists anew when they are old. What could not be read is told when a package turns out to be missing."""
        for name in ("lists/partial", "cache/archives/partial"):
            (self._state / name).mkdir(parents=True, exist_ok=True)
        if not (self._state / "status").exists():  # apt's own cache is as old as this
            (self._state / "status").touch()
        stamp = self._state / "updated"
        with (self._state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # apt would rather fail than wait for another build
            if stamp.is_file() and time.time() - stamp.stat().st_mtime < LISTS_STAY_FRESH:
                return
            try:
                self._run_apt("update", "--error-on=any")
            except ImageError as error:
                self._complaint = f"\nThe lists of packages could not all be read: {error}"
            else:
                stamp.touch()

    def _run_apt(self, *arguments: str, folder: Path | None = None) -> str:
        state = self._state
        options = {
            "Dir::State::lists": state / "lists",
            "Dir::State::status": state / "status",
            "Dir::State::extended_states": state / "extended_states",
            "Dir::Cache": state / "cache",
            "Dir::Cache::pkgcache": "pkgcache.bin",  # images of containers switch this off
            "Acquire::ForceHash": "sha256",
            "APT::Sandbox::User": "root",  # the user _apt cannot write to a cache in a home folder
        }
        settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        try:
            return run("apt-get", "-qq", *settings, *arguments, label=f"apt-get {arguments[0]}", folder=folder)
        except ImageError as error:
            raise ImageError(f"{error}{self._complaint}") from None


def store(download: Path, place: Path, package: Package) -> None:
    """Put a downloaded package into the cache, if it is the one of the lists."""
    if not download.is_file() or hashlib.sha256(download.read_bytes()).hexdigest() != package.digest:
        raise ImageError(f"apt-get did not bring {package.file} as its lists describe it: try again")
    place.parent.mkdir(exist_ok=True)
    shutil.move(download, place)


def add_package(tree: Tree, deb: Path, package: Package) -> None:
    """Add the files of a package to a tree, below /usr where Debian has merged folders, and its control file."""
    if hashlib.sha256(deb.read_bytes()).hexdigest() != package.digest:
        raise ImageError(f"{deb} is not the package of the lists any more: remove it")
    with tarfile.open(fileobj=io.BytesIO(run_binary("dpkg-deb", "--fsys-tarfile", str(deb)))) as archive:
        for member in archive:
            add_member(tree, archive, member)
    tree.add_file(CONTROL_FOLDER + package.name, run_binary("dpkg-deb", "--field", str(deb)))


def add_member(tree: Tree, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    """Add one entry of a package. Implied folders are left to the tree, except for those with a mode of their own."""
    path = merge_usr(member.name.removeprefix("./").rstrip("/"))
    if member.issym():
        tree.add_link(path, member.linkname)
    elif member.isfile():  # a hard link is none, for Python
        content = archive.extractfile(member)
        tree.add_file(path, content.read() if content else b"", member.mode)
    elif member.islnk():
        tree.add_file(path, tree[merge_usr(member.linkname.removeprefix("./"))], member.mode)
    elif member.isdir() and path not in {"", ".", "usr", *MERGED} and not path.startswith("usr/"):
        tree.add_folder(path, member.mode)


def merge_usr(path: str) -> str:
    return f"usr/{path}" if path.split("/", maxsplit=1)[0] in MERGED else path


def link_merged_folders(tree: Tree) -> None:
    """Make /lib and the like links into /usr, where they lead to anything."""
    for name in MERGED:
        if tree.find(f"usr/{name}/*"):
            tree.add_link(name, f"usr/{name}")


def run(*command: str, label: str = "", folder: Path | None = None, settings: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output. Raises ImageError with what it complains of, which `label` begins.

    `settings` are variables that it gets beside ours.
    """
    return run_binary(*command, label=label, folder=folder, settings=settings).decode(errors="replace")


def run_binary(
    *command: str, label: str = "", folder: Path | None = None, settings: Mapping[str, str] | None = None
) -> bytes:
    """Run a command and return its output as it is. Raises ImageError as `run` does."""
    # What the caller has set for its own Python (PYTHONOPTIMIZE ...) is not meant for the one of an image.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(settings or {})}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise ImageError(
            f"{command[0]} is not on this machine: build where there is Debian or Ubuntu, or use images/*/Dockerfile"
        ) from None
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise ImageError(f"{label or ' '.join(command[:2])}: {complaint}")
    return done.stdout
