"""Recognising abbreviations of time zones in text: there are no rules for them, only habits.

Source: Go package time, function parseTimeZone.
"""

from __future__ import annotations

DIGITS = b"0123456789"
MIXED_CASE = (b"ChST", b"MeST")
LONGEST = 5
MOST_HOURS = 23


def measure_zone_name(text: bytes, start: int) -> int:
    """Give the length of the abbreviation that begins here, or 0 if none does."""
    head = text[start : start + LONGEST + 1]
    if head.startswith(MIXED_CASE):
        return 4
    if head.startswith(b"GMT"):
        return 3 + measure_hours(text, start + 3)
    if len(head) >= 3 and head[:1] in (b"+", b"-"):  # noqa: PLR2004 # the shortest name
        return measure_hours(text, start)
    size = next((at for at, byte in enumerate(head) if not 0x41 <= byte <= 0x5A), len(head))  # noqa: PLR2004 # A to Z
    if size == 3 or (size in (4, 5) and (head[size - 1 : size] == b"T" or head[:size] == b"WITA")):  # noqa: PLR2004
        return size
    return 0


def measure_hours(text: bytes, start: int) -> int:
    """Give the length of a sign and up to 23 hours, as in `+03`; 0 if something else stands here."""
    if text[start : start + 1] not in (b"+", b"-"):
        return 0
    end = start + 1
    while end < len(text) and text[end] in DIGITS:
        end += 1
    digits = text[start + 1 : end]
    significant = digits.lstrip(b"0")
    return end - start if digits and len(significant) <= 2 and int(significant or b"0") <= MOST_HOURS else 0  # noqa: PLR2004
