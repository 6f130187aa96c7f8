"""What is built once is kept here, outside of the tree, each thing under a name that hashes all that went into it.

An entry appears whole or not at all. Builds that want the same one wait for each other, and what an interrupted one left
goes away with the next. Of each kind a few are kept. Nothing here knows what is built.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from static.commands import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How many entries of a kind stay, whatever their age; others stay for as long as a build could be using them.
KEPT = 5
SECONDS_IN_USE = 6 * 3600
MODE = 0o755  # of an entry's folder


def cache_root() -> Path:
    """Give the folder of the cache, an absolute path. Raises BuildError when there is no place for one."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):  # the XDG base directory specification has a relative path ignored
        try:
            base = str(Path("~/.cache").expanduser())
        except RuntimeError:
            raise BuildError("this user has no home folder: name one for the cache by XDG_CACHE_HOME") from None
    return Path(base) / "vault-secrets-webhook" / "static"


def hash_inputs(*inputs: str | bytes | Path | None) -> str:
    """Hash texts, files and folders (names and contents). A path where nothing is counts by its name."""
    digest = hashlib.sha256()
    for one in inputs:
        if isinstance(one, Path):
            digest.update(one.name.encode("utf-8", "surrogateescape") + b"\0")
            for path in [one] if one.is_file() else sorted(path for path in one.rglob("*") if path.is_file()):
                name = path.relative_to(one.parent).as_posix().encode("utf-8", "surrogateescape")
                digest.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        else:
            digest.update(repr(one).encode() + b"\0")
    return digest.hexdigest()[:16]


def provide(kind: str, key: str, build: Callable[[Path, Path], None]) -> Path:
    """Give the folder of an entry. If it is missing, `build` fills one, with another to work in as the second argument."""
    target = cache_root() / f"{kind}-{key}"
    if not target.is_dir():
        with lock_folder(target.name) as folder:
            if not target.is_dir():  # else the build that we waited for has made it
                fill(target, folder, build)
        prune(kind)
    with suppress(OSError):  # a cache may be read-only
        os.utime(target)  # for `prune`: it was used
    return target


def fill(target: Path, folder: Path, build: Callable[[Path, Path], None]) -> None:
    for left in folder.glob("*/"):  # by a build that was interrupted; its compilers may still be at work there
        shutil.rmtree(left, ignore_errors=True)
    result, work = Path(tempfile.mkdtemp(dir=folder)), Path(tempfile.mkdtemp(dir=folder))
    build(result, work)
    result.chmod(MODE)
    result.rename(target)


@contextmanager
def lock_folder(name: str) -> Iterator[Path]:
    """Give a folder that nobody else works in, and remove it in the end. Waits for another build of the same name."""
    folder = cache_root() / f".{name}"
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("w")
        except (
            FileExistsError,
            FileNotFoundError,
        ):  # its owner has just removed it; the first one is mkdir's, which looks
            continue
        wait_for(lock.fileno(), name)
        if is_at(folder / "lock", lock.fileno()):
            break
        lock.close()
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def wait_for(lock: int, name: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another build, of {name}", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)  # which the kernel takes from one that ends in any way


def is_at(path: Path, file: int) -> bool:
    """Tell whether an open file is still the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def prune(kind: str) -> None:
    """Remove the entries of a kind that have not been used for long, and what interrupted builds left."""
    left = [path for path in cache_root().glob(".*/") if not is_locked(path)]
    entries = [path for path in cache_root().iterdir() if path.name.rpartition("-")[0] == kind]
    entries.sort(key=when_used, reverse=True)
    for path in [*left, *entries[KEPT:]]:
        if time.time() - when_used(path) > SECONDS_IN_USE:
            remove(path)


def is_locked(folder: Path) -> bool:
    """Tell whether a build works in a folder, which may take hours on an emulated machine."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass  # the folder has none, or has gone
    return False


def when_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another build has removed it
        return 0


def remove(path: Path) -> None:
    """Remove a folder: under its name it is there whole, and then not at all."""
    hidden = path.with_name(f".{path.name.lstrip('.')}-old")
    with suppress(OSError):
        path.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)
