"""Go's fmt: values as text.

Most of what templates print is a string or a number without any format; that is written here, and needs no more than
this module. The rest is imported when met: `printf` (format strings), `printer` (verbs and methods), `style` (flags), and
what these need of `scalars`, `quoted`, `floats`, `gosyntax` (`%#v`) and `layout` (fields of structs).

No value prints to more than `limits.OUTPUT_LIMIT` bytes, and each list, map and element takes a step: lists that hold
the same list many times are small in memory, and long when written. Who has a budget passes it; who has none gets one
for the call.

Source: package fmt, `Sprint`, `Sprintln`, `Sprintf`.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT, Budget, LimitError
from vault_secrets_webhook.gotemplate.values import Int32, Int64, JsonNumber, Map, Slice, Uint8, Uint64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any


def sprint(values: Sequence[object], budget: Budget | None = None) -> bytes:
    """Write values one after the other, with a space between two of which neither is a string.

    Raises LimitError if they are too long.
    """
    budget = budget or Budget()
    out = bytearray()
    was_string = True
    for value in values:
        is_string = isinstance(value, bytes)
        if not is_string and not was_string:
            out += b" "
        WRITERS.get(type(value), append_unusual)(budget, out, value)
        was_string = is_string
        check_size(out)
    return bytes(out)


def sprintln(values: Sequence[object], budget: Budget | None = None) -> bytes:
    """Write values with spaces between them and a newline behind. Raises LimitError if they are too long."""
    out = bytearray()
    append_all(budget or Budget(), out, values)
    out += b"\n"
    return bytes(out)


def sprintf(budget: Budget, text: bytes, values: Sequence[object]) -> bytes:
    """Write values as a format string wants them. Raises LimitError if they are too long."""
    from .printf import format_values

    return format_values(budget, text, values)


def write_value(value: object, budget: Budget | None = None) -> bytes:
    """Write one value as `%v` does. Raises LimitError if it is too long."""
    if type(value) is bytes:
        return value
    out = bytearray()
    WRITERS.get(type(value), append_unusual)(budget or Budget(), out, value)
    check_size(out)
    return bytes(out)


def check_size(out: bytearray) -> None:
    if len(out) > OUTPUT_LIMIT:
        raise LimitError(f"the result would be larger than {OUTPUT_LIMIT >> 20} MiB")


def append_all(budget: Budget, out: bytearray, values: Iterable[object]) -> None:
    is_first = True
    for value in values:
        budget.spend_steps(1)
        if not is_first:
            out += b" "
        is_first = False
        WRITERS.get(type(value), append_unusual)(budget, out, value)
        check_size(out)


def append_bytes(_budget: Budget, out: bytearray, value: bytes) -> None:
    out += value


def append_bool(_budget: Budget, out: bytearray, value: bool) -> None:  # noqa: FBT001 # it is the value that is written
    out += b"true" if value else b"false"


def append_int(_budget: Budget, out: bytearray, value: int) -> None:
    out += b"%d" % value


def append_float(_budget: Budget, out: bytearray, value: float) -> None:
    from vault_secrets_webhook.gotemplate.formatfloat import format_float

    out += format_float(value, "g").encode()


def append_nil(_budget: Budget, out: bytearray, _: None) -> None:
    out += b"<nil>"


def append_list(budget: Budget, out: bytearray, value: list[object]) -> None:
    out += b"["
    append_all(budget, out, value)
    out += b"]"


def append_map(budget: Budget, out: bytearray, value: dict[bytes, object]) -> None:
    out += b"map["
    is_first = True
    for key in sorted(value):
        budget.spend_steps(1)
        if not is_first:
            out += b" "
        is_first = False
        out += b"%b:" % key
        WRITERS.get(type(value[key]), append_unusual)(budget, out, value[key])
        check_size(out)
    out += b"]"


def append_unusual(budget: Budget, out: bytearray, value: object) -> None:
    """Write a complex number, a struct, a pointer or whatever else has methods."""
    from .printer import Printer

    Printer(budget, out).print_operand(value, "v")


WRITERS: dict[type, Callable[[Budget, bytearray, Any], None]] = {
    bytes: append_bytes,
    JsonNumber: append_bytes,
    bool: append_bool,
    **dict.fromkeys((int, Int32, Int64, Uint8, Uint64), append_int),
    float: append_float,
    type(None): append_nil,
    list: append_list,
    Slice: append_list,
    dict: append_map,
    Map: append_map,
}
