"""Sprig's functions that change the case of words.

Those of package strings see runes. Those of goutils do too, but for `initials`, which takes each byte for a rune of
Latin-1. What is not UTF-8 becomes U+FFFD, in strings of more than ASCII.

Source: package strings, `ToUpper`, `ToLower`, `Title`; Masterminds/goutils 1.1.1, `Uncapitalize`, `SwapCase`, `Initials`.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import decode_runes

from .runes import (
    SPACE_SET,
    is_lower,
    is_titlecase,
    is_upper,
    is_word,
    join_pieces,
    map_runes,
    to_lower,
    to_title,
    to_upper,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry

LATIN_SPACES = b"\t\n\v\f\r \x85\xa0"
ONE_SPACE = bytes.maketrans(LATIN_SPACES, b" " * len(LATIN_SPACES))
STEP_SIZE = 4  # runes that are looked at one by one are a step


def upper(string: bytes) -> bytes:
    return string.upper() if string.isascii() else map_runes(decode_runes(string), to_upper).encode()


def lower(string: bytes) -> bytes:
    return string.lower() if string.isascii() else map_runes(decode_runes(string), to_lower).encode()


def title(budget: Budget, string: bytes) -> bytes:
    """Put the first rune of each word into title case. A word is of ASCII letters, digits, `_`, and all but spaces."""
    budget.spend_steps(len(string) // STEP_SIZE)
    return join_pieces(budget, title_runes(decode_runes(string)))


def title_runes(text: str) -> Iterator[str]:
    titles = {char: to_title(char) for char in set(text)}
    words = frozenset(filter(is_word, titles))
    starts = True
    for char in text:
        yield titles[char] if starts else char
        starts = char not in words


def untitle(budget: Budget, string: bytes) -> bytes:
    """Put the first rune of each word into lower case. Words stand between spaces."""
    budget.spend_steps(len(string) // STEP_SIZE)
    return join_pieces(budget, untitle_runes(decode_runes(string)))


def untitle_runes(text: str) -> Iterator[str]:
    starts = True
    for char in text:
        is_space = char in SPACE_SET
        yield to_lower(char) if starts and not is_space else char
        starts = is_space


def swapcase(budget: Budget, string: bytes) -> bytes:
    """Make lower case of upper case, and upper case of lower case: title case where a word starts."""
    budget.spend_steps(len(string) // STEP_SIZE)
    return join_pieces(budget, swap_runes(decode_runes(string)))


def swap_runes(text: str) -> Iterator[str]:
    runes = set(text)
    swapped = {char: to_lower(char) for char in runes if is_upper(char) or is_titlecase(char)}
    lowers = frozenset(filter(is_lower, runes))
    swapped.update((char, to_upper(char)) for char in lowers)
    starts = True
    for char in text:
        if char in swapped:
            yield to_title(char) if starts and char in lowers else swapped[char]
            starts = False
        else:
            yield char
            starts = char in SPACE_SET


def initials(budget: Budget, string: bytes) -> bytes:
    """Give the first byte of each word, each as the rune of Latin-1 that has its number. Raises LimitError."""
    spaced = string.translate(ONE_SPACE)
    budget.reserve_elements(spaced.count(b" "))
    return b"".join(word[:1] for word in spaced.split()).decode("latin-1").encode()


FUNCTIONS: dict[str, Entry] = {
    "initials": ("budget, string -> string", initials),
    "lower": ("string -> string", lower),
    "swapcase": ("budget, string -> string", swapcase),
    "title": ("budget, string -> string", title),
    "untitle": ("budget, string -> string", untitle),
    "upper": ("string -> string", upper),
}
