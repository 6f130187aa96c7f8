"""Sets of runes, as sorted ranges, and what a pattern makes of them: unions, complements, and both cases of a letter.

A set is a tuple of ints: the first and the last rune of each range, in turn. The ranges are sorted and do not touch, so
that equal sets are equal tuples.

Sources: package regexp/syntax, parse.go; package unicode, `SimpleFold`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    Charset: TypeAlias = tuple[int, ...]
    Ranges: TypeAlias = Iterable[tuple[int, int]]

MAX_RUNE = 0x10FFFF
LAST_ASCII = 0x7F
ANY: Charset = (0, MAX_RUNE)
NOT_NEWLINE: Charset = (0, 9, 11, MAX_RUNE)
# What ASCII letters are equal to beyond ASCII, but for case: the long s, and the sign of the kelvin.
ASCII_ORBITS = {ord("s"): 0x17F, ord("k"): 0x212A}


def list_ranges(charset: Charset) -> Iterator[tuple[int, int]]:
    pairs = iter(charset)
    return zip(pairs, pairs, strict=True)


def unite(ranges: Ranges) -> Charset:
    """Make a set of ranges in any order, which may overlap."""
    merged: list[int] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1] + 1:
            merged[-1] = max(merged[-1], high)
        else:
            merged += low, high
    return tuple(merged)


def negate(charset: Charset) -> Charset:
    """Give the set of all other runes."""
    # The bounds of the gaps are the bounds of the ranges, each moved by one.
    bounds = [bound + (1 if index % 2 else -1) for index, bound in enumerate(charset)]
    bounds = [0, *bounds, MAX_RUNE]
    return tuple(
        bound for low, high in zip(bounds[::2], bounds[1::2], strict=True) if low <= high for bound in (low, high)
    )


def fold(charset: Charset) -> Charset:
    """Give the set with each letter in all its cases."""
    added = list(list_ranges(charset))
    for low, high in list_ranges(charset):
        added += ((char, char) for char in find_folded(low, high))
    return unite(added)


def find_folded(low: int, high: int) -> Iterator[int]:
    """Give the other cases of the letters in a range; those of a letter that are in it themselves may be among them."""
    if high > LAST_ASCII:
        yield from find_orbits(low, high)
        return
    for code in range(low, high + 1):
        char = chr(code)
        if char.isalpha():
            yield ord(char.swapcase())
            if (lower := code | 0x20) in ASCII_ORBITS:
                yield ASCII_ORBITS[lower]


def find_orbits(low: int, high: int) -> Iterator[int]:
    from _bisect import bisect_left, bisect_right

    orbits = load_orbits()
    for char in LETTERS[bisect_left(LETTERS, low) : bisect_right(LETTERS, high)]:
        yield from orbits[char]


def find_orbit(rune: int) -> Charset:
    """Give the set of a letter's cases; of any other rune it has that one."""
    return fold((rune, rune))


ORBITS: dict[int, tuple[int, ...]] = {}
LETTERS: list[int] = []


def load_orbits() -> dict[int, tuple[int, ...]]:
    """Give the orbits that have runes beyond ASCII or in it, by each of their runes."""
    if not ORBITS:
        from .folds import LARGER, PAIRS

        orbits = [tuple(int(part, 36) for part in word.split(".")) for word in LARGER.split()]
        for low, more, stride, delta in read_pairs(PAIRS):
            orbits += ((char, char + delta) for char in range(low, low + more * stride + 1, stride))
        found = {char: orbit for orbit in orbits for char in orbit}
        LETTERS[:] = sorted(found)
        ORBITS.update(found)  # last, for other threads look whether it is empty
    return ORBITS


def read_pairs(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Give the runs of pairs of a generated table (see `folds`): first letter, further ones, stride, distance."""
    last = 0
    for word in text.split():
        gap, delta, more, stride = read_word(word, 4)
        yield last + gap, more, stride, delta
        last += gap + more * stride


def read_table(text: str) -> Iterator[tuple[int, int]]:
    """Give the ranges of a generated table (see `categories`)."""
    last = 0
    for word in text.split():
        gap, more, stride = read_word(word, 3)
        low, last = last + gap, last + gap + more * stride
        if stride == 1:
            yield low, last
        else:
            yield from ((char, char) for char in range(low, last + 1, stride))


def read_word(word: str, size: int) -> list[int]:
    """Give the numbers of a word, of which the last two may be left out: 0, and 1."""
    parts = [int(part, 36) for part in word.split(".")]
    return parts + [0, 1][len(parts) - size :] if len(parts) < size else parts
