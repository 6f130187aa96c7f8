"""Sprig's functions between strings and lists of strings.

Source: Sprig's strings.go, functions.go and list.go; package strings, `Join`, `Split`, `SplitN`.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import (
    MAP_OF_STRING,
    SLICE_OF_STRING,
    Map,
    Slice,
    decode,
    encode,
)

from .text import make_text, make_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry


def join(budget: Budget, separator: bytes, values: object) -> bytes:
    """Join the texts of a list; what is no list is one text."""
    texts: list[bytes] = make_texts(budget, values)  # type: ignore[assignment] # that is what a []string holds
    budget.reserve(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)


def sort_alpha(budget: Budget, values: object) -> Slice:
    """Sort the texts of a list by their bytes: a []string in its place. What is no list is one text."""
    if not isinstance(values, list):
        return Slice(SLICE_OF_STRING, (make_text(budget, values),))
    texts = list_texts(budget, values)
    budget.spend_steps(len(texts))
    texts.sort()
    return texts


def list_texts(budget: Budget, values: object) -> Slice:
    """Give the texts of a list; what is no list is one text, and nil is none."""
    texts = make_texts(budget, values)
    budget.reserve_elements(len(texts))
    return texts


def split_string(budget: Budget, separator: bytes, string: bytes, limit: int = -1) -> list[bytes]:
    """Split, into `limit` parts at most if that is not negative. Nothing splits between the runes."""
    if limit == 0:
        return []
    text = "" if separator else decode(string)
    count = string.count(separator) + 1 if separator else len(text)
    budget.spend_memory(len(string))
    budget.reserve_elements(count if limit < 0 else min(count, limit))
    if separator:
        return string.split(separator, limit - 1 if limit > 0 else -1)
    if limit < 0 or limit >= len(text):
        return [encode(char) for char in text]
    return [*(encode(char) for char in text[: limit - 1]), encode(text[limit - 1 :])]


def number_parts(parts: list[bytes]) -> Map:
    return Map(MAP_OF_STRING, ((b"_%d" % index, part) for index, part in enumerate(parts)))


def split(budget: Budget, separator: bytes, string: bytes) -> Map:
    """Split a string into a map with the keys `_0`, `_1`..."""
    return number_parts(split_string(budget, separator, string))


def splitn(budget: Budget, separator: bytes, limit: int, string: bytes) -> Map:
    """Split as `split` does, into `limit` parts at most if that is not negative."""
    return number_parts(split_string(budget, separator, string, limit))


def split_list(budget: Budget, separator: bytes, string: bytes) -> Slice:
    return Slice(SLICE_OF_STRING, split_string(budget, separator, string))


FUNCTIONS: dict[str, Entry] = {
    "join": ("budget, string, interface {} -> string", join),
    "sortAlpha": ("budget, interface {} -> []string", sort_alpha),
    "split": ("budget, string, string -> map[string]string", split),
    "splitList": ("budget, string, string -> []string", split_list),
    "splitn": ("budget, string, int, string -> map[string]string", splitn),
    "toStrings": ("budget, interface {} -> []string", list_texts),
}
