"""Sprig's functions that lay text out: shortened, in lines of a width, or moved to the right. Widths count bytes.

Source: Sprig's strings.go; Masterminds/goutils 1.1.1, `AbbreviateFull`, `WrapCustom`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT
from vault_secrets_webhook.gotemplate.values import wrap_int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry

ELLIPSIS = b"..."
SHORTEST = 4  # an ellipsis and one byte
SHORTEST_BOTH = 7  # two of them and one byte


def abbrev(width: int, string: bytes) -> bytes:
    """Cut a string to a width, an ellipsis included. Widths below 4 change nothing."""
    return string if width < SHORTEST else shorten(string, 0, width)


def abbrevboth(left: int, right: int, string: bytes) -> bytes:
    """Cut a string to the width `right` so that what is at the offset `left` is still there."""
    if right < SHORTEST or (left > 0 and right < SHORTEST_BOTH):
        return string
    return shorten(string, left, right)


def shorten(string: bytes, offset: int, width: int) -> bytes:
    if len(string) <= width:
        return string
    kept = width - len(ELLIPSIS)
    offset = min(offset, len(string))
    if wrap_int64(len(string) - offset) < kept:  # an offset near the lowest int wraps around, as it does in Go
        offset = len(string) - kept
    if offset <= SHORTEST:
        return string[:kept] + ELLIPSIS
    if width < SHORTEST_BOTH:
        return b""
    if offset + kept < len(string):
        return ELLIPSIS + shorten(string[offset:], 0, kept)
    return ELLIPSIS + string[len(string) - kept :]


def wrap(budget: Budget, width: int, string: bytes) -> bytes:
    """Put line ends where words end, so that lines have a width at most. Longer words stay whole."""
    return wrap_lines(budget, width, b"\n", string, cuts_words=False)


def wrap_with(budget: Budget, width: int, separator: bytes, string: bytes) -> bytes:
    """Wrap as `wrap` does, with another line end, and cut longer words."""
    return wrap_lines(budget, width, separator or b"\n", string, cuts_words=True)


def wrap_lines(budget: Budget, width: int, separator: bytes, string: bytes, *, cuts_words: bool) -> bytes:
    width = max(width, 1)
    out = bytearray()
    start = 0
    while len(string) - start > width:
        budget.spend_steps(1)
        if string[start] == ord(" "):
            start += 1
            continue
        end = string.rfind(b" ", start, start + width + 1)
        following = end + 1
        if end < 0 and cuts_words:
            end = following = start + width
        elif end < 0:
            end = string.find(b" ", start + width)
            following = end + 1
            if end < 0:
                break
        out += string[start:end] + separator
        start = following
        check_size(budget, len(out))
    out += string[start:]
    budget.reserve(len(out))
    return bytes(out)


def check_size(budget: Budget, size: int) -> None:
    if size > OUTPUT_LIMIT:
        budget.reserve(size)


def indent(budget: Budget, width: int, string: bytes) -> bytes:
    """Put spaces before each line. Raises FunctionError for a negative width."""
    if width < 0:
        raise FunctionError("strings: negative Repeat count", is_constant=True)
    budget.reserve(len(string) + width * (string.count(b"\n") + 1))
    padding = b" " * width
    return padding + string.replace(b"\n", b"\n" + padding)


def nindent(budget: Budget, width: int, string: bytes) -> bytes:
    """Indent, with a line end before."""
    return b"\n" + indent(budget, width, string)


FUNCTIONS: dict[str, Entry] = {
    "abbrev": ("int, string -> string", abbrev),
    "abbrevboth": ("int, int, string -> string", abbrevboth),
    "indent": ("budget, int, string -> string", indent),
    "nindent": ("budget, int, string -> string", nindent),
    "wrap": ("budget, int, string -> string", wrap),
    "wrapWith": ("budget, int, string, string -> string", wrap_with),
}
