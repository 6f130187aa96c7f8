"""The methods that templates can call on a time, as in `(toDate "2006-01-02" .day).Weekday`.

Source: Go package time, type Time.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.functions import SignatureError
from vault_secrets_webhook.gotemplate.values import Int64, Slice, Uint8, find_type, wrap_int64

from .duration import MICROSECOND, MILLISECOND, SECOND
from .format import format_time
from .instant import Time, from_civil
from .location import LOCAL, UTC, Location
from .marshal import marshal_binary, marshal_json, marshal_text
from .names import MONTHS, Month, Weekday
from .quote import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.values import Method

DEFAULT_LAYOUT = b"2006-01-02 15:04:05.999999999 -0700 MST"
SLICE_OF_BYTES = find_type("[]uint8")
BYTES = tuple(map(Uint8, range(256)))


def describe_time(time: Time) -> bytes:
    """Write a time as Go prints it, with the reading of the monotonic clock if it has one."""
    text = format_time(time, DEFAULT_LAYOUT)
    if time.monotonic is None:
        return text
    seconds, nanoseconds = divmod(abs(time.monotonic), SECOND)
    return b"%s m=%s%d.%09d" % (text, b"-" if time.monotonic < 0 else b"+", seconds, nanoseconds)


def write_go_syntax(time: Time) -> bytes:
    """Write a time as the Go expression that makes it, which is what `%#v` prints."""
    year, month, day, _ = time.find_date()
    numbers = ", ".join(map(str, (day, *time.find_clock(), time.nanoseconds)))
    known = {id(UTC): "time.UTC", id(LOCAL): "time.Local"}
    location = known.get(id(time.location)) or f"time.Location({quote(time.location.table.name)})"
    return f"time.Date({year}, time.{MONTHS[month - 1].decode()}, {numbers}, {location})".encode()


def add_date(time: Time, years: int, months: int, days: int) -> Time:
    """Give the time so many years, months and days later; what does not exist, as February 30, goes into the next."""
    year, month, day, _ = time.find_date()
    date = wrap_int64(year + years), wrap_int64(month + months), wrap_int64(day + days)
    return from_civil(date, time.find_clock(), time.nanoseconds, time.location)


def locate(time: Time, location: Location | None) -> Time:
    if location is None:
        raise FunctionError("time: missing Location in call to Time.In", is_constant=True)
    return time.locate(location)


def count_unix(time: Time, unit: int) -> Int64:
    """Give the time since 1970 in units of so many nanoseconds, wrapped to 64 bits."""
    return wrap_int64(time.count_unix() * (SECOND // unit) + time.nanoseconds // unit)


def append_text(time: Time, before: list[object]) -> Slice:
    return append(before, marshal_text(time, "AppendText"))


def append_format(budget: Budget, time: Time, before: list[object], layout: bytes) -> Slice:
    text = format_time(time, layout, budget)
    budget.reserve_elements(len(before) + len(text))
    return append(before, text)


def append(before: list[object], text: bytes) -> Slice:
    """Give a []uint8 of what another has, and more."""
    return Slice(SLICE_OF_BYTES, (*before, *map(BYTES.__getitem__, text)))


def refuse(name: str, *results: str) -> Method:
    """Give a method that templates cannot call, for it gives more than a result and an error."""
    words = f"invalid function signature for {name}: second return value should be error; is {results[1]}"
    if len(results) > 2:  # noqa: PLR2004 # a result and an error
        words = f"function {name} has {len(results)} return values; should be 1 or 2"

    def call(_: Time) -> object:
        raise SignatureError(words, is_constant=True)

    return "-> reflect.Value", call


TIME_METHODS: dict[str, Method] = {
    "Add": ("time.Duration -> time.Time", Time.add),
    "AddDate": ("int, int, int -> time.Time", add_date),
    "After": ("time.Time -> bool", lambda time, other: time.compare(other) > 0),
    "AppendBinary": ("[]uint8 -> []uint8", lambda time, before: append(before, marshal_binary(time))),
    "AppendFormat": ("budget, []uint8, string -> []uint8", append_format),
    "AppendText": ("[]uint8 -> []uint8", append_text),
    "Before": ("time.Time -> bool", lambda time, other: time.compare(other) < 0),
    "Clock": refuse("Clock", "int", "int", "int"),
    "Compare": ("time.Time -> int", Time.compare),
    "Date": refuse("Date", "int", "time.Month", "int"),
    "Day": ("-> int", lambda time: time.find_date()[2]),
    "Equal": ("time.Time -> bool", lambda time, other: time.compare(other) == 0),
    "Format": ("budget, string -> string", lambda budget, time, layout: format_time(time, layout, budget)),
    "GoString": ("-> string", write_go_syntax),
    "GobEncode": ("-> []uint8", lambda time: append([], marshal_binary(time))),
    "Hour": ("-> int", lambda time: time.find_clock()[0]),
    "ISOWeek": refuse("ISOWeek", "int", "int"),
    "In": ("*time.Location -> time.Time", locate),
    "IsDST": ("-> bool", lambda time: time.find_zone().is_dst),
    "IsZero": ("-> bool", lambda time: time.instant() == (0, 0)),
    "Local": ("-> time.Time", lambda time: time.locate(LOCAL)),
    "Location": ("-> *time.Location", lambda time: time.location),
    "MarshalBinary": ("-> []uint8", lambda time: append([], marshal_binary(time))),
    "MarshalJSON": ("-> []uint8", lambda time: append([], marshal_json(time))),
    "MarshalText": ("-> []uint8", lambda time: append([], marshal_text(time, "MarshalText"))),
    "Minute": ("-> int", lambda time: time.find_clock()[1]),
    "Month": ("-> time.Month", lambda time: Month(time.find_date()[1])),
    "Nanosecond": ("-> int", lambda time: time.nanoseconds),
    "Round": ("time.Duration -> time.Time", Time.round),
    "Second": ("-> int", lambda time: time.find_clock()[2]),
    "String": ("-> string", describe_time),
    "Sub": ("time.Time -> time.Duration", Time.subtract),
    "Truncate": ("time.Duration -> time.Time", Time.truncate),
    "UTC": ("-> time.Time", lambda time: time.locate(UTC)),
    "Unix": ("-> int64", lambda time: count_unix(time, SECOND)),
    "UnixMicro": ("-> int64", lambda time: count_unix(time, MICROSECOND)),
    "UnixMilli": ("-> int64", lambda time: count_unix(time, MILLISECOND)),
    "UnixNano": ("-> int64", lambda time: count_unix(time, 1)),
    "Weekday": ("-> time.Weekday", lambda time: Weekday(time.find_weekday())),
    "Year": ("-> int", lambda time: time.find_date()[0]),
    "YearDay": ("-> int", lambda time: time.find_date()[3]),
    "Zone": refuse("Zone", "string", "int"),
    "ZoneBounds": refuse("ZoneBounds", "time.Time", "time.Time"),
}
