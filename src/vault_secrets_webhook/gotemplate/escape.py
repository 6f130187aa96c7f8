"""Escaping for other languages: html, js, urlquery.

Source: package text/template, funcs.go; package net/url, `QueryEscape`.
"""

from __future__ import annotations

from .limits import OUTPUT_LIMIT
from .values import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .limits import Budget

HTML = {0: "\ufffd", ord('"'): "&#34;", ord("'"): "&#39;", ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
JAVASCRIPT = {
    **{code: f"\\u{code:04X}" for code in (*range(0x20), *b"<>&=")},
    **{code: "\\" + chr(code) for code in b"\\'\""},
}
ESCAPED_LONG = bytes((*range(0x20), *b"<>&="))  # in JavaScript, each by six characters
LONGEST_GROWTH = 5
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
QUERY = {code: chr(code) if code in UNRESERVED else f"%{code:02X}" for code in range(0x100)} | {ord(" "): "+"}


def join_arguments(budget: Budget, values: tuple[object, ...]) -> bytes:
    """Give the arguments as `print` would; nil is `<no value>` here."""
    if len(values) == 1 and type(values[0]) is bytes:
        return values[0]
    from .fmt import sprint

    return sprint([b"<no value>" if value is None else value for value in values], budget)


def escape_html(budget: Budget, *values: object) -> bytes:
    return encode(decode(join_arguments(budget, values)).translate(HTML))


def escape_javascript(budget: Budget, *values: object) -> bytes:
    string = join_arguments(budget, values)
    size = len(string) + LONGEST_GROWTH * (len(string) - len(string.translate(None, ESCAPED_LONG)))
    if size > OUTPUT_LIMIT:
        budget.reserve(size)  # it raises, before memory is taken
    text = decode(string)
    return encode(text.translate(JAVASCRIPT if text.isascii() else JavaScript(JAVASCRIPT)))


class JavaScript(dict[int, str]):
    """What becomes of each rune, found out once for each of a text. Bytes that are not UTF-8 stay as they are."""

    def __missing__(self, code: int) -> str:
        from .quote import is_print

        char = chr(code)
        is_kept = char.isascii() or "\ud800" <= char <= "\udfff" or is_print(char)
        self[code] = escaped = char if is_kept else f"\\u{code:04X}"
        return escaped


def escape_query(budget: Budget, *values: object) -> bytes:
    return join_arguments(budget, values).decode("latin-1").translate(QUERY).encode()


FUNCTIONS = {
    "html": ("budget, ...interface {} -> string", escape_html),
    "js": ("budget, ...interface {} -> string", escape_javascript),
    "urlquery": ("budget, ...interface {} -> string", escape_query),
}
