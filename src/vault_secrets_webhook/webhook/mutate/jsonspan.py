"""Where the members of a JSON object are in its text, and how to change some of them and no other byte.

What the values are is not looked at; the grammar is that of RFC 8259, section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vault_secrets_webhook.wire.jsontext import WHITESPACE, read_value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

Edit: TypeAlias = tuple[int, int, str]  # start, end, and what comes in the place of what is between


class Member(NamedTuple):
    """A member: its name, where it begins, where its value begins, and where that ends."""

    name: str
    start: int
    value_start: int
    end: int


def list_members(text: str, start: int) -> Iterator[Member]:
    """Give the members of the object that starts there. Raises ValueError when there is no object.

    object = "{" [ member { "," member } ] "}" ; member = string ":" value
    """
    expect(text, start, "{")
    at = skip_space(text, start + 1)
    if text[at : at + 1] == "}":
        return
    while True:
        name, end = read_value(text, at)
        if type(name) is not str:
            raise ValueError("the name of a member is not a string")
        value_start = skip_space(text, expect(text, skip_space(text, end), ":"))
        _, end = read_value(text, value_start)
        yield Member(name, at, value_start, end)
        at = skip_space(text, end)
        if text[at : at + 1] == "}":
            return
        at = skip_space(text, expect(text, at, ","))


def expect(text: str, at: int, char: str) -> int:
    """Give the offset behind a character. Raises ValueError when another one is there."""
    if text[at : at + 1] != char:
        raise ValueError(f"{char} is missing")
    return at + 1


def skip_space(text: str, at: int) -> int:
    """Find what comes behind white space."""
    while at < len(text) and text[at] in WHITESPACE:
        at += 1
    return at


def without_members(members: Sequence[Member], gone: Collection[Member]) -> list[Edit]:
    """Give the edits that take some of an object's members out of it, each with one comma."""
    if len(gone) == len(members):
        return [(members[0].start, members[-1].end, "")] if members else []
    starts = {member.start for member in gone}
    edits: list[Edit] = []
    has_kept = False
    for index, member in enumerate(members):
        if member.start not in starts:
            has_kept = True
        elif has_kept:
            edits.append((members[index - 1].end, member.end, ""))
        else:
            edits.append((member.start, members[index + 1].start, ""))
    return edits


def splice(text: str, edits: Sequence[Edit]) -> str:
    """Carry out edits that do not overlap."""
    pieces, at = [], 0
    for start, end, new in sorted(edits):
        pieces += [text[at:start], new]
        at = end
    return "".join(pieces) + text[at:]
