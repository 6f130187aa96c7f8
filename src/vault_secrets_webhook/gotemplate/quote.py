"""Strings and runes as Go source: in quotes, with escapes for what cannot be seen.

A string is walked by `str.translate`, so that a long one costs little: its table has the ASCII characters, and is asked
for each other one. Bytes that are not UTF-8 are surrogates there (see `values.decode`) and become escapes.

Source: package strconv, `Quote`, `QuoteToASCII`, `QuoteRune`, `QuoteRuneToASCII`, `CanBackquote`, `IsPrint`.
"""

from __future__ import annotations

from .values import decode, encode

NAMED = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 0x5C: "\\\\"}
LAST_ASCII = 0x7F
KNOWN = 4096  # characters that a table remembers
REPLACEMENT = "\ufffd"


def is_print(char: str) -> bool:
    """Tell whether `strconv.IsPrint` holds of a rune: it is seen, or it is the ASCII space."""
    if char.isascii():
        return char.isprintable()
    from .printable import is_print as find_print

    return find_print(char)


def escape_char(code: int) -> str:
    """Give the escape of a rune, or of the byte that a surrogate stands for."""
    if code in NAMED:
        return NAMED[code]
    if code <= LAST_ASCII:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 # the range of surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 # the basic plane


class Escapes(dict[int, str]):
    """What becomes of each rune, for `str.translate`."""

    def __init__(self, quote: str, *, is_ascii: bool) -> None:
        super().__init__({code: escape_char(code) for code in range(LAST_ASCII + 1) if not chr(code).isprintable()})
        self.update((code, chr(code)) for code in range(LAST_ASCII + 1) if chr(code).isprintable())
        self[ord("\\")] = "\\\\"
        self[ord(quote)] = "\\" + quote
        self.is_ascii = is_ascii

    def __missing__(self, code: int) -> str:
        char = chr(code)
        text = char if not self.is_ascii and is_print(char) else escape_char(code)
        if len(self) < KNOWN:
            self[code] = text
        return text


TABLES: dict[tuple[str, bool], Escapes] = {}


def find_escapes(quote: str, *, is_ascii: bool) -> Escapes:
    table = TABLES.get((quote, is_ascii))
    if table is None:
        table = TABLES[quote, is_ascii] = Escapes(quote, is_ascii=is_ascii)
    return table


def quote(string: bytes) -> bytes:
    """Quote a string as `%q` does, in double quotes."""
    if string.isascii() and b'"' not in string and b"\\" not in string and string.decode().isprintable():
        return b'"%b"' % string
    return b'"%b"' % decode(string).translate(find_escapes('"', is_ascii=False)).encode()


def quote_to_ascii(string: bytes) -> bytes:
    """Quote a string as `%+q` does, with escapes for all that is not ASCII."""
    return b'"%b"' % decode(string).translate(find_escapes('"', is_ascii=True)).encode()


def quote_rune(char: str) -> bytes:
    """Quote a rune as `%q` does: `'x'`. A surrogate is no rune, and becomes U+FFFD."""
    return b"'%b'" % replace_surrogate(char).translate(find_escapes("'", is_ascii=False)).encode()


def quote_rune_to_ascii(char: str) -> bytes:
    """Quote a rune as `%+q` does."""
    return b"'%b'" % replace_surrogate(char).translate(find_escapes("'", is_ascii=True)).encode()


def replace_surrogate(char: str) -> str:
    return REPLACEMENT if "\ud800" <= char <= "\udfff" else char


def can_backquote(string: bytes) -> bool:
    """Tell whether a string can stand between backquotes on one line: no control character but the tab."""
    text = decode(string)
    if text.isascii():
        return "`" not in text and text.replace("\t", "").isprintable()
    if "\ufeff" in text or any("\ud800" <= char <= "\udfff" for char in text):
        return False
    return can_backquote(encode("".join(char for char in text if char.isascii())))
