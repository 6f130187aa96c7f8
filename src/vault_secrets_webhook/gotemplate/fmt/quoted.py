"""Strings and runes in quotes, and runes as characters and code points.

Source: package fmt, `format.go`, the verbs c, q and U.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.quote import (
    REPLACEMENT,
    can_backquote,
    is_print,
    quote,
    quote_rune,
    quote_rune_to_ascii,
    quote_to_ascii,
    replace_surrogate,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .style import Style

LAST_RUNE = 0x10FFFF
WORD = 1 << 64


def write_string(style: Style, value: bytes) -> bytes:
    """Write a string in quotes: in backquotes if the flag `#` asks for these and they will do."""
    if style.sharp and can_backquote(value):
        return style.pad(b"`%b`" % value)
    return style.pad((quote_to_ascii if style.plus else quote)(value))


def write_rune(style: Style, value: int, verb: str) -> bytes:
    """Write the rune of a number as one of the verbs c, q and U does."""
    if verb == "c":
        return style.pad(find_rune(value).encode())
    if verb == "q":
        return style.pad((quote_rune_to_ascii if style.plus else quote_rune)(find_rune(value)))
    return write_code_point(style, value % WORD)


def write_code_point(style: Style, value: int) -> bytes:
    text = f"U+{value:0{max(style.precision or 0, 4)}X}"
    if style.sharp and value <= LAST_RUNE and is_print(chr(value)):
        text += f" '{chr(value)}'"
    return style.pad(text.encode(), may_zero=False)


def find_rune(value: int) -> str:
    """Give the rune of a number, U+FFFD if it is none."""
    return replace_surrogate(chr(value)) if 0 <= value <= LAST_RUNE else REPLACEMENT
