"""JSON for vault-env: numbers stay as they were written, and the `json` package is not imported.

`json` brings `re` with it, which alone costs as much as the interpreter's own start; what it really parses with is
the C scanner `_json.make_scanner`, a part of CPython that is used here directly. Source of the format: RFC 8259.
"""

from __future__ import annotations

from _json import encode_basestring, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    JSON: TypeAlias = "bool | str | Number | int | list[JSON] | dict[str, JSON] | None"

WHITESPACE = " \t\n\r"


class Number(str):
    """A number as written in the document: `1.50` stays `1.50`, and 2**64 keeps every digit."""

    __slots__ = ()


def refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class ScannerSettings:
    """What `_json.make_scanner` reads from its argument, a `json.JSONDecoder` otherwise."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = Number
    parse_int = Number
    parse_constant = staticmethod(refuse_constant)
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own cache of keys, cleared by it


SCAN = make_scanner(ScannerSettings())  # type: ignore[arg-type] # any object with these attributes will do


def loads(data: bytes) -> JSON:
    """Read a JSON document. Raises ValueError (also for what is not UTF-8, and for one nested too deep)."""
    text = data.decode("utf-8")
    value, end = read_value(text, len(text) - len(text.lstrip(WHITESPACE)))
    if text[end:].strip(WHITESPACE):
        raise ValueError("text follows the JSON document")
    return value


def read_value(text: str, start: int) -> tuple[JSON, int]:
    """Read the value that starts there, and tell where it ends. Raises ValueError."""
    try:
        return SCAN(text, start)
    except (StopIteration, SystemError, ImportError):
        # The scanner takes the class of its errors from `json`: not imported it fails bare, up to Python 3.12, or
        # imports it, which the static executable has not.
        raise ValueError("check its quotes, commas and braces") from None
    except RecursionError:
        raise ValueError("nested too deep") from None


def dumps(value: JSON) -> str:
    """Write compact JSON, members in their order, non-ASCII characters as they are."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Number() | int():
            return str(value)
        case str():
            return encode_basestring(value)
        case list():
            return "[" + ",".join(map(dumps, value)) + "]"
        case dict():
            return "{" + ",".join(f"{encode_basestring(key)}:{dumps(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} is not JSON")
