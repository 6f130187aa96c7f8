"""The grammar of JSON's numbers. Source: RFC 8259, section 6."""

from __future__ import annotations

DIGITS = frozenset(b"0123456789")
POINT, ZERO = b".0"
EXPONENTS = frozenset(b"eE")
SIGNS = frozenset(b"+-")
MINUS = ord("-")


def skip_digits(text: bytes, start: int) -> int:
    """Give the index behind the digits that begin at start. The text ends with something else."""
    while text[start] in DIGITS:
        start += 1
    return start


def find_end(text: bytes, start: int) -> tuple[int, str]:
    """Read a number: the index behind it and "", or that of the byte that is wrong and where it is, in Go's words.

    The text ends with something that is no part of a number.
    """
    index = start + (text[start] == MINUS)
    if text[index] not in DIGITS:
        return index, "in numeric literal"
    index = index + 1 if text[index] == ZERO else skip_digits(text, index)
    if text[index] == POINT:
        index += 1
        if text[index] not in DIGITS:
            return index, "after decimal point in numeric literal"
        index = skip_digits(text, index)
    if text[index] in EXPONENTS:
        index += 2 if text[index + 1] in SIGNS else 1
        if text[index] not in DIGITS:
            return index, "in exponent of numeric literal"
        index = skip_digits(text, index)
    return index, ""


def is_number(text: bytes) -> bool:
    """Tell whether a text is a number and nothing else."""
    return bool(text) and find_end(text + b" ", 0) == (len(text), "")
