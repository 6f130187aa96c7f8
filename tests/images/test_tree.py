"""The files of a layer: what comes out of what was put in, and that nothing else does."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from images.errors import ImageError
from images.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path

EPOCH = 1_700_000_000


def plant() -> Tree:
    tree = Tree()
    tree.add_file("usr/bin/tool", b"#!/bin/sh\n", 0o755)
    tree.add_file("usr/bin.txt", b"sorts before usr/bin/ in plain text")
    tree.add_link("bin", "usr/bin")
    tree.add_folder("tmp", 0o1777)
    return tree


def read_headers(tree: Tree) -> list[tarfile.TarInfo]:
    return tarfile.open(fileobj=io.BytesIO(tree.write_tar(EPOCH))).getmembers()


def test_folders_come_before_what_is_in_them() -> None:
    assert [header.name for header in read_headers(plant())] == [
        "bin",
        "tmp",
        "usr",
        "usr/bin",
        "usr/bin/tool",
        "usr/bin.txt",
    ]


def test_all_belongs_to_root_and_has_one_time() -> None:
    for header in read_headers(plant()):
        assert (header.uid, header.gid, header.uname, header.gname, header.mtime) == (0, 0, "", "", EPOCH)


def test_modes_and_kinds() -> None:
    found = {header.name: (header.type, header.mode, header.linkname) for header in read_headers(plant())}
    assert found == {
        "bin": (tarfile.SYMTYPE, 0o777, "usr/bin"),
        "tmp": (tarfile.DIRTYPE, 0o1777, ""),
        "usr": (tarfile.DIRTYPE, 0o755, ""),
        "usr/bin": (tarfile.DIRTYPE, 0o755, ""),
        "usr/bin/tool": (tarfile.REGTYPE, 0o755, ""),
        "usr/bin.txt": (tarfile.REGTYPE, 0o644, ""),
    }


def plant_twice() -> Tree:
    """One file under two names, of which the second comes first."""
    tree = plant()
    tree.add_name("usr/bin/alias", "usr/bin/tool")
    return tree


def test_one_more_name_comes_behind_the_file() -> None:
    tool, alias = (
        next(header for header in read_headers(plant_twice()) if header.isreg()),
        read_headers(plant_twice())[-1],
    )
    assert (tool.name, tool.mode) == ("usr/bin/tool", 0o755)
    assert (alias.name, alias.type, alias.linkname, alias.mode) == ("usr/bin/alias", tarfile.LNKTYPE, tool.name, 0o755)
    assert alias.size == 0


def test_one_more_name_needs_a_file() -> None:
    with pytest.raises(ImageError, match="the image has no file /usr/bin/missing"):
        plant().add_name("usr/bin/alias", "usr/bin/missing")


def test_one_more_name_is_no_folder_and_no_copy(tmp_path: Path) -> None:
    assert not dict(plant_twice())["usr/bin/alias"].is_folder
    for _ in range(2):
        plant_twice().write_folder(tmp_path)
    assert (tmp_path / "usr/bin/alias").samefile(tmp_path / "usr/bin/tool")
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-x", "-C", tmp_path / "unpacked"], input=plant_twice().write_tar(EPOCH), check=True)
    assert (tmp_path / "unpacked/usr/bin/alias").samefile(tmp_path / "unpacked/usr/bin/tool")


def test_nobody_becomes_root_by_a_file() -> None:
    tree = Tree()
    tree.add_file("bin/su", b"", 0o6755)
    assert read_headers(tree)[-1].mode == 0o755


def test_the_order_of_additions_does_not_show() -> None:
    backwards = Tree()
    for path, entry in reversed(list(plant())):
        if entry.target is not None:
            backwards.add_link(path, entry.target)
        elif entry.data is not None:
            backwards.add_file(path, entry.data, entry.mode)
        else:
            backwards.add_folder(path, entry.mode)
    assert backwards.write_tar(EPOCH) == plant().write_tar(EPOCH)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../etc", "a/../b", "a//b", "a/", "./a"])
def test_what_is_no_path_in_an_image_is_refused(path: str) -> None:
    with pytest.raises(ImageError, match="no path within an image"):
        Tree().add_file(path, b"")


def test_removing_leaves_no_empty_folder_but_those_wanted() -> None:
    tree = plant()
    tree.add_file("usr/share/man/man1/tool.1", b"")
    tree.add_folder("usr/share/man")
    tree.remove(["usr/share/*", "nothing/*"])
    assert read_headers(tree) != []
    assert [path for path, _ in tree] == [path for path, _ in plant()]


def test_removed_folders_take_their_own_entries_along() -> None:
    tree = Tree()
    tree.add_folder("etc/apt", 0o700)
    tree.add_file("etc/apt/sources", b"")
    tree.add_file("etc/hosts", b"")
    tree.remove(["*/sources"])
    assert [path for path, _ in tree] == ["etc", "etc/hosts"]


def test_the_later_of_two_files_stays() -> None:
    tree, other = plant(), Tree()
    other.add_file("usr/bin/tool", b"new")
    tree.add_tree(other)
    assert tree["usr/bin/tool"] == b"new"


@pytest.mark.parametrize("path", ["bin", "tmp", "usr/bin/missing"])
def test_reading_what_is_no_file(path: str) -> None:
    with pytest.raises(ImageError, match=f"no file /{path}"):
        plant()[path]


def test_selected_files_keep_their_modes() -> None:
    tree = Tree()
    tree.add_selected(plant(), "*/tool")
    assert [(header.name, header.mode) for header in read_headers(tree)][-1] == ("usr/bin/tool", 0o755)
    assert "usr/bin.txt" not in tree


def test_a_folder_of_this_machine_gets_the_same(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        plant().write_folder(tmp_path)
        plant().write_folder(tmp_path)  # over what is there
    finally:
        os.umask(before)
    assert (tmp_path / "bin/tool").read_bytes() == b"#!/bin/sh\n"
    modes = {name: (tmp_path / name).stat().st_mode & 0o7777 for name in ("usr", "usr/bin/tool", "usr/bin.txt", "tmp")}
    assert modes == {"usr": 0o755, "usr/bin/tool": 0o755, "usr/bin.txt": 0o644, "tmp": 0o1777}
