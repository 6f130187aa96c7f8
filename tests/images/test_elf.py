"""What an ELF file needs, read from files made here byte by byte."""

from __future__ import annotations

import struct

import pytest

from images.elf import Needs, expect_libraries, is_elf, read_needs, take_needed
from images.errors import ImageError
from images.tree import Tree

BASE = 0x400000  # where the file is loaded, so that addresses are no offsets


def make_elf(interpreter: str | None = None, libraries: tuple[str, ...] = (), machine: int = 62) -> bytes:
    """Make the headers of an executable, and what they lead to."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in libraries)
    count = 1 + bool(interpreter) + bool(libraries)
    start = 64 + 56 * count
    program = (interpreter or "").encode() + b"\0"
    tags = [(1, strings.index(name.encode())) for name in libraries]
    tags += [(5, BASE + start + len(program)), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *tag) for tag in tags)
    body = program + strings + dynamic
    segments = [(1, 0, BASE, start + len(body))]
    if interpreter:
        segments.append((3, start, BASE + start, len(program)))
    if libraries:
        offset = start + len(program) + len(strings)
        segments.append((2, offset, BASE + offset, len(dynamic)))
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0
    )
    table = b"".join(struct.pack("<IIQQQQQQ", kind, 4, at, to, to, size, size, 8) for kind, at, to, size in segments)
    return header + table + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(make_elf(), Needs("amd64", None, []), id="static"),
        pytest.param(make_elf(machine=183), Needs("arm64", None, []), id="static for arm64"),
        pytest.param(
            make_elf("/lib64/ld.so", ("libssl.so.3", "libc.so.6")),
            Needs("amd64", "/lib64/ld.so", ["libssl.so.3", "libc.so.6"]),
            id="dynamic",
        ),
        pytest.param(make_elf(None, ("libc.so.6",)), Needs("amd64", None, ["libc.so.6"]), id="library"),
        pytest.param(make_elf(machine=243), Needs("243", None, []), id="another machine"),
    ],
)
def test_needs(data: bytes, expected: Needs) -> None:
    assert read_needs(data) == expected


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(100)])
def test_what_is_no_elf_file(data: bytes) -> None:
    assert not is_elf(data)
    with pytest.raises(ImageError, match="no ELF file"):
        read_needs(data)


@pytest.mark.parametrize("size", [10, 40, 70, 200])
def test_a_damaged_file(size: int) -> None:
    with pytest.raises(ImageError, match="damaged"):
        read_needs(make_elf("/lib64/ld.so", ("libc.so.6",))[:size])


def plant(*libraries: str) -> Tree:
    tree = Tree()
    tree.add_file("usr/bin/tool", make_elf("/lib64/ld.so", libraries), 0o755)
    tree.add_file("usr/share/text", b"no ELF file")
    return tree


def test_a_missing_library_is_told() -> None:
    tree = plant("libc.so.6", "libssl.so.3")
    tree.add_file("usr/lib/libc.so.6", b"")
    with pytest.raises(ImageError, match=r"/usr/bin/tool needs libssl.so.3, which the image does not have"):
        expect_libraries(tree, "amd64")


def test_a_link_is_a_library() -> None:
    tree = plant("libc.so.6")
    tree.add_link("usr/lib/libc.so.6", "libc-2.36.so")
    expect_libraries(tree, "amd64")


def test_another_architecture_is_told() -> None:
    with pytest.raises(ImageError, match=r"/usr/bin/tool is for amd64, the image for arm64"):
        expect_libraries(plant(), "arm64")


def make_package(library: str, *libraries: str) -> Tree:
    tree = Tree()
    tree.add_file(f"usr/lib/{library}.1", make_elf(None, libraries))
    tree.add_link(f"usr/lib/{library}", f"{library}.1")
    return tree


@pytest.mark.parametrize(
    ("needed", "expected"),
    [
        pytest.param([], {"libc.so", "libz.so"}, id="through another"),
        pytest.param(["libone.so"], {"libc.so", "libz.so", "libone.so"}, id="by name"),
        pytest.param(["libnone.so"], {"libc.so", "libz.so"}, id="of nobody"),
    ],
)
def test_only_needed_packages_are_taken(needed: list[str], expected: set[str]) -> None:
    tree = plant("libc.so")
    packages = [make_package("libz.so"), make_package("libone.so"), make_package("libc.so", "libz.so")]
    take_needed(tree, packages, needed)
    assert {path.removeprefix("usr/lib/") for path in tree.find("usr/lib/*.so")} == expected
