"""Applying a JSON Patch (RFC 6902) to a value, as the API server does with what the webhook answers.

Only `add` and `replace` are known, because the mutation writes no others.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Operation(Protocol):
    """One operation of a patch."""

    @property
    def op(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def value(self) -> Any: ...


def apply_patch(value: Any, operations: Iterable[Operation], prefix: str = "") -> None:
    """Change a value in place; `prefix` is put before each path. Raises ValueError for a path that leads nowhere."""
    for operation in operations:
        try:
            apply_operation(value, operation, prefix)
        except (LookupError, TypeError):
            raise ValueError(f"{operation.op} {prefix}{operation.path}: there is no such place") from None


def apply_operation(value: Any, operation: Operation, prefix: str) -> None:
    *outer, last = [unescape(token) for token in (prefix + operation.path).split("/")[1:]]
    place = value
    for token in outer:
        place = place[int(token) if isinstance(place, list) else token]
    new = deepcopy(operation.value)
    if operation.op == "replace":
        key = int(last) if isinstance(place, list) else last
        place[key]  # must be there
        place[key] = new
    elif operation.op == "add" and isinstance(place, list):
        place.insert(len(place) if last == "-" else int(last), new)
    elif operation.op == "add" and isinstance(place, dict):
        place[last] = new
    else:
        raise TypeError


def unescape(token: str) -> str:
    """Read a token of a JSON Pointer (RFC 6901)."""
    return token.replace("~1", "/").replace("~0", "~")
