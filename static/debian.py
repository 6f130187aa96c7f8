"""Debian's source packages, by apt, from the mirrors of Debian that this machine is set up with.

apt keeps its state in a folder of the build's: the machine's own is neither used nor changed, and nobody needs to be
root. It checks the signatures of the mirrors, with the keys that the machine has for them.

Source: sources.list(5), apt-get(8), apt.conf(5).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from static.commands import BuildError, check_sum, run

if TYPE_CHECKING:
    from collections.abc import Iterator

APT_SOURCES = Path("/etc/apt")
ONE_LINE = re.compile(r"^[ \t]*deb(?:-src)?[ \t]+(?:\[([^]]*)\][ \t]*)?(\S+)[ \t]+(\S+)[ \t]+([^#\n]*)", re.MULTILINE)
SIGNED_BY = re.compile(r"signed-by=(\S+)", re.IGNORECASE)
FIELD = re.compile(r"^([\w-]+):[ \t]*(.*)$", re.MULTILINE)
# Others have packages for Debian too; their addresses or their suites tell them from its mirrors.
SUITE = re.compile(r"(bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable)([-/].*)?")
SECONDS = 30


class Mirror(NamedTuple):
    """Where packages come from: the address, whether it has the security updates, and the keys that sign it, if named."""

    address: str
    is_security: bool
    keys: str


def find_mirrors() -> list[Mirror]:
    """Give the mirrors of Debian that apt is set up with."""
    found = []
    for path in sorted(APT_SOURCES.rglob("*.list")):
        for options, address, suite, components in ONE_LINE.findall(path.read_text("utf-8", "replace")):
            keys = SIGNED_BY.search(options)
            found.append((address, suite, components, keys[1] if keys else ""))
    for path in sorted(APT_SOURCES.rglob("*.sources")):
        for stanza in re.split(r"\n[ \t]*\n", path.read_text("utf-8", "replace")):
            found += read_stanza(stanza)
    mirrors = [
        Mirror(address.rstrip("/"), "security" in suite or suite.endswith("/updates"), keys)
        for address, suite, components, keys in found
        if "debian" in address and SUITE.fullmatch(suite) and "main" in components.split()
    ]
    return list(dict.fromkeys(mirrors))


def read_stanza(stanza: str) -> Iterator[tuple[str, str, str, str]]:
    """Read a stanza of the newer format: addresses, suites, components and keys."""
    fields = {name.lower(): value.strip() for name, value in FIELD.findall(stanza)}
    if fields.get("enabled", "yes").lower() in {"no", "false", "without", "off", "disable"}:
        return
    for address in fields.get("uris", "").split():
        for suite in fields.get("suites", "").split():
            yield address, suite, fields.get("components", ""), ",".join(fields.get("signed-by", "").split())


def fetch_package(pinned: dict[str, str], release: str, mirrors: list[Mirror], folder: Path) -> Path:
    """Fetch and unpack a source package of Debian, patches applied. Raises BuildError."""
    name, version = pinned["package"], pinned["debian"]
    apt = set_up(release, mirrors, folder)
    run([*apt, *choose_version(apt, name, version, folder)], folder)
    descriptions = list(folder.glob(f"{name}_*.dsc"))
    if len(descriptions) != 1:
        raise BuildError(f"apt-get has left no description of {name} where it should: {folder}")
    (description,) = descriptions
    if description.name == f"{name}_{version.rpartition(':')[2]}.dsc":  # without the epoch
        check_sum(description, pinned["sha256"])
    run(["dpkg-source", "--extract", description.name, "source"], folder)
    return folder / "source"


def set_up(release: str, mirrors: list[Mirror], folder: Path) -> list[str]:
    """Give the command apt-get with a state of its own."""
    (folder / "lists" / "partial").mkdir(parents=True)
    sources = folder / "sources.list"  # not among the lists, where apt tidies up
    sources.write_text(
        "".join(describe(mirror, suite) for mirror in mirrors for suite in choose_suites(mirror, release))
    )
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",  # else a user who cannot look into this folder would do the work
        "APT::Update::Error-Mode": "any",  # a mirror that does not answer is a failure
        "Acquire::http::Timeout": SECONDS,
        "Acquire::https::Timeout": SECONDS,
        "Acquire::Retries": 3,
    }
    return ["apt-get", "-qq", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def describe(mirror: Mirror, suite: str) -> str:
    options = f"[signed-by={mirror.keys}] " if mirror.keys else ""
    return f"deb-src {options}{mirror.address} {suite} main\n"


def choose_suites(mirror: Mirror, release: str) -> tuple[str, ...]:
    return (f"{release}-security",) if mirror.is_security else (release, f"{release}-updates")


def choose_version(apt: list[str], name: str, version: str, folder: Path) -> list[str]:
    """Give the end of the command that fetches the pinned version, or the one that has replaced it. Raises BuildError."""
    silent = None
    try:
        run([*apt, "update"], folder)
    except BuildError as error:  # one mirror of several: another may have it
        silent = error
    for wanted in (f"{name}={version}", name):
        try:
            run([*apt, "source", "--print-uris", wanted], folder)
        except BuildError as error:
            if silent:
                raise BuildError(
                    f"{name} {version} is not found, and not all mirrors of Debian answer: {silent}"
                ) from None
            if wanted == name:
                raise BuildError(f"the mirrors of Debian have no source of {name}: {error}") from None
            print(f"Debian has {name} {version} no more: taking the version that has replaced it", flush=True)
        else:
            break
    return ["source", "--download-only", wanted]
