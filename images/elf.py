"""Reads from an ELF file what it needs to start: interpreter and shared libraries. Knows only 64-bit little-endian.

That is amd64 and arm64. See elf(5).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from .errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .tree import Tree

MAGIC = b"\x7fELF\x02\x01"
MACHINES = {62: "amd64", 183: "arm64"}
LOAD, DYNAMIC, INTERPRETER = 1, 2, 3  # types of segments
END, NEEDED, STRING_TABLE = 0, 1, 5  # tags of dynamic entries


class Needs(NamedTuple):
    """The architecture a file is for, the program that loads it, and the names of its libraries."""

    architecture: str
    interpreter: str | None
    libraries: list[str]


def is_elf(data: bytes) -> bool:
    return data.startswith(MAGIC)


def read_needs(data: bytes) -> Needs:
    """Read what an ELF file needs. Raises ImageError when it is none."""
    if not is_elf(data):
        raise ImageError("this is no ELF file of 64 bits")
    try:
        return _read_needs(data)
    except (struct.error, ValueError):
        raise ImageError("this ELF file is damaged") from None


def _read_needs(data: bytes) -> Needs:
    (machine,) = struct.unpack_from("<H", data, 18)
    segments = list(_read_segments(data))
    interpreter, tags = None, []
    for kind, offset, _, size in segments:
        if kind == INTERPRETER:
            interpreter = data[offset : offset + size].rstrip(b"\0").decode()
        elif kind == DYNAMIC:
            tags = list(struct.iter_unpack("<qQ", data[offset : offset + size // 16 * 16]))
    strings = next((value for tag, value in tags if tag == STRING_TABLE), 0)
    start = next(
        (strings - at + offset for kind, offset, at, size in segments if kind == LOAD and at <= strings < at + size), 0
    )
    names = [start + value for tag, value in tags if tag == NEEDED]
    libraries = [data[name : data.index(b"\0", name)].decode() for name in names]
    return Needs(MACHINES.get(machine, str(machine)), interpreter, libraries)


def _read_segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield type, offset, address and size in the file of each segment."""
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, table + number * size)
        yield kind, offset, address, length


def list_needed(tree: Tree) -> set[str]:
    """List the libraries that any program or library in a tree needs."""
    files = [entry.data for _, entry in tree if entry.data is not None and is_elf(entry.data)]
    return {name for data in files for name in read_needs(data).libraries}


def take_needed(tree: Tree, packages: Iterable[Tree], needed: Iterable[str]) -> None:
    """Add to a tree those packages with a library that the tree, `needed` or another of them asks for."""
    wanted = list_needed(tree).union(needed)
    waiting = {number: (package, list_names(package)) for number, package in enumerate(packages)}
    while found := [number for number, (_, names) in waiting.items() if names & wanted]:
        for number in found:
            package, _ = waiting.pop(number)
            tree.add_tree(package)
            wanted |= list_needed(package)


def list_names(tree: Tree) -> set[str]:
    return {path.rpartition("/")[2] for path, entry in tree if not entry.is_folder}


def expect_libraries(tree: Tree, architecture: str) -> None:
    """Check that every program and library in a tree finds what it needs there. Raises ImageError."""
    present = list_names(tree)
    for path, entry in tree:
        if entry.data is None or not is_elf(entry.data):
            continue
        needs = read_needs(entry.data)
        missing = [name for name in needs.libraries if name not in present]
        if missing:
            raise ImageError(f"/{path} needs {', '.join(missing)}, which the image does not have")
        if needs.architecture != architecture:
            raise ImageError(f"/{path} is for {needs.architecture}, the image for {architecture}")
