"""Reading what each element of a layout asks for.

Source: Go package time, function parse.
"""

from __future__ import annotations

from .fields import Fields, Mismatch, OutOfRange
from .layout import count_fraction_digits, find_element
from .names import DAYS, MONTHS
from .zonename import measure_zone_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FIRST_YEAR_OF_1900S = 69  # of two digits
NANOSECOND_DIGITS = 9
SEPARATORS = (b".", b",")
SIGNS = {b"+": 1, b"-": -1}
SHORT_MONTHS = tuple(name[:3] for name in MONTHS)
SHORT_DAYS = tuple(name[:3] for name in DAYS)


def read_element(fields: Fields, element: bytes, layout: bytes, end: int) -> None:
    """Read what an element asks for; `end` is where it ends in the layout. Raises Mismatch or OutOfRange."""
    read = READERS.get(element)
    if read is not None:
        read(fields)
    elif element in (b"5", b"05"):
        read_second(fields, element, layout, end)
    elif element.startswith((b"-", b"Z")):
        read_offset(fields, element)
    else:
        read_fraction(fields, element)


def read_year(fields: Fields) -> None:
    if not fields.value[fields.position : fields.position + 1].isdigit():
        raise Mismatch
    fields.year = read_integer(fields.take(4))


def read_short_year(fields: Fields) -> None:
    year = read_integer(fields.take(2))
    fields.year = year + (1900 if year >= FIRST_YEAR_OF_1900S else 2000)


def read_integer(text: bytes) -> int:
    """Read digits, maybe none, behind a sign or none."""
    digits = text[1:] if text[:1] in (b"+", b"-") else text
    if digits and not digits.isdigit():
        raise Mismatch
    return int(digits.lstrip(b"0") or b"0") * (-1 if text.startswith(b"-") else 1)


def read_month(fields: Fields, least: int) -> None:
    fields.month = fields.take_number(least, 2)
    if not 1 <= fields.month <= len(MONTHS):
        raise OutOfRange("month")


def read_month_name(fields: Fields, names: Sequence[bytes]) -> None:
    fields.month = fields.take_name(names) + 1


def read_weekday(fields: Fields, names: Sequence[bytes]) -> None:
    """Read the name of a day; it is not compared with the date."""
    fields.take_name(names)


def read_day(fields: Fields, least: int) -> None:
    fields.day = fields.take_number(least, 2)


def read_padded_day(fields: Fields) -> None:
    fields.take_if(b" ")
    read_day(fields, 1)


def read_date_of_year(fields: Fields, least: int) -> None:
    fields.date_of_year = fields.take_number(least, 3)


def read_padded_date_of_year(fields: Fields) -> None:
    for _ in range(2):
        fields.take_if(b" ")
    read_date_of_year(fields, 1)


def read_hour(fields: Fields, least: int, most: int) -> None:
    fields.hour = read_part(fields, "hour", least, most)


def read_minute(fields: Fields, least: int) -> None:
    fields.minute = read_part(fields, "minute", least, 59)


def read_part(fields: Fields, name: str, least: int, most: int) -> int:
    number = fields.take_number(least, 2)
    if number > most:
        raise OutOfRange(name)
    return number


def read_second(fields: Fields, element: bytes, layout: bytes, end: int) -> None:
    """Read seconds, and a fraction behind them even if the layout has none."""
    fields.second = read_part(fields, "second", len(element), 59)
    if has_fraction(fields):
        following, _ = find_element(layout, end)
        if layout[following : following + 1] not in SEPARATORS:
            read_all_digits(fields)


def has_fraction(fields: Fields) -> bool:
    text = fields.value[fields.position : fields.position + 2]
    return text[:1] in SEPARATORS and text[1:].isdigit()


def read_fraction(fields: Fields, element: bytes) -> None:
    """Read a fraction of a second: of so many digits as `.000` has, or as many as there are if it is `.999`."""
    if element[1:2] == b"0":
        read_digits(fields, 1 + count_fraction_digits(element))
    elif has_fraction(fields):
        read_all_digits(fields)


def read_all_digits(fields: Fields) -> None:
    end = fields.position + 1
    while fields.value[end : end + 1].isdigit():
        end += 1
    read_digits(fields, end - fields.position)


def read_digits(fields: Fields, size: int) -> None:
    text = fields.take(size)
    if text[:1] not in SEPARATORS:
        raise Mismatch
    digits = text[1 : NANOSECOND_DIGITS + 1]
    number = read_integer(digits)
    if number < 0:
        raise OutOfRange("fractional second")
    fields.nanosecond = number * 10 ** (NANOSECOND_DIGITS - len(digits))


def read_half(fields: Fields, names: tuple[bytes, bytes]) -> None:
    name = fields.take(2)
    if name not in names:
        raise Mismatch
    if name == names[0]:
        fields.is_am = True
    else:
        fields.is_pm = True


def read_zone(fields: Fields) -> None:
    if fields.take_if(b"UTC"):
        fields.is_utc = True
        return
    size = measure_zone_name(fields.value, fields.position)
    if not size:
        raise Mismatch
    fields.zone_name = fields.take(size)


def read_offset(fields: Fields, element: bytes) -> None:
    """Read an offset from UTC that is written as the element is. Go allows 24 hours, 60 minutes and 60 seconds."""
    if element.startswith(b"Z") and fields.take_if(b"Z"):
        fields.is_utc = True
        return
    text = fields.take(len(element))
    parts = text[1:]
    if b":" in element:
        if parts[2::3].strip(b":"):
            raise Mismatch
        parts = b"".join(parts[at : at + 2] for at in range(0, len(parts), 3))
    fields.offset = sum_offset(parts) * SIGNS.get(text[:1], 0)
    if text[:1] not in SIGNS:
        raise Mismatch


def sum_offset(digits: bytes) -> int:
    """Give the seconds of hours, minutes and seconds of two digits each. What is out of range goes before a mismatch."""
    parts = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    valid = next((count for count, part in enumerate(parts) if not part.isdigit()), len(parts))
    numbers = [*map(int, parts[:valid]), 0, 0, 0]
    for name, number, most in zip(("second", "minute", "hour"), numbers[2::-1], (60, 60, 24), strict=True):
        if number > most:
            raise OutOfRange(f"time zone offset {name}")
    if valid < len(parts):
        raise Mismatch
    return (numbers[0] * 60 + numbers[1]) * 60 + numbers[2]


READERS: dict[bytes, Callable[[Fields], None]] = {
    b"2006": read_year,
    b"06": read_short_year,
    b"January": lambda fields: read_month_name(fields, MONTHS),
    b"Jan": lambda fields: read_month_name(fields, SHORT_MONTHS),
    b"1": lambda fields: read_month(fields, 1),
    b"01": lambda fields: read_month(fields, 2),
    b"Monday": lambda fields: read_weekday(fields, DAYS),
    b"Mon": lambda fields: read_weekday(fields, SHORT_DAYS),
    b"2": lambda fields: read_day(fields, 1),
    b"_2": read_padded_day,
    b"02": lambda fields: read_day(fields, 2),
    b"__2": read_padded_date_of_year,
    b"002": lambda fields: read_date_of_year(fields, 3),
    b"15": lambda fields: read_hour(fields, 1, 23),
    b"3": lambda fields: read_hour(fields, 1, 12),
    b"03": lambda fields: read_hour(fields, 2, 12),
    b"4": lambda fields: read_minute(fields, 1),
    b"04": lambda fields: read_minute(fields, 2),
    b"PM": lambda fields: read_half(fields, (b"AM", b"PM")),
    b"pm": lambda fields: read_half(fields, (b"am", b"pm")),
    b"MST": read_zone,
}
