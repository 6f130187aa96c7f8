"""Packages: which are chosen and trusted. apt-get and dpkg-deb are played by scripts, so any system runs this."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from images.debian import Debian, Package, add_package, find_cache, link_merged_folders, tell_architecture
from images.errors import ImageError
from images.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = b"the package"
DIGEST = hashlib.sha256(GOOD).hexdigest()
UPDATE_WORKS = "exit 0"
UPDATE_FAILS = "echo 'E: no route to host' >&2; exit 100"


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Debian]:
    """Put scripts in the place of apt-get. It lists the packages `tool`, `libc6` and `perl-base`."""
    commands = tmp_path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")

    def install(update: str = UPDATE_WORKS, content: bytes = GOOD, digest: str = DIGEST) -> Debian:
        (tmp_path / "content").write_bytes(content)
        (commands / "apt-get").write_text(f"""#!/bin/sh
echo "$*" >> '{tmp_path}/calls'
list() {{ for name; do echo "'http://mirror.invalid/$name.deb' ${{name}}_1%3a2.0-1_amd64.deb 11 {digest and "SHA256:"}{digest}"; done; }}
case "$*" in
*" update "*) {update};;
*" install "*missing*) echo 'E: Unable to locate package missing' >&2; exit 100;;
*" install "*) list tool libc6 perl-base;;
*" download "*) for name; do :; done; cp '{tmp_path}/content' "${{name}}_1%3a2.0-1_amd64.deb";;
esac
""")
        (commands / "apt-get").chmod(0o755)
        return Debian(tmp_path / "cache")

    return install


def test_the_closure_without_what_is_left_out(play: Callable[..., Debian]) -> None:
    assert play().choose(["tool"], ["perl-*"]) == [
        Package("libc6", "libc6_1%3a2.0-1_amd64.deb", DIGEST),
        Package("tool", "tool_1%3a2.0-1_amd64.deb", DIGEST),
    ]


def test_apt_gets_a_state_in_which_nothing_is_installed(play: Callable[..., Debian], tmp_path: Path) -> None:
    play().choose(["tool"])
    for call in (tmp_path / "calls").read_text().splitlines():
        assert f"Dir::State::status={tmp_path}/cache/apt/status" in call
        assert f"Dir::State::lists={tmp_path}/cache/apt/lists" in call
    assert (tmp_path / "cache/apt/status").read_bytes() == b""


def test_lists_are_read_once_in_a_while(play: Callable[..., Debian], tmp_path: Path) -> None:
    debian = play()
    debian.choose(["tool"])
    debian.choose(["tool"])
    assert (tmp_path / "calls").read_text().count(" update ") == 1


def test_without_the_net_old_lists_serve(play: Callable[..., Debian]) -> None:
    assert play(update=UPDATE_FAILS).choose(["tool"], ["perl-*", "libc6"])


def test_a_missing_package_is_told_with_what_the_update_said(play: Callable[..., Debian]) -> None:
    with pytest.raises(ImageError, match=r"Unable to locate package missing\n(.|\n)*no route to host"):
        play(update=UPDATE_FAILS).choose(["missing"])


def test_a_package_without_a_sum_is_refused(play: Callable[..., Debian]) -> None:
    with pytest.raises(ImageError, match="no SHA-256 of libc6, perl-base, tool"):
        play(digest="").choose(["tool"])


def test_packages_are_downloaded_once(play: Callable[..., Debian], tmp_path: Path) -> None:
    debian = play()
    package = Package("tool", "tool_1%3a2.0-1_amd64.deb", DIGEST)
    (first,) = debian.fetch([package])
    assert first.read_bytes() == GOOD
    assert debian.fetch([package]) == [first]
    assert (tmp_path / "calls").read_text().count(" download ") == 1


def test_another_package_than_that_of_the_lists_is_refused(play: Callable[..., Debian], tmp_path: Path) -> None:
    debian = play(content=b"another package")
    with pytest.raises(ImageError, match="did not bring tool_1"):
        debian.fetch([Package("tool", "tool_1%3a2.0-1_amd64.deb", DIGEST)])
    assert not list((tmp_path / "cache/packages").iterdir())


def write_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Package]:
    """Make a package, and a dpkg-deb that unpacks it."""
    deb = folder / "tool.deb"
    with tarfile.open(deb, "w") as archive:
        for name, kind, link, mode in (
            ("./", tarfile.DIRTYPE, "", 0o755),
            ("./lib/", tarfile.DIRTYPE, "", 0o755),
            ("./lib/tool.so.1", tarfile.REGTYPE, "", 0o644),
            ("./lib/tool.so", tarfile.SYMTYPE, "tool.so.1", 0o777),
            ("./usr/bin/tool", tarfile.REGTYPE, "", 0o4755),
            ("./bin/other", tarfile.LNKTYPE, "./usr/bin/tool", 0o4755),
            ("./var/tool/", tarfile.DIRTYPE, "", 0o1777),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode, member.uid = kind, link, mode, 1000
            member.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"tool"))
    commands = folder / "dpkg"
    commands.mkdir()
    script = commands / "dpkg-deb"
    script.write_text('#!/bin/sh\nif [ "$1" = --field ]; then echo "Package: tool"; else cat "$2"; fi\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    return deb, Package("tool", "tool.deb", hashlib.sha256(deb.read_bytes()).hexdigest())


def test_what_is_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree()
    add_package(tree, *write_package(tmp_path, monkeypatch))
    link_merged_folders(tree)
    found = {path: (entry.mode, entry.data, entry.target) for path, entry in tree if path in tree}
    assert found == {
        "bin": (0o777, None, "usr/bin"),
        "lib": (0o777, None, "usr/lib"),
        "usr/bin/other": (0o755, b"tool", None),
        "usr/bin/tool": (0o755, b"tool", None),
        "usr/lib/tool.so": (0o777, None, "tool.so.1"),
        "usr/lib/tool.so.1": (0o644, b"tool", None),
        "var/lib/dpkg/status.d/tool": (0o644, b"Package: tool\n", None),
        "var/tool": (0o1777, None, None),
    }


def test_a_package_that_changed_in_the_cache_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deb, package = write_package(tmp_path, monkeypatch)
    deb.write_bytes(deb.read_bytes() + b"more")
    with pytest.raises(ImageError, match="not the package of the lists any more: remove it"):
        add_package(Tree(), deb, package)


def test_another_system_than_debian_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match=r"dpkg is not on this machine: .* use images/\*/Dockerfile"):
        tell_architecture()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("/some/cache", "/some/cache"), ("", "/home/me/.cache"), ("relative", "/home/me/.cache")],
)
def test_the_cache_is_outside_of_the_tree(monkeypatch: pytest.MonkeyPatch, setting: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", setting)
    assert str(find_cache()) == f"{expected}/vault-secrets-webhook/images"
