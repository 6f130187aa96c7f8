"""Sprig's functions of strings: parts, ends, repetition, and values as strings. Positions count bytes.

Source: Sprig's strings.go and functions.go; package strings, `TrimSpace`, `Trim`, `Repeat`, `Replace`;
Masterminds/goutils 1.1.1, `DeleteWhiteSpace`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT
from vault_secrets_webhook.gotemplate.values import SPACES, decode, encode

from .runes import REPLACEMENT
from .text import make_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry

LATIN_SPACES = b"\t\n\v\f\r \x85\xa0"
LARGEST_INT = (1 << 63) - 1
BYTES_AS_CHARS = "".join(map(chr, range(0xDC80, 0xDD00)))  # what `decode` makes of what is not UTF-8


def hello() -> bytes:
    return b"Hello!"


def contains(part: bytes, string: bytes) -> bool:
    return part in string


def has_prefix(part: bytes, string: bytes) -> bool:
    return string.startswith(part)


def has_suffix(part: bytes, string: bytes) -> bool:
    return string.endswith(part)


def trim(string: bytes) -> bytes:
    """Cut spaces off both ends: Unicode's."""
    trimmed = string.strip()
    if not trimmed or (trimmed[:1].isascii() and trimmed[-1:].isascii()):
        return trimmed
    return encode(decode(trimmed).strip(SPACES))


def trim_all(runes: bytes, string: bytes) -> bytes:
    """Cut runes off both ends. A byte that is not UTF-8 is U+FFFD, among the runes and in the string."""
    if runes.isascii():
        return string.strip(bytes(set(runes)))  # each once, for `strip` goes through all of them at each byte
    cut = set(decode(runes))
    if REPLACEMENT in cut or not cut.isdisjoint(BYTES_AS_CHARS):
        cut.update(REPLACEMENT, BYTES_AS_CHARS)
    text = decode(string)
    end = len(text)
    while end and text[end - 1] in cut:
        end -= 1
    start = 0
    while start < end and text[start] in cut:
        start += 1
    return encode(text[start:end])


def trim_prefix(part: bytes, string: bytes) -> bytes:
    return string.removeprefix(part)


def trim_suffix(part: bytes, string: bytes) -> bytes:
    return string.removesuffix(part)


def nospace(string: bytes) -> bytes:
    """Delete spaces. If there are any, each byte that is left becomes the rune of Latin-1 that has its number."""
    left = string.translate(None, LATIN_SPACES)
    return string if len(left) == len(string) else left.decode("latin-1").encode()


def trunc(size: int, string: bytes) -> bytes:
    """Keep the first bytes, or the last ones if the size is negative."""
    return string[size:] if -len(string) < size < 0 else string[:size] if size >= 0 else string


def substr(start: int, end: int, string: bytes) -> bytes:
    """Give a part; a negative start is the string's, and a negative or too large end is the string's too.

    Raises FunctionError where Go's slices are out of range.
    """
    if start < 0:
        if end < 0:
            raise FunctionError(f"runtime error: slice bounds out of range [:{end}]")
        if end > len(string):
            raise FunctionError(f"runtime error: slice bounds out of range [:{end}] with length {len(string)}")
        return string[:end]
    if end < 0 or end > len(string):
        end = len(string)
    if start > end:
        raise FunctionError(f"runtime error: slice bounds out of range [{start}:{end}]")
    return string[start:end]


def repeat(budget: Budget, count: int, string: bytes) -> bytes:
    """Repeat a string. Raises FunctionError for a negative count, and for a size that is no int."""
    if count < 0:
        raise FunctionError("strings: negative Repeat count", is_constant=True)
    if count * len(string) > LARGEST_INT:
        raise FunctionError("strings: Repeat output length overflow", is_constant=True)
    budget.reserve(count * len(string))
    return string * count if string else b""


def replace(budget: Budget, old: bytes, new: bytes, string: bytes) -> bytes:
    """Replace all. The empty string is before each rune, and behind the last."""
    if old == new:
        return string
    text = "" if old else decode(string)
    count = string.count(old) if old else len(text) + 1
    budget.reserve(len(string) + count * (len(new) - len(old)))
    if old:
        return string.replace(old, new)
    inserted = decode(new)
    return encode(inserted + text.translate({ord(char): char + inserted for char in set(text)}))


def plural(one: bytes, many: bytes, count: int) -> bytes:
    return one if count == 1 else many


def quote(budget: Budget, *values: object) -> bytes:
    """Quote the text of each value but nil as Go source."""
    from vault_secrets_webhook.gotemplate.quote import quote as quote_string

    return join_values(budget, (quote_string(make_text(budget, value)) for value in values if value is not None))


def squote(budget: Budget, *values: object) -> bytes:
    """Put what `%v` prints of each value but nil into single quotes."""
    return join_values(budget, (b"'%b'" % write(budget, value) for value in values if value is not None))


def cat(budget: Budget, *values: object) -> bytes:
    """Join what `%v` prints of each value but nil by spaces."""
    return join_values(budget, (write(budget, value) for value in values if value is not None))


def write(budget: Budget, value: object) -> bytes:
    from vault_secrets_webhook.gotemplate.fmt import write_value

    return write_value(value, budget)


def join_values(budget: Budget, written: Iterable[bytes]) -> bytes:
    texts = []
    size = -1
    for text in written:
        texts.append(text)
        size += 1 + len(text)
        if size > OUTPUT_LIMIT:  # those that follow need not be written
            break
    budget.reserve(max(size, 0))
    return b" ".join(texts)


FUNCTIONS: dict[str, Entry] = {
    "cat": ("budget, ...interface {} -> string", cat),
    "contains": ("string, string -> bool", contains),
    "hasPrefix": ("string, string -> bool", has_prefix),
    "hasSuffix": ("string, string -> bool", has_suffix),
    "hello": ("-> string", hello),
    "nospace": ("string -> string", nospace),
    "plural": ("string, string, int -> string", plural),
    "quote": ("budget, ...interface {} -> string", quote),
    "repeat": ("budget, int, string -> string", repeat),
    "replace": ("budget, string, string, string -> string", replace),
    "squote": ("budget, ...interface {} -> string", squote),
    "substr": ("int, int, string -> string", substr),
    "toString": ("budget, interface {} -> string", make_text),
    "trim": ("string -> string", trim),
    "trimAll": ("string, string -> string", trim_all),
    "trimPrefix": ("string, string -> string", trim_prefix),
    "trimSuffix": ("string, string -> string", trim_suffix),
    "trimall": ("string, string -> string", trim_all),
    "trunc": ("int, string -> string", trunc),
}
