"""Writes HCL documents: the configuration of Vault's and OpenBao's agents.

These read HCL version 1 (https://github.com/hashicorp/hcl/tree/hcl1). There a `${` opens an interpolation inside of a
string, up to the brace that closes it, and escapes in it stay as they are; HCL version 2 knows `%{` as well, and
neither knows the other's way to escape them. So every character that is not plain printable ASCII, and every `$` and
`%`, is written as its code point, which both read back as that character: whatever is in a text, it stays one text. NUL
is what neither can hold.

    document   body
    body       { name "=" value newline | block }
    block      name { string } "{" newline body "}" newline
    value      string | whole number | "true" | "false" | "{" newline body "}"
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Body: TypeAlias = Mapping[str, "str | int | Body | Block | list[Block]"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INDENT = "  "
SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - {"$", "%"}
LARGEST_SHORT_ESCAPE = 0xFFFF
SURROGATES = range(0xD800, 0xE000)


class Block(NamedTuple):
    """A block: what stands between its name and its brace, and its body."""

    labels: tuple[str, ...]
    body: Body


def encode(body: Body) -> str:
    """Write a document. Raises ValueError for a text that HCL cannot hold, and for a name that is none."""
    return "".join(f"{line}\n" for line in write_body(body))


def write_body(body: Body) -> Iterator[str]:
    """Give the lines of a body."""
    for name, member in body.items():
        if not NAME.fullmatch(name):
            raise ValueError("a name in HCL is made of letters, digits and _")
        for one in member if isinstance(member, list) else [member]:
            if isinstance(one, Block):
                yield " ".join((name, *map(quote, one.labels), "{"))
                yield from indent(write_body(one.body))
                yield "}"
            elif isinstance(one, (str, int)):
                yield f"{name} = {write_scalar(one)}"
            else:
                yield f"{name} = {{"
                yield from indent(write_body(one))
                yield "}"


def indent(lines: Iterator[str]) -> Iterator[str]:
    return (INDENT + line for line in lines)


def write_scalar(value: str | int) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def quote(text: str) -> str:
    """Write a string. Raises ValueError for one that is not Unicode text, or has a NUL in it."""
    return f'"{"".join(char if char in PLAIN and char not in SHORT else escape(char) for char in text)}"'


def escape(char: str) -> str:
    code = ord(char)
    if not code or code in SURROGATES:
        raise ValueError("a text in HCL must be Unicode without NUL")
    return SHORT.get(char) or (f"\\u{code:04x}" if code <= LARGEST_SHORT_ESCAPE else f"\\U{code:08x}")
