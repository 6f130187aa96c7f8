"""What a replacement says: text, and references to captures as `$1`, `${1}`, `$name` and `${name}`.

A name is as long as it can be, so that `$1x` is the capture called `1x`. What is no reference stays as it is; `$$` is `$`.

Source: package regexp, `Regexp.Expand` and `extract`.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import decode

from .charclass import find_unicode_class
from .charset import list_ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS_LIMIT = 9


def is_name_part(char: str) -> bool:
    """Tell whether a rune is a letter, a decimal digit or an underscore."""
    if char.isascii():
        return char.isalnum() or char == "_"
    code = ord(char)
    return any(low <= code <= high for name in ("L", "Nd") for low, high in list_ranges(find_unicode_class(name) or ()))


def read_reference(text: str) -> tuple[str, int] | None:
    """Read what follows a `$`: a name, and how long it is with its braces. None if there is none."""
    brace = text.startswith("{")
    end = brace + 0
    while end < len(text) and is_name_part(text[end]):
        end += 1
    name = text[brace:end]
    if not name or (brace and text[end : end + 1] != "}"):
        return None
    return name, end + brace


def find_numbers(name: str, names: Sequence[str]) -> list[int]:
    """Give the captures that a name may mean; the first one of them that matched is meant."""
    # Go takes what begins with a zero for a name, and a number that is too large.
    if name.isascii() and name.isdigit() and len(name) <= DIGITS_LIMIT and (name == "0" or name[0] != "0"):
        return [int(name)] if int(name) < len(names) else []
    return [number for number, known in enumerate(names) if known == name]


def parse_replacement(replacement: bytes, names: Sequence[str]) -> list[bytes | list[int]]:
    """Give the parts of a replacement: text, or the captures that a reference may mean."""
    parts: list[bytes | list[int]] = []
    pieces = decode(replacement).split("$")
    text = pieces[0]
    index = 1
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if not piece and index < len(pieces):  # $$
            text += "$" + pieces[index]
            index += 1
            continue
        reference = read_reference(piece)
        if reference is None:
            text += "$" + piece
            continue
        name, size = reference
        parts += text.encode("utf-8", "surrogateescape"), find_numbers(name, names)
        text = piece[size:]
    parts.append(text.encode("utf-8", "surrogateescape"))
    return [part for part in parts if part]
