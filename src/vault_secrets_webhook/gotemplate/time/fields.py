"""What is read of a time: the value, how far it has been read, and what it says so far.

Source: Go package time, function parse.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN = -1  # also what an offset of one second west of UTC is taken for, as Go does


class Mismatch(Exception):
    """What stands in the value is not what the element asks for."""


class OutOfRange(Exception):
    """A number that is too large; the text says of what."""


class Fields:
    """What has been read of a value, and where the rest of it begins. What has not been read is `UNKNOWN`."""

    __slots__ = (
        *("date_of_year", "day", "hour", "is_am", "is_pm", "is_utc", "minute", "month", "nanosecond", "offset"),
        *("position", "second", "value", "year", "zone_name"),
    )

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.position = 0
        self.year = self.hour = self.minute = self.second = self.nanosecond = 0
        self.month = self.day = self.date_of_year = self.offset = UNKNOWN
        self.is_am = self.is_pm = self.is_utc = False
        self.zone_name = b""

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.value):
            raise Mismatch
        taken = self.value[self.position : end]
        self.position = end
        return taken

    def take_if(self, text: bytes) -> bool:
        found = self.value.startswith(text, self.position)
        self.position += len(text) * found
        return found

    def take_number(self, least: int, most: int) -> int:
        """Take a number of so many digits."""
        digits = self.value[self.position : self.position + most]
        size = next((at for at, byte in enumerate(digits) if byte not in b"0123456789"), len(digits))
        if size < least:
            raise Mismatch
        self.position += size
        return int(digits[:size])

    def take_name(self, names: Sequence[bytes]) -> int:
        """Take one of some names, in any case; give its index."""
        for index, name in enumerate(names):
            end = self.position + len(name)
            if self.value[self.position : end].lower() == name.lower():
                self.position = end
                return index
        raise Mismatch

    def skip(self, text: bytes) -> None:
        """Take literal text of a layout; spaces stand for any number of spaces, also for none at the end."""
        at = 0
        while at < len(text):
            if text.startswith(b" ", at):
                if self.position < len(self.value) and not self.value.startswith(b" ", self.position):
                    raise Mismatch
                at = skip_spaces(text, at)
                self.position = skip_spaces(self.value, self.position)
            else:
                if not self.take_if(text[at : at + 1]):
                    raise Mismatch
                at += 1


def skip_spaces(text: bytes, at: int) -> int:
    while text.startswith(b" ", at):
        at += 1
    return at
