"""Go's string and character literals.

Role: gives what a quoted string of a template means. Theory: what has no escape means itself; otherwise the escapes are
read one after the other. Sources: package strconv, Unquote and UnquoteChar.
"""

from __future__ import annotations

from .values import encode

INVALID = "invalid syntax"
REPLACEMENT = 0xFFFD
SIMPLE_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}  # the number of digits
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
OCTAL_DIGITS = frozenset("01234567")
OCTAL_LENGTH = 3
LAST_BYTE = 0xFF


def unquote(quoted: str) -> bytes:
    """Give what a literal in quotes, backquotes or single quotes means. Raises ValueError("invalid syntax").

    Bytes that are not UTF-8 (surrogates here) are kept between backquotes, and become U+FFFD between quotes.
    """
    quote, inside = quoted[:1], quoted[1:-1]
    if len(quoted) < 2 or quoted[-1] != quote or quote not in {'"', "`", "'"}:  # noqa: PLR2004 # two quotes
        raise ValueError(INVALID)
    if quote == "`":
        if "`" in inside:
            raise ValueError(INVALID)
        return encode(inside.replace("\r", ""))
    if quote == '"' and "\\" not in inside and '"' not in inside and "\n" not in inside:
        try:
            return inside.encode()
        except UnicodeEncodeError:
            pass
    return unquote_chars(inside, quote)


def unquote_chars(inside: str, quote: str) -> bytes:
    """Read characters and escapes one by one."""
    unquoted = bytearray()
    pos = count = 0
    while pos < len(inside):
        if inside[pos] == "\n":
            raise ValueError(INVALID)
        code, is_byte, pos = unquote_char(inside, pos, quote)
        unquoted += bytes((code,)) if is_byte else chr(code).encode()
        count += 1
    if quote == "'" and count > 1:
        raise ValueError(INVALID)
    return bytes(unquoted)


def unquote_char(text: str, pos: int, quote: str) -> tuple[int, bool, int]:
    """Read the character or escape at a position of a literal with that quote.

    Gives its code, whether that is one byte, maybe not UTF-8, and the position behind it. Raises ValueError.
    """
    char = text[pos : pos + 1]
    if char in {"", quote}:
        raise ValueError(INVALID)
    if char != "\\":
        return REPLACEMENT if "\ud800" <= char <= "\udfff" else ord(char), False, pos + 1
    name = text[pos + 1 : pos + 2]
    code = SIMPLE_ESCAPES.get(name)
    if code is not None:
        return code, False, pos + 2
    if name in {'"', "'"} and name == quote:
        return ord(name), False, pos + 2
    if name in HEX_ESCAPES:
        end = pos + 2 + HEX_ESCAPES[name]
        code = read_digits(text, pos + 2, end, HEX_DIGITS, 16)
        if name != "x" and (code > 0x10FFFF or 0xD800 <= code <= 0xDFFF):  # noqa: PLR2004 # what is no character
            raise ValueError(INVALID)
        return code, name == "x", end
    end = pos + 1 + OCTAL_LENGTH
    code = read_digits(text, pos + 1, end, OCTAL_DIGITS, 8)
    if code > LAST_BYTE:
        raise ValueError(INVALID)
    return code, True, end


def read_digits(text: str, pos: int, end: int, digits: frozenset[str], base: int) -> int:
    """Read a number of exactly that many digits. Raises ValueError."""
    found = text[pos:end]
    if len(found) < end - pos or not digits.issuperset(found):
        raise ValueError(INVALID)
    return int(found, base)
