"""Debian's mirrors, as machines name them, and what is done with apt's answers (an apt-get of ours gives them)."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from static import debian
from static.commands import BuildError
from static.debian import Mirror, fetch_package, find_mirrors
from tests.static.programs import make_program

if TYPE_CHECKING:
    from pathlib import Path

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR, SECURITY = "http://mirror.test/debian", "http://mirror.test/debian-security"
NEWER = """
# as an installer writes it
Types: deb deb-src
URIs: http://mirror.test/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main non-free-firmware
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("a.list", f"deb {MIRROR} bookworm main\n", [Mirror(MIRROR, False, "")], id="a line"),
        pytest.param("a.list", f"deb-src {MIRROR}/ sid contrib main # why", [Mirror(MIRROR, False, "")], id="sources"),
        pytest.param(
            "a.list",
            f"deb [arch=amd64 signed-by={KEYS}] {MIRROR} bookworm main",
            [Mirror(MIRROR, False, KEYS)],
            id="options",
        ),
        pytest.param("a.list", f"deb {SECURITY} bookworm-security main", [Mirror(SECURITY, True, "")], id="security"),
        pytest.param(
            "a.list",
            f"deb {MIRROR} bookworm main\ndeb {MIRROR} bookworm-updates main\ndeb {SECURITY} bookworm-security main",
            [Mirror(MIRROR, False, ""), Mirror(SECURITY, True, "")],
            id="each once",
        ),
        pytest.param(
            "a.list",
            "deb http://mirror.test/archive/debian/20250520T000000Z bookworm main",
            [Mirror("http://mirror.test/archive/debian/20250520T000000Z", False, "")],
            id="of one day",
        ),
        pytest.param("a.list", f"# deb {MIRROR} bookworm main\n", [], id="a comment"),
        pytest.param("a.list", "deb http://mirror.test/ubuntu noble main", [], id="another distribution"),
        pytest.param("a.list", "deb https://vendor.test/linux/debian bookworm stable", [], id="a vendor's component"),
        pytest.param("a.list", "deb https://vendor.test/apt stable main", [], id="a vendor's address"),
        pytest.param("a.list", "deb https://vendor.test/debian vendor-bookworm main", [], id="a vendor's suite"),
        pytest.param("a.list", "deb cdrom:[Debian 12 _Bookworm_]/ bookworm main", [], id="a disc"),
        pytest.param("a.list.disabled", f"deb {MIRROR} bookworm main", [], id="another file"),
        pytest.param("a.sources", NEWER, [Mirror(MIRROR, False, KEYS), Mirror(SECURITY, True, "")], id="stanzas"),
        pytest.param("a.sources", NEWER.replace("Types", "Enabled: no\nTypes"), [], id="disabled stanzas"),
        pytest.param("a.list", "", [], id="nothing"),
    ],
)
def test_mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: list[Mirror]) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / name).write_text(text)
    monkeypatch.setattr(debian, "APT_SOURCES", tmp_path)
    assert find_mirrors() == expected


DESCRIPTION = b"Format: 3.0 (quilt)\n"
PINNED = {"package": "some", "debian": "1:1.0-1", "sha256": hashlib.sha256(DESCRIPTION).hexdigest()}
# Answers as apt-get does, by the table `$STATE/answers`, and writes down what it was asked.
APT = """#!/bin/sh
for word; do command="$before"; before="$word"; done
case "$*" in
*update) wanted=update ;;
*--print-uris*) wanted="look $word" ;;
*) wanted="fetch $word" ;;
esac
echo "$wanted" >> "$STATE/asked"
if grep -qx "$wanted" "$STATE/failing"; then echo "E: $wanted failed" >&2; exit 100; fi
case "$wanted" in
"fetch some=1:1.0-1") printf 'Format: 3.0 (quilt)\\n' > some_1.0-1.dsc ;;
"fetch some") echo newer > some_1.0-2.dsc ;;
esac
"""
UNPACK = '#!/bin/sh\nmkdir source; echo "$2" > source/from\n'


class Apt:
    """Programs in the place of apt-get and dpkg-source."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        programs = folder / "bin"
        make_program(programs / "apt-get", APT)
        make_program(programs / "dpkg-source", UNPACK)
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("STATE", str(folder))

    def fetch(self, *failing: str, pinned: dict[str, str] = PINNED) -> str:
        """Give the name of the description that was unpacked."""
        (self.folder / "failing").write_text("".join(f"{line}\n" for line in failing))
        work = self.folder / "work folder"
        work.mkdir()
        mirrors = [Mirror(MIRROR, False, KEYS), Mirror(SECURITY, True, "")]
        return (fetch_package(pinned, "bookworm", mirrors, work) / "from").read_text().strip()

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    return Apt(tmp_path, monkeypatch)


def test_the_pinned_version(apt: Apt) -> None:
    assert apt.fetch() == "some_1.0-1.dsc"
    assert apt.asked == ["update", "look some=1:1.0-1", "fetch some=1:1.0-1"]
    assert (apt.folder / "work folder" / "sources.list").read_text().splitlines() == [
        f"deb-src [signed-by={KEYS}] {MIRROR} bookworm main",
        f"deb-src [signed-by={KEYS}] {MIRROR} bookworm-updates main",
        f"deb-src {SECURITY} bookworm-security main",
    ]


def test_a_version_that_was_replaced(apt: Apt, capsys: pytest.CaptureFixture[str]) -> None:
    assert apt.fetch("look some=1:1.0-1") == "some_1.0-2.dsc"
    assert "Debian has some 1:1.0-1 no more" in capsys.readouterr().out


def test_a_mirror_that_does_not_answer_while_another_has_it(apt: Apt) -> None:
    assert apt.fetch("update") == "some_1.0-1.dsc"


FAULTS = [
    pytest.param(
        ["update", "look some=1:1.0-1"],
        "is not found, and not all mirrors of Debian answer: .*update failed",
        id="mirror",
    ),
    pytest.param(["fetch some=1:1.0-1"], "fetch some=1:1.0-1 failed", id="the download"),
    pytest.param(["look some=1:1.0-1", "fetch some"], "fetch some failed", id="the download of what replaced it"),
    pytest.param(["look some=1:1.0-1", "look some"], "the mirrors of Debian have no source of some", id="no package"),
]


@pytest.mark.parametrize(("failing", "message"), FAULTS)
def test_a_fault_is_told_as_what_it_is(apt: Apt, failing: list[str], message: str) -> None:
    with pytest.raises(BuildError, match=f"(?s){message}"):
        apt.fetch(*failing)


def test_another_description_than_the_pinned_one(apt: Apt) -> None:
    with pytest.raises(BuildError, match=r"some_1\.0-1\.dsc has the SHA-256"):
        apt.fetch(pinned={**PINNED, "sha256": "0" * 64})
