"""Layouts: how a date looks, written as the reference time would look: Monday, January 2, 2006, 15:04:05, zone MST.

Source: Go package time, the constants of format.go and function nextStdChunk.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The elements by their first character; an earlier one goes before a later one that it begins with.
ELEMENTS: dict[int, tuple[bytes, ...]] = {
    ord("J"): (b"January", b"Jan"),
    ord("M"): (b"Monday", b"Mon", b"MST"),
    ord("0"): (b"01", b"02", b"03", b"04", b"05", b"06", b"002"),
    ord("1"): (b"15", b"1"),
    ord("2"): (b"2006", b"2"),
    ord("_"): (b"_2", b"__2"),
    ord("3"): (b"3",),
    ord("4"): (b"4",),
    ord("5"): (b"5",),
    ord("P"): (b"PM",),
    ord("p"): (b"pm",),
    ord("-"): (b"-070000", b"-07:00:00", b"-0700", b"-07:00", b"-07"),
    ord("Z"): (b"Z070000", b"Z07:00:00", b"Z0700", b"Z07:00", b"Z07"),
}
PREFIXES = frozenset((b"Jan", b"Mon"))  # no elements where they begin a word: Jane, Month
LOWER_CASE = frozenset(map(bytes, zip(b"abcdefghijklmnopqrstuvwxyz")))
SEPARATORS = b".,"
MOST_FRACTION_DIGITS = 0xFFF


def split_layout(layout: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the text before each element, and the element; at the end the text that remains, and no element."""
    start = 0
    while True:
        begin, end = find_element(layout, start)
        yield layout[start:begin], layout[begin:end]
        if begin == end:
            return
        start = end


def find_element(layout: bytes, start: int) -> tuple[int, int]:
    """Give where the next element begins and ends; twice the length of the layout if there is none."""
    for index in range(start, len(layout)):
        byte = layout[index]
        if byte in SEPARATORS:
            end = find_fraction_end(layout, index)
            if end:
                return index, end
        elif byte in ELEMENTS:
            element = match_element(layout, index)
            if element:
                return index, index + len(element)
    return len(layout), len(layout)


def match_element(layout: bytes, index: int) -> bytes:
    """Give the element that begins here; nothing if none does."""
    for element in ELEMENTS[layout[index]]:
        if layout.startswith(element, index):
            end = index + len(element)
            if element in PREFIXES and layout[end : end + 1] in LOWER_CASE:
                continue
            if element == b"_2" and layout.startswith(b"2006", index + 1):
                return b""  # text, and then a year
            return element
    return b""


def find_fraction_end(layout: bytes, index: int) -> int:
    """Give where `.000` or `,999` ends that begins here; 0 if no fraction of a second does."""
    digit = layout[index + 1 : index + 2]
    if digit not in (b"0", b"9"):
        return 0
    end = index + 1
    while layout.startswith(digit, end):
        end += 1
    return 0 if layout[end : end + 1].isdigit() else end


def count_fraction_digits(element: bytes) -> int:
    """Give the number of digits of a fraction of a second, as Go packs it into twelve bits."""
    return (len(element) - 1) & MOST_FRACTION_DIGITS
