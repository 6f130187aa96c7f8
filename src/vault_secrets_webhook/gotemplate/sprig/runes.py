"""Runes as Go's package unicode sees them: what class they are of, and their upper, lower and title case.

Go maps one rune to one rune; Python maps one to as many as the language wants (`"ß".upper()` is `SS`), and a sigma by
what is before it. Go 1.26 has Unicode 15.0, Python 3.11 has 14 and later ones have more. So classes come from the tables
of the regular expressions, which are Go's, and cases from Python for one rune at a time, unless that gave two runes or
one that Unicode 15 does not have.

Source: package unicode of Go 1.26: `IsUpper`, `IsLower`, `IsTitle`, `IsLetter`, `IsDigit`, `IsNumber`, `IsPunct`,
`IsSpace`, `ToUpper`, `ToLower`, `ToTitle`.
"""

from __future__ import annotations

from itertools import islice

from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT
from vault_secrets_webhook.gotemplate.values import SPACES, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vault_secrets_webhook.gotemplate.limits import Budget

SPACE_SET = frozenset(SPACES)
REPLACEMENT = "\ufffd"

ASCII_PUNCTUATION = frozenset("!\"#%&'()*,-./:;?@[\\]_{}")

PIECES_AT_ONCE = 1 << 14  # so that not each rune of a long text is an object at the same time


def is_in(char: str, category: str) -> bool:
    """Tell whether a rune is of a general category, or of a major one such as `L`."""
    from _bisect import bisect_left  # what `bisect` has, without a module more

    from vault_secrets_webhook.gotemplate.regexp.charclass import find_unicode_class

    bounds = find_unicode_class(category) or ()
    index = bisect_left(bounds, ord(char))
    return index % 2 == 1 or bounds[index : index + 1] == (ord(char),)  # behind the first of a range, or the first


def is_upper(char: str) -> bool:
    return "A" <= char <= "Z" if char.isascii() else is_in(char, "Lu")


def is_lower(char: str) -> bool:
    return "a" <= char <= "z" if char.isascii() else is_in(char, "Ll")


def is_titlecase(char: str) -> bool:
    return not char.isascii() and is_in(char, "Lt")


def is_letter(char: str) -> bool:
    return char.isalpha() if char.isascii() else is_in(char, "L")


def is_number(char: str) -> bool:
    return char.isdigit() if char.isascii() else is_in(char, "N")


def is_punctuation(char: str) -> bool:
    return char in ASCII_PUNCTUATION if char.isascii() else is_in(char, "P")


def is_word(char: str) -> bool:
    """Tell whether a rune is within a word for `strings.Title`: all but spaces is, outside of ASCII."""
    return char.isalnum() or char == "_" if char.isascii() else char not in SPACE_SET


def keep_known(char: str, mapped: str) -> str:
    """Give what a rune maps to, if Unicode 15 knows the two of them."""
    return char if mapped == char or is_in(char, "Cn") or is_in(mapped, "Cn") else mapped


def to_upper(char: str) -> str:
    if char.isascii():
        return char.upper()
    mapped = char.upper()
    if len(mapped) > 1:  # U+1FB3 becomes two letters in Python, and its title case U+1FBC in Go; ß stays
        return to_title(char)
    return keep_known(char, mapped)


def to_title(char: str) -> str:
    if char.isascii():
        return char.upper()
    mapped = char.title()
    return keep_known(char, mapped) if len(mapped) == 1 else char


def to_lower(char: str) -> str:
    if char.isascii():
        return char.lower()
    return keep_known(char, char.lower()[0])  # only İ becomes two: i, and a dot above, which Go leaves out


def map_runes(text: str, mapping: Callable[[str], str]) -> str:
    """Map each rune of a text, whatever its neighbours are."""
    return text.translate({ord(char): mapping(char) for char in set(text)})


def join_pieces(budget: Budget, pieces: Iterator[str]) -> bytes:
    """Join what was made of a text piece by piece. Raises LimitError if it is too long."""
    out = bytearray()
    while (some := list(islice(pieces, PIECES_AT_ONCE))) and len(out) <= OUTPUT_LIMIT:
        out += encode("".join(some))
    budget.reserve(len(out))
    return bytes(out)
