"""Reading a time by a layout.

Source: Go package time, function ParseInLocation.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

from .civil import count_before_month, count_month
from .duration import SECOND
from .elements import read_element, read_integer
from .fields import UNKNOWN, Fields, Mismatch, OutOfRange
from .instant import Time, from_civil
from .layout import split_layout
from .location import HOUR, Location, make_fixed
from .quote import quote

NOON = 12


class ParseError(FunctionError):
    """A value that is not written as its layout says."""


def parse_time(layout: bytes, value: bytes, location: Location) -> Time:
    """Read a time. A value that says nothing of zones is of `location`. Raises ParseError with Go's words."""
    fields = Fields(value)
    end = 0
    for text, element in split_layout(layout):
        end += len(text) + len(element)
        try:
            fields.skip(text)
        except Mismatch:
            raise ParseError(describe_mismatch(layout, value, fields.position, text)) from None
        if element:
            read_checked(fields, element, layout, end)
    if fields.position < len(value):
        raise refuse(value, f"extra text: {quote(value[fields.position :])}")
    return make_time(fields, *find_day(fields), location)


def read_checked(fields: Fields, element: bytes, layout: bytes, end: int) -> None:
    start = fields.position
    try:
        read_element(fields, element, layout, end)
    except Mismatch:
        raise ParseError(describe_mismatch(layout, fields.value, start, element)) from None
    except OutOfRange as error:
        raise refuse(fields.value, f"{error} out of range") from None


def describe_mismatch(layout: bytes, value: bytes, position: int, wanted: bytes) -> str:
    rest = quote(value[position:])
    return f"parsing time {quote(value)} as {quote(layout)}: cannot parse {rest} as {quote(wanted)}"


def refuse(value: bytes, problem: str) -> ParseError:
    return ParseError(f"parsing time {quote(value)}: {problem}")


def find_day(fields: Fields) -> tuple[int, int]:
    """Give month and day. Raises ParseError if there is no such day, or the day of the year is another one."""
    month, day = fields.month, fields.day
    if fields.date_of_year != UNKNOWN:
        month, day = split_day_of_year(fields)
        for name, read, computed in (("month", fields.month, month), ("day", fields.day, day)):
            if read not in (UNKNOWN, computed):
                raise refuse(fields.value, f"day-of-year does not match {name}")
    month, day = (1 if part == UNKNOWN else part for part in (month, day))
    if not 1 <= day <= count_month(fields.year, month):
        raise refuse(fields.value, "day out of range")
    return month, day


def split_day_of_year(fields: Fields) -> tuple[int, int]:
    number = fields.date_of_year
    if not 1 <= number <= count_before_month(fields.year, 13):
        raise refuse(fields.value, "day-of-year out of range")
    month = max(month for month in range(1, 13) if count_before_month(fields.year, month) < number)
    return month, number - count_before_month(fields.year, month)


def make_time(fields: Fields, month: int, day: int, location: Location) -> Time:
    hour = fields.hour
    if fields.is_pm and hour < NOON:
        hour += NOON
    elif fields.is_am and hour == NOON:
        hour = 0
    date, clock = (fields.year, month, day), (hour, fields.minute, fields.second)
    if fields.is_utc:
        return from_civil(date, clock, fields.nanosecond)
    if fields.offset != UNKNOWN:
        return place_offset(from_civil(date, clock, fields.nanosecond), fields, location)
    if fields.zone_name:
        return place_zone(from_civil(date, clock, fields.nanosecond), fields.zone_name, location)
    return from_civil(date, clock, fields.nanosecond, location)


def place_offset(time: Time, fields: Fields, location: Location) -> Time:
    """Give the time at the offset that was read: in the location if it has that offset then, else in one of its own."""
    time = time.add(-fields.offset * SECOND)
    zone = location.find_period(time.count_unix()).zone
    if zone.offset == fields.offset and fields.zone_name in (b"", zone.name):
        return time.locate(location)
    return time.locate(make_fixed(fields.zone_name, fields.offset))


def place_zone(time: Time, name: bytes, location: Location) -> Time:
    """Give the time in the zone that was read: the location's of that name, else one of its own whose offset is unknown.

    Of `GMT+3` the offset is known; but Go moves what clocks show then, not the instant.
    """
    offset = location.table.find_offset(name, time.count_unix())
    if offset is not None:
        return time.add(-offset * SECOND).locate(location)
    hours = read_integer(name.removeprefix(b"GMT")) if name.startswith(b"GMT") else 0
    return time.locate(make_fixed(name, hours * HOUR))
