"""The difference between two texts, for people: unified, and coloured where that can be seen."""

from __future__ import annotations

import os
from difflib import unified_diff
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

BOLD, RED, GREEN, CYAN, PLAIN = "\033[1m", "\033[31m", "\033[32m", "\033[36m", "\033[0m"
# By how a line starts; the first that fits.
COLOURS = (("--- ", BOLD), ("+++ ", BOLD), ("@@", CYAN), ("-", RED), ("+", GREEN))
CONTEXT = 3


def write_difference(before: str, after: str, name: str, context: int = CONTEXT) -> str:
    """Write a unified diff; empty when the texts are equal."""
    lines = unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (mutated)", lineterm="", n=context)
    return "".join(f"{line}\n" for line in lines)


def colour_difference(text: str) -> str:
    """Colour the lines of a unified diff for a terminal."""
    return "".join(f"{colour_line(line)}\n" for line in text.splitlines())


def colour_line(line: str) -> str:
    for start, colour in COLOURS:
        if line.startswith(start):
            return f"{colour}{line}{PLAIN}"
    return line


def shows_colours(stream: TextIO) -> bool:
    """Tell whether colours help whoever reads the stream (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
