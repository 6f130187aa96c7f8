"""A JSON Patch (RFC 6902) in the making: operations in the order in which they are to be applied.

Only `add` and `replace` are needed. Paths are JSON Pointers (RFC 6901) of member names that need no escape and of
indices; `escape` is for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class PatchOperation(msgspec.Struct, frozen=True):
    """One operation. `value` is made of what JSON is made of."""

    op: str
    path: str
    value: Any


class Patch:
    """Collects operations."""

    __slots__ = ("operations",)

    def __init__(self) -> None:
        self.operations: list[PatchOperation] = []

    def add(self, path: str, value: Any) -> None:
        """Set a member, whether it is absent, null or has a value; or insert an element before an index."""
        self.operations.append(PatchOperation("add", path, value))

    def replace(self, path: str, value: Any) -> None:
        """Put a value in the place of one that is there."""
        self.operations.append(PatchOperation("replace", path, value))

    def append(self, path: str, existing: Sequence[object] | None, values: Sequence[Any]) -> None:
        """Append to a list that may be absent, null or empty. Call it once for a list: `existing` is what was there."""
        if not existing:
            if values:
                self.add(path, values)
            return
        end = path + "/-"
        self.operations += [PatchOperation("add", end, value) for value in values]

    def prepend(self, path: str, existing: Sequence[object] | None, values: Sequence[Any]) -> None:
        """Insert at the start of a list that may be absent, null or empty. Indices into it change by this."""
        if not existing:
            self.append(path, existing, values)
            return
        for index, value in enumerate(values):
            self.add(f"{path}/{index}", value)


def escape(name: str) -> str:
    """Write the name of a member as a token of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
