"""Reading JSON quickly: CPython's own scanner reads what is valid and usual, `reader` all that is left.

Source: package encoding/json, `Unmarshal` into an `interface {}`; `_json.make_scanner`, a part of CPython (the module
`json` is not loaded, for it would import `re`).
"""

from __future__ import annotations

from _json import make_scanner

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import decode_runes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

WHITESPACE = " \t\n\r"
MOST_ELEMENTS = 100_000  # of what is read at once; `reader` asks the budget while it reads
BYTES_PER_STEP = 64
DEEPEST = 500  # levels whose conversion the stack has room for
INFINITE = (float("inf"), float("-inf"))


class Unusual(Exception):
    """Text or a value that `reader` must decide about."""


def refuse_constant(name: str) -> object:
    raise Unusual(name)


def read_number(text: str) -> float:
    value = float(text)
    if value in INFINITE:
        raise Unusual(text)
    return value


class ScannerSettings:
    """What `_json.make_scanner` reads from its argument: Go's rules, and every number a float."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = staticmethod(read_number)
    parse_int = staticmethod(read_number)
    parse_constant = staticmethod(refuse_constant)
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own cache of keys, cleared by it


SCAN = make_scanner(ScannerSettings())  # type: ignore[arg-type] # any object with these attributes will do


def unmarshal(budget: Budget, text: bytes) -> object:
    """Read a document. Raises FunctionError with Go's text for what is no JSON, and for numbers beyond float64."""
    value, problem = decode(budget, text)
    if problem:
        raise FunctionError(problem)
    return value


def decode(budget: Budget, text: bytes) -> tuple[object, str]:
    """Read a document: its value, and what is wrong with it. Numbers beyond float64 are nil, text that is no JSON too."""
    budget.spend_steps(1 + len(text) // BYTES_PER_STEP)
    try:
        return convert(budget, scan(text), 0), ""
    # Outside of the module `json` the scanner fails bare: StopIteration, SystemError for what it finds wrong.
    except (Unusual, StopIteration, SystemError, ValueError, RecursionError):
        from .reader import Reader

        return Reader(budget, text).read()


def scan(document: bytes) -> object:
    """Read a document with the scanner; Python's numbers and strings are in the result."""
    if document.count(b",") + document.count(b"[") + document.count(b"{") > MOST_ELEMENTS:
        raise Unusual
    text = decode_runes(document)
    start = len(text) - len(text.lstrip(WHITESPACE))
    value, end = SCAN(text, start)
    if text[end:].strip(WHITESPACE):
        raise Unusual
    return value


def convert(budget: Budget, value: object, depth: int) -> object:
    """Turn what the scanner gives into a template's values, and count it."""
    if isinstance(value, str):
        return encode(value)
    if isinstance(value, list | dict):
        if depth > DEEPEST:
            raise Unusual
        budget.reserve_elements(len(value))
        if isinstance(value, list):
            return [convert(budget, item, depth + 1) for item in value]
        return {encode(key): convert(budget, item, depth + 1) for key, item in value.items()}
    return value


def encode(text: str) -> bytes:
    """Encode a string; halves of surrogate pairs, which only escapes can make, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text).encode()
