"""Text that somebody else chose, as it may stand in a message: it cannot break a line, a terminal or an encoding."""

from __future__ import annotations

LONGEST_SHOWN = 253


def show(text: str) -> str:
    """Write a text that somebody else chose so that it cannot break a message: quoted, escaped, cut when long."""
    return ascii(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")


def escape(text: str) -> str:
    """Write a text with escapes for what cannot be printed: control characters, and bytes that are not UTF-8."""
    return text if text.isprintable() else "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
