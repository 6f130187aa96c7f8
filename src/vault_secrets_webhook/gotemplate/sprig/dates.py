"""Sprig's functions for dates.

Where a function takes any value as a date, a time is itself, an int, int32 or int64 counts seconds since 1970, and
everything else is now. Zones that are not known are UTC.

Source: Sprig v3.3.0, date.go.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.strconv import NumberError, parse_int
from vault_secrets_webhook.gotemplate.time.database import load_location
from vault_secrets_webhook.gotemplate.time.duration import (
    HOUR,
    MINUTE,
    SECOND,
    DurationError,
    format_duration,
    parse_duration,
    round_duration,
)
from vault_secrets_webhook.gotemplate.time.format import format_time
from vault_secrets_webhook.gotemplate.time.instant import Time, from_unix, read_clock
from vault_secrets_webhook.gotemplate.time.location import LOCAL, UTC
from vault_secrets_webhook.gotemplate.time.parse import ParseError, parse_time
from vault_secrets_webhook.gotemplate.values import Int32, Int64, wrap_int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry

DAY_LAYOUT = b"2006-01-02"
LOCAL_NAME = b"Local"
FORMAT_COST = 50  # in steps: reading the file of a time zone
PARSE_COST = 20
UNITS = (
    (b"y", 365 * 24 * HOUR),
    (b"mo", 30 * 24 * HOUR),
    (b"d", 24 * HOUR),
    (b"h", HOUR),
    (b"m", MINUTE),
    (b"s", SECOND),
)


def find_time(date: object, integers: tuple[type, ...]) -> Time:
    """Give the time that a value means; integers of other types than those named mean now."""
    if isinstance(date, Time):
        return date
    if isinstance(date, int) and type(date) in integers:
        return from_unix(date)
    return read_clock()


def format_in_zone(budget: Budget, layout: bytes, date: object, zone: bytes) -> bytes:
    """Write a date by a layout, as clocks of a zone show it. Raises LimitError."""
    time = find_time(date, (int, Int32, Int64))
    try:
        location = load_location(zone)
    except FunctionError:
        location = UTC
    return format_time(time.locate(location), layout, budget)


def format_local(budget: Budget, layout: bytes, date: object) -> bytes:
    return format_in_zone(budget, layout, date, LOCAL_NAME)


def format_day(budget: Budget, date: object) -> bytes:
    return format_in_zone(budget, DAY_LAYOUT, date, LOCAL_NAME)


def format_day_in_zone(budget: Budget, date: object, zone: bytes) -> bytes:
    return format_in_zone(budget, DAY_LAYOUT, date, zone)


def parse_date(budget: Budget, layout: bytes, text: bytes) -> Time:
    """Read a date of the local time zone by a layout. Raises ParseError with Go's words, or LimitError."""
    budget.spend_steps(len(layout) + len(text))
    return parse_time(layout, text, LOCAL)


def parse_date_or_zero(budget: Budget, layout: bytes, text: bytes) -> Time:
    try:
        return parse_date(budget, layout, text)
    except ParseError:
        return Time()


def modify_date(budget: Budget, duration: bytes, date: Time) -> Time:
    """Give the date later by a duration such as `-1.5h`. Raises DurationError with Go's words, or LimitError."""
    budget.spend_steps(len(duration))
    return date.add(parse_duration(duration))


def modify_date_if_valid(budget: Budget, duration: bytes, date: Time) -> Time:
    try:
        return modify_date(budget, duration, date)
    except DurationError:
        return date


def describe_age(date: object) -> bytes:
    """Write how long ago a date was, to the second."""
    return format_duration(round_duration(read_clock().subtract(find_time(date, (int, Int64))), SECOND))


def describe_seconds(seconds: object) -> bytes:
    """Write a number of seconds, an int64 or text, as a duration; anything else is 0s."""
    number = read_seconds(seconds) if type(seconds) is bytes else seconds if type(seconds) is Int64 else 0
    return format_duration(wrap_int64(number * SECOND))


def read_seconds(text: bytes) -> int:
    """Read a decimal integer as far as int64 goes; text that is none gives 0."""
    try:
        return parse_int(text, 10)
    except NumberError as error:
        return int(error.value)


def describe_roughly(budget: Budget, duration: object) -> bytes:
    """Write a duration in the largest unit of which it has more than one: `2h`, `3mo`. Raises LimitError."""
    length = abs(find_duration(budget, duration))
    for name, unit in UNITS:
        if length > unit:
            return b"%d%b" % (length // unit, name)
    return b"0s"


def find_duration(budget: Budget, duration: object) -> int:
    """Give the nanoseconds of a duration as text or int64, or since a time; of anything else 0."""
    if isinstance(duration, Time):
        return read_clock().subtract(duration)
    if type(duration) is Int64:
        return duration
    if type(duration) is not bytes:
        return 0
    budget.spend_steps(len(duration))
    try:
        return parse_duration(duration)
    except DurationError:
        return 0


FUNCTIONS: dict[str, Entry] = {
    "ago": ("interface {} -> string", describe_age),
    "date": ("budget, string, interface {} -> string", format_local, FORMAT_COST),
    "dateInZone": ("budget, string, interface {}, string -> string", format_in_zone, FORMAT_COST),
    "dateModify": ("budget, string, time.Time -> time.Time", modify_date_if_valid),
    "date_in_zone": ("budget, string, interface {}, string -> string", format_in_zone, FORMAT_COST),
    "date_modify": ("budget, string, time.Time -> time.Time", modify_date_if_valid),
    "duration": ("interface {} -> string", describe_seconds),
    "durationRound": ("budget, interface {} -> string", describe_roughly),
    "htmlDate": ("budget, interface {} -> string", format_day, FORMAT_COST),
    "htmlDateInZone": ("budget, interface {}, string -> string", format_day_in_zone, FORMAT_COST),
    "mustDateModify": ("budget, string, time.Time -> time.Time", modify_date),
    "mustToDate": ("budget, string, string -> time.Time", parse_date, PARSE_COST),
    "must_date_modify": ("budget, string, time.Time -> time.Time", modify_date),
    "now": ("-> time.Time", read_clock),
    "toDate": ("budget, string, string -> time.Time", parse_date_or_zero, PARSE_COST),
    "unixEpoch": ("time.Time -> string", lambda date: b"%d" % date.count_unix()),
}
