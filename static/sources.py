"""Where the sources of CPython, OpenSSL and the certificate authorities come from.

In this order: a folder or an archive that the caller names; Debian's source package, by apt, from the mirrors that this
machine is set up with; the project's own archive with a pinned checksum. versions.toml says which versions.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

VERSIONS = Path(__file__).parent / "versions.toml"
APT_SOURCES = Path("/etc/apt")
READ_SIZE = 1 << 20
SECONDS = 120


class BuildError(Exception):
    """The executable cannot be built; the text says why, and what would help."""


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
    raise BuildError(f"no source of {part}: this machine has no apt with mirrors of Debian; give --{part}")


def unpack_given(part: str, given: Path, folder: Path) -> Path:
    if given.is_dir():  # copied, because the build writes into it
        return Path(shutil.copytree(given, folder / part, symlinks=True))
    if given.is_file():
        return unpack_archive(given, folder / part)
    raise BuildError(f"--{part} {given}: there is no such folder or archive")


def unpack_archive(archive: Path, folder: Path) -> Path:
    """Unpack an archive that has one folder at its top, and give that. Raises BuildError."""
    try:
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise BuildError(f"{archive} cannot be unpacked: {error}") from None
    tops = list(folder.iterdir())
    return tops[0] if len(tops) == 1 and tops[0].is_dir() else folder


def find_mirrors() -> list[str]:
    """Give the addresses from which this machine gets packages of Debian: those with its release files."""
    texts = [path.read_text("utf-8") for path in sorted(APT_SOURCES.rglob("*.list"))]
    found = [
        word for text in texts for word in re.findall(r"^deb(?:-src)?\s+(?:\[[^]]*\]\s*)?(\S+)", text, re.MULTILINE)
    ]
    for path in sorted(APT_SOURCES.rglob("*.sources")):
        found += [
            word for line in re.findall(r"^URIs:(.*)$", path.read_text("utf-8"), re.MULTILINE) for word in line.split()
        ]
    addresses = dict.fromkeys(address.rstrip("/") for address in found)
    return [address for address in addresses if address.endswith(("/debian", "/debian-security"))]


def fetch_package(pinned: dict[str, str], release: str, mirrors: list[str], folder: Path) -> Path:
    """Fetch and unpack a source package of Debian, patches applied, by apt, which checks its signature.

    The machine's own lists of packages are neither used nor changed. Raises BuildError.
    """
    name, version = pinned["package"], pinned["debian"]
    lists = folder / "apt"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"  # not among the lists, where apt tidies up
    lines = [f"deb-src {mirror} {suite} main\n" for mirror in mirrors for suite in choose_suites(mirror, release)]
    sources.write_text("".join(lines))
    apt = ["apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/dev/null"]
    apt += ["-o", f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root", "-o", "Dir::Cache::pkgcache="]
    apt += ["-o", "Dir::Cache::srcpkgcache="]
    apt += ["-o", f"Acquire::http::Timeout={SECONDS}", "-o", "Acquire::Retries=3"]
    run([*apt, "update"], folder)
    fetch = [*apt, "source", "--download-only"]
    try:
        run([*fetch, f"{name}={version}"], folder)
    except BuildError:
        print(f"Debian has {name} {version} no more: taking the version that has replaced it", flush=True)
        run([*fetch, name], folder)
    (description,) = folder.glob(f"{name}_*.dsc")
    if description.name == f"{name}_{version}.dsc":
        check_sum(description, pinned["sha256"])
    run(["dpkg-source", "--extract", description.name, "source"], folder)
    return folder / "source"


def choose_suites(mirror: str, release: str) -> tuple[str, ...]:
    return (f"{release}-security",) if mirror.endswith("-security") else (release, f"{release}-updates")


def download(url: str, sha256: str, folder: Path) -> Path:
    """Download an archive and check it. Raises BuildError."""
    target = folder / url.rpartition("/")[2]
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file, READ_SIZE)
    except (OSError, urllib.error.URLError) as error:
        raise BuildError(f"{url} cannot be downloaded: {error}") from None
    check_sum(target, sha256)
    return target


def check_sum(path: Path, sha256: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise BuildError(
            f"{path.name} has the SHA-256 {found}, and versions.toml says {sha256}: it is not what was reviewed"
        )


def run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Run a command in a folder; shows its output only when it fails. Raises BuildError."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not on this machine: install it (see static/README.md)") from None
    if done.returncode != 0:
        words = " ".join(command[:3])
        raise BuildError(f"`{words} ...` failed with status {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}")
