"""Where the sources of CPython, OpenSSL and the certificate authorities come from.

In this order: a folder or an archive that the caller names; Debian's source package (debian.py); the project's own
archive with a pinned checksum. versions.toml says which versions.
"""

from __future__ import annotations

import http.client
import lzma
import shutil
import tarfile
import tomllib
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any

from static.commands import BuildError, check_sum
from static.debian import fetch_package, find_mirrors

VERSIONS = Path(__file__).parent / "versions.toml"
READ_SIZE = 1 << 20
SECONDS = 120
# What an earlier build left in a source would be taken for a result of this one, whatever its compiler and options were.
LEFTOVERS = ("*.o", "*.a", "*.pyc", "__pycache__", ".git")
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)


def read_versions() -> dict[str, Any]:
    with VERSIONS.open("rb") as file:
        return tomllib.load(file)


def provide_source(part: str, given: str | None, folder: Path) -> Path:
    """Put the source of `part`, a table of versions.toml, below `folder`, and give its top. Raises BuildError."""
    if given:
        return unpack_given(part, Path(given).expanduser(), folder)
    versions = read_versions()
    pinned = versions[part]
    if shutil.which("apt-get") and (mirrors := find_mirrors()):
        return fetch_package(pinned, versions["release"], mirrors, folder)
    if upstream := pinned.get("upstream"):
        return unpack_archive(download(upstream["url"], upstream["sha256"], folder), folder / part)
    raise BuildError(f"no source of {part}: this machine has no apt with mirrors of Debian; give --{part} PATH")


def unpack_given(part: str, given: Path, folder: Path) -> Path:
    if given.is_dir():  # copied, because the build writes into it
        return Path(shutil.copytree(given, folder / part, symlinks=True, ignore=shutil.ignore_patterns(*LEFTOVERS)))
    if given.is_file():
        return unpack_archive(given, folder / part)
    raise BuildError(f"--{part} {given}: there is no such folder or archive")


def unpack_archive(archive: Path, folder: Path) -> Path:
    """Unpack an archive that has one folder at its top, and give that. Raises BuildError."""
    try:
        with tarfile.open(archive) as opened:
            if hasattr(tarfile, "data_filter"):
                opened.extractall(folder, filter="data")
            else:  # Python before 3.11.4
                check_members(opened)
                opened.extractall(folder)  # noqa: S202 - checked
    except BROKEN as error:
        raise BuildError(f"{archive} cannot be unpacked: {error}") from None
    tops = list(folder.iterdir())
    return tops[0] if len(tops) == 1 and tops[0].is_dir() else folder


def check_members(opened: tarfile.TarFile) -> None:
    """Refuse what would be written, or points, elsewhere. Raises tarfile.TarError."""
    for member in opened:
        paths = [member.name, member.linkname] if member.issym() or member.islnk() else [member.name]
        if any(path.startswith("/") or ".." in path.split("/") for path in paths) or member.isdev():
            raise tarfile.TarError(f"{member.name} would not be below the folder that it is unpacked into")


def download(url: str, sha256: str, folder: Path) -> Path:
    """Download an archive and check it. Raises BuildError."""
    target = folder / url.rpartition("/")[2]
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file, READ_SIZE)
    except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
        raise BuildError(f"{url} cannot be downloaded: {error}") from None
    check_sum(target, sha256)
    return target
