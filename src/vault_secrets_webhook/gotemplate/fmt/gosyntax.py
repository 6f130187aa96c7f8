"""Lists, maps, structs and pointers as `%#v` writes them: in the syntax of a Go program.

Source: package fmt, `print.go`, what it does for the flag `#` of the verb v.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import UINT8, type_of

from .printer import find_address, is_null

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .printer import Printer


def print_composite(printer: Printer, value: Any, verb: str, depth: int) -> None:
    """Write a value that is made of others. Raises LimitError if it is too long."""
    kind = type_of(value)
    name = kind.name.encode()
    if kind.kind == "ptr" and (depth or is_null(value)):
        printer.write(b"(%b)(%b)" % (name, b"nil" if is_null(value) else b"%#x" % find_address(value)))
        return
    if kind.kind == "slice" and kind.elem is UINT8 and verb == "v" and not depth:
        name = b"[]byte"  # fmt itself names the type here, where reflect would say []uint8
    if is_null(value):
        printer.write(name + b"(nil)")
        return
    if kind.kind == "ptr":
        name, depth = name.replace(b"*", b"&", 1), depth + 1
    printer.write(name + b"{")
    if kind.kind == "slice":
        printer.print_all(value, verb, depth, b", ")
    elif kind.kind == "map":
        printer.print_pairs(value, verb, depth, b", ")
    else:
        printer.print_fields(value, verb, depth, b", ")
    printer.write(b"}")
