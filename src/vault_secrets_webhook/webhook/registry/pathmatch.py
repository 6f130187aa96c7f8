r"""Patterns of Go's `path.Match`, which the keys of docker configs are to kubelet. No I/O.

    pattern = { "*" | "?" | "[" [ "^" ] range { range } "]" | "\\" char | char }
    range   = char [ "-" char ]                where "-", "]" and "\\" need a "\\" before them

`*` and `?` stand for anything but `/`. https://pkg.go.dev/path#Match. The patterns are whoever's who writes a Secret,
so the time for matching one grows with the lengths of pattern and text only, whatever is in them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

SEPARATOR, STAR, ANY, OPEN, CLOSE, NOT, TO, ESCAPE = "/*?[]^-\\"
LONGEST_PATTERN = 255


class Char(NamedTuple):
    """What one character may be: in one of the ranges, or with `is_not` in none of them; neither means any."""

    ranges: tuple[tuple[str, str], ...] = ()
    is_not: bool = False

    def matches(self, char: str) -> bool:
        """Tell whether a character is one of these."""
        if not self.ranges:
            return char != SEPARATOR
        return any(low <= char <= high for low, high in self.ranges) is not self.is_not


def match(pattern: str, text: str) -> bool:
    """Tell whether a pattern stands for the whole of a text; one that is malformed stands for none."""
    try:
        parts = parse(pattern)
    except ValueError:
        return False
    at = index = 0
    star: tuple[int, int] | None = None  # where the last star was, and how far it reached
    while index < len(text):
        part = parts[at] if at < len(parts) else None
        if part is None and at < len(parts):
            star, at = (at, index), at + 1
        elif part is not None and part.matches(text[index]):
            at, index = at + 1, index + 1
        elif star is not None and text[star[1]] != SEPARATOR:
            star = (star[0], star[1] + 1)
            at, index = star[0] + 1, star[1]
        else:
            return False
    return all(part is None for part in parts[at:])


@lru_cache(maxsize=256)
def parse(pattern: str) -> tuple[Char | None, ...]:
    """Parse a pattern; None is a star. Raises ValueError."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError("it is longer than any host")
    parts: list[Char | None] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == STAR:
            parts.append(None)
            at += 1
        elif char == ANY:
            parts.append(Char())
            at += 1
        elif char == OPEN:
            part, at = parse_class(pattern, at + 1)
            parts.append(part)
        else:
            char, at = parse_char(pattern, at, "")
            parts.append(Char(((char, char),)))
    return tuple(parts)


def parse_class(pattern: str, at: int) -> tuple[Char, int]:
    """Parse what follows an opening bracket; that, and where it ends. Raises ValueError."""
    is_not = pattern[at : at + 1] == NOT
    at += is_not
    ranges: list[tuple[str, str]] = []
    while pattern[at : at + 1] != CLOSE or not ranges:
        low, at = parse_char(pattern, at, TO + CLOSE)
        high = low
        if pattern[at : at + 1] == TO:
            high, at = parse_char(pattern, at + 1, TO + CLOSE)
        ranges.append((low, high))
    return Char(tuple(ranges), is_not), at + 1


def parse_char(pattern: str, at: int, special: str) -> tuple[str, int]:
    """Parse a character, which must not be one of the special ones without a backslash. Raises ValueError."""
    char = pattern[at : at + 1]
    if char == ESCAPE:
        at += 1
        char = pattern[at : at + 1]
    elif char in special:  # the empty text at the end is, too
        char = ""
    if not char:
        raise ValueError("it is malformed")
    return char, at + 1
