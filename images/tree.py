"""The files of one layer of an image, held in memory, so that modes and owners do not depend on who builds.

Everything belongs to root (0:0): whatever user an image runs as, it cannot change its own files. Paths are relative to
the root of the image and use `/`. Knows nothing of packages or of images.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDER_MODE, FILE_MODE, LINK_MODE = 0o755, 0o644, 0o777
PERMISSIONS = 0o1777  # set-user-ID and set-group-ID have no place in an image


@dataclass(frozen=True)
class Entry:
    """A file (`data`), a symbolic link (`target`), one more name of a file (`same_as`, its path) or a folder (none)."""

    mode: int
    data: bytes | None = None
    target: str | None = None
    same_as: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is neither a file nor a link."""
        return self.data is None and self.target is None and self.same_as is None


class Tree:
    """Files, folders and links by path. Folders that are only implied by a path come into being when it is written."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        """Yield all entries by path, folders before what is in them."""
        entries = {folder: Entry(FOLDER_MODE) for path in self._entries for folder in list_parents(path)}
        return iter(sorted((entries | self._entries).items(), key=lambda item: item[0].split("/")))

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def __getitem__(self, path: str) -> bytes:
        """Return the content of a file. Raises ImageError where there is none."""
        return self._file(path).data or b""

    def add_folder(self, path: str, mode: int = FOLDER_MODE) -> None:
        self._add(path, Entry(mode & PERMISSIONS))

    def add_file(self, path: str, data: bytes, mode: int = FILE_MODE) -> None:
        self._add(path, Entry(mode & PERMISSIONS, data=data))

    def add_link(self, path: str, target: str) -> None:
        self._add(path, Entry(LINK_MODE, target=target))

    def add_name(self, path: str, file: str) -> None:
        """Give a file one more name: a hard link. Raises ImageError where there is no such file."""
        self._add(path, Entry(self._file(file).mode, same_as=file))

    def add_tree(self, other: Tree) -> None:
        """Add everything of another tree; what is in both is taken from that."""
        self._entries |= other._entries

    def add_selected(self, other: Tree, pattern: str) -> None:
        """Add what the pattern matches in another tree."""
        self._entries |= {path: other._entries[path] for path in other.find(pattern)}

    def find(self, pattern: str) -> list[str]:
        """List the paths that a shell-like pattern matches; its `*` matches `/` too."""
        return sorted(path for path in self._entries if fnmatchcase(path, pattern))

    def remove(self, patterns: Iterable[str]) -> None:
        """Take out everything that one of the patterns matches, and the folders that this leaves empty."""
        patterns = tuple(patterns)
        before = self._list_filled_folders()
        self._entries = {
            path: entry
            for path, entry in self._entries.items()
            if not any(fnmatchcase(path, pattern) for pattern in patterns)
        }
        emptied = before - self._list_filled_folders()
        self._entries = {path: entry for path, entry in self._entries.items() if path not in emptied}

    def write_tar(self, epoch: int) -> bytes:
        """Write a tar archive in which nothing depends on the time, the machine or the order of additions."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path, entry in self._list_names_last():
                archive.addfile(describe_entry(path, entry, epoch), io.BytesIO(entry.data or b""))
        return buffer.getvalue()

    def write_folder(self, folder: Path) -> None:
        """Write the entries into a folder of this machine, over what is there."""
        for path, entry in self._list_names_last():
            place = folder / path
            if entry.target is not None:
                place.unlink(missing_ok=True)
                place.symlink_to(entry.target)
            elif entry.same_as is not None:
                place.unlink(missing_ok=True)
                place.hardlink_to(folder / entry.same_as)
            elif entry.data is not None:
                place.write_bytes(entry.data)
                place.chmod(entry.mode)
            else:
                place.mkdir(parents=True, exist_ok=True)
                place.chmod(entry.mode)

    def _add(self, path: str, entry: Entry) -> None:
        parts = path.split("/")
        if not path or any(part in {"", ".", ".."} for part in parts):
            raise ImageError(f"{path!r} is no path within an image")
        self._entries[path] = entry

    def _file(self, path: str) -> Entry:
        entry = self._entries.get(path)
        if entry is None or entry.data is None:
            raise ImageError(f"the image has no file /{path}")
        return entry

    def _list_names_last(self) -> list[tuple[str, Entry]]:
        """List all entries in an order in which each can be made of what is there already."""
        return sorted(self, key=lambda item: item[1].same_as is not None)  # which leaves their order else as it is

    def _list_filled_folders(self) -> set[str]:
        return {parent for path, entry in self._entries.items() if not entry.is_folder for parent in list_parents(path)}


def list_parents(path: str) -> list[str]:
    """List the folders above a path: `a`, `a/b` for `a/b/c`."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def describe_entry(path: str, entry: Entry, epoch: int) -> tarfile.TarInfo:
    """Make the header of an entry in a tar archive."""
    header = tarfile.TarInfo(path)
    header.mode, header.mtime = entry.mode, epoch
    if entry.target is not None:
        header.type, header.linkname = tarfile.SYMTYPE, entry.target
    elif entry.same_as is not None:
        header.type, header.linkname = tarfile.LNKTYPE, entry.same_as
    elif entry.data is not None:
        header.size = len(entry.data)
    else:
        header.type = tarfile.DIRTYPE
    return header
