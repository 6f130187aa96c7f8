"""Writing a time by a layout.

Source: Go package time, method Time.Format.
"""

from __future__ import annotations

from .civil import find_weekday, split_days, truncate
from .layout import count_fraction_digits, split_layout
from .names import DAYS, MONTHS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.gotemplate.limits import Budget

    from .instant import Time

NOON = 12


class Fields:
    """What a time shows in its location."""

    __slots__ = (
        "day",
        "hour",
        "minute",
        "month",
        "nanosecond",
        "offset",
        "second",
        "weekday",
        "year",
        "year_day",
        "zone",
    )

    def __init__(self, time: Time) -> None:
        zone = time.find_zone()
        self.zone = zone.name
        self.offset = zone.offset
        days, seconds = time.split()
        self.year, self.month, self.day, self.year_day = split_days(days)
        self.weekday = DAYS[find_weekday(days)]
        minutes, self.second = divmod(seconds, 60)
        self.hour, self.minute = divmod(minutes, 60)
        self.nanosecond = time.nanoseconds


def format_time(time: Time, layout: bytes, budget: Budget | None = None) -> bytes:
    """Write a time by a layout, which may be any only if there is a budget. Raises LimitError if that is used up."""
    if budget is not None:
        budget.spend_steps(len(layout))
    fields = Fields(time)
    parts: list[bytes] = []
    for text, element in split_layout(layout):
        written = write_element(fields, element)
        if budget is not None:
            budget.reserve(len(text) + len(written))
        parts += text, written
    return b"".join(parts)


def write_element(fields: Fields, element: bytes) -> bytes:
    write = WRITERS.get(element)
    if write is not None:
        return write(fields)
    if element[:1] in (b"-", b"Z"):
        return write_offset(fields.offset, element)
    return write_fraction(fields.nanosecond, element) if element else b""


def write_number(number: int, width: int) -> bytes:
    """Write a number with zeros to the left; its sign is not counted."""
    return b"%s%0*d" % (b"-" * (number < 0), width, abs(number))


def write_offset(offset: int, element: bytes) -> bytes:
    """Write seconds east of UTC in the form of an element: `-07`, `-0700`, `-07:00:00`, or `Z` for none, ...

    Go decides the sign after it dropped the seconds.
    """
    if offset == 0 and element.startswith(b"Z"):
        return b"Z"
    minutes, _ = truncate(offset, 60)
    sign, seconds = (b"-", -offset) if minutes < 0 else (b"+", offset)
    hour, minute = divmod(abs(minutes), 60)
    parts = (hour, minute, truncate(seconds, 60)[1])
    separator = b":" if b":" in element else b""
    size = len(element.replace(b":", b"")) // 2
    return sign + separator.join(write_number(part, 2) for part in parts[:size])


def write_zone(fields: Fields) -> bytes:
    return fields.zone or write_offset(fields.offset, b"-0700")


def write_fraction(nanosecond: int, element: bytes) -> bytes:
    """Write a fraction of a second: `.000` with so many digits, `.999` without the zeros at its end."""
    digits = write_number(nanosecond, 9)[: count_fraction_digits(element)]
    if element[1:2] == b"9":
        digits = digits.rstrip(b"0")
        if not digits:
            return b""
    return element[:1] + digits


def write_half_day(fields: Fields) -> bytes:
    return b"PM" if fields.hour >= NOON else b"AM"


def find_hour(fields: Fields) -> int:
    """Give the hour on a clock with twelve of them."""
    return fields.hour % NOON or NOON


WRITERS: dict[bytes, Callable[[Fields], bytes]] = {
    b"2006": lambda fields: write_number(fields.year, 4),
    b"06": lambda fields: write_number(abs(fields.year) % 100, 2),
    b"January": lambda fields: MONTHS[fields.month - 1],
    b"Jan": lambda fields: MONTHS[fields.month - 1][:3],
    b"1": lambda fields: b"%d" % fields.month,
    b"01": lambda fields: b"%02d" % fields.month,
    b"Monday": lambda fields: fields.weekday,
    b"Mon": lambda fields: fields.weekday[:3],
    b"2": lambda fields: b"%d" % fields.day,
    b"_2": lambda fields: b"%2d" % fields.day,
    b"02": lambda fields: b"%02d" % fields.day,
    b"__2": lambda fields: b"%3d" % fields.year_day,
    b"002": lambda fields: b"%03d" % fields.year_day,
    b"15": lambda fields: b"%02d" % fields.hour,
    b"3": lambda fields: b"%d" % find_hour(fields),
    b"03": lambda fields: b"%02d" % find_hour(fields),
    b"4": lambda fields: b"%d" % fields.minute,
    b"04": lambda fields: b"%02d" % fields.minute,
    b"5": lambda fields: b"%d" % fields.second,
    b"05": lambda fields: b"%02d" % fields.second,
    b"PM": write_half_day,
    b"pm": lambda fields: write_half_day(fields).lower(),
    b"MST": write_zone,
}
