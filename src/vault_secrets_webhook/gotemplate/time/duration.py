"""The time between two instants, in nanoseconds, as Go's time.Duration: reading, writing and rounding it.

Source: Go package time, type Duration and function ParseDuration.
"""

from __future__ import annotations

from vault_secrets_webhook import goparse
from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import INTEGER_CLASSES, Int64, Type, define_type

from .civil import MASK, truncate
from .quote import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from vault_secrets_webhook.gotemplate.values import Method

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
SHORTEST, LONGEST = -(1 << 63), (1 << 63) - 1

UNITS = {
    b"ns": 1,
    b"us": MICROSECOND,
    "\N{MICRO SIGN}s".encode(): MICROSECOND,
    "\N{GREEK SMALL LETTER MU}s".encode(): MICROSECOND,
    b"ms": MILLISECOND,
    b"s": SECOND,
    b"m": MINUTE,
    b"h": HOUR,
}
DIGITS = b"0123456789"
POINT = 0x2E
MOST_DIGITS = len(str(LONGEST))


class DurationError(FunctionError):
    """Text that is no duration."""


class Duration(int):
    """A `time.Duration`."""

    __slots__ = ()
    go_type: ClassVar[Type] = define_type("time.Duration", "int64")
    go_methods: ClassVar[Mapping[str, Method]]


INTEGER_CLASSES[Duration.go_type] = Duration


def limit_duration(nanoseconds: int) -> Duration:
    """Give the nearest duration that there is."""
    return Duration(min(max(nanoseconds, SHORTEST), LONGEST))


def format_duration(duration: int) -> bytes:
    """Write a duration as Go does: `72h3m0.5s`, and what is shorter than a second as `1.5ms`, `2µs` or `3ns`."""
    return (("-" if duration < 0 else "") + goparse.format_duration(abs(duration))).encode()


def round_duration(duration: int, multiple: int) -> Duration:
    """Give the nearest multiple, halfway the one farther from zero; the duration itself if multiple <= 0."""
    if multiple <= 0:
        return Duration(duration)
    rest = abs(duration) % multiple
    length = abs(duration) - rest + (multiple if 2 * rest >= multiple else 0)
    return limit_duration(-length if duration < 0 else length)


def truncate_duration(duration: int, multiple: int) -> Duration:
    """Give the nearest multiple towards zero; the duration itself if multiple <= 0."""
    return Duration(duration - truncate(duration, multiple)[1] if multiple > 0 else duration)


def divide_duration(duration: int, unit: int) -> float:
    """Give the number of units, computed in the two steps in which Go does: they round."""
    whole, rest = truncate(duration, unit)
    return float(whole) + float(rest) / float(unit)


def parse_duration(text: bytes) -> Duration:
    """Read text such as `300ms`, `-1.5h` or `2h45m`. Raises DurationError with Go's words."""
    position = 1 if text[:1] in (b"-", b"+") else 0
    if len(text) == position:
        raise invalid_duration(text)
    total = 0
    if text[position:] != b"0":
        while position < len(text):
            amount, position = read_amount(text, position)
            total = (total + amount) & MASK  # as Go's uint64
            if total > 1 << 63:
                raise invalid_duration(text)
    if text.startswith(b"-"):
        return Duration(-total)
    if total > LONGEST:
        raise invalid_duration(text)
    return Duration(total)


def read_amount(text: bytes, start: int) -> tuple[int, int]:
    """Read a number with its unit; give its nanoseconds and where it ends."""
    point = skip_digits(text, start)
    whole = text[start:point].lstrip(b"0")
    end = skip_digits(text, point + 1) if text.startswith(b".", point) else point
    fraction = text[point + 1 : end]
    if start == point and not fraction:
        raise invalid_duration(text)
    if len(whole) > MOST_DIGITS or int(whole or b"0") > 1 << 63:
        raise invalid_duration(text)
    behind = skip_unit(text, end)
    name = text[end:behind]
    if not name:
        raise DurationError(f"time: missing unit in duration {quote(text)}")
    unit = UNITS.get(name)
    if unit is None:
        raise DurationError(f"time: unknown unit {quote(name)} in duration {quote(text)}")
    amount = int(whole or b"0") * unit + scale_fraction(fraction, unit)
    if amount > 1 << 63:
        raise invalid_duration(text)
    return amount, behind


def skip_digits(text: bytes, position: int) -> int:
    while position < len(text) and text[position] in DIGITS:
        position += 1
    return position


def skip_unit(text: bytes, position: int) -> int:
    while position < len(text) and text[position] != POINT and text[position] not in DIGITS:
        position += 1
    return position


def scale_fraction(digits: bytes, unit: int) -> int:
    """Give the whole nanoseconds of a decimal fraction of a unit, in floating point as Go computes them."""
    number, scale = 0, 1.0
    for digit in digits:
        if number > LONGEST // 10 or number * 10 + digit - 48 > 1 << 63:
            break  # Go drops what does not fit
        number = number * 10 + digit - 48
        scale *= 10
    return int(float(number) * (float(unit) / scale))


def invalid_duration(text: bytes) -> DurationError:
    return DurationError(f"time: invalid duration {quote(text)}")


Duration.go_methods = {
    "Abs": ("-> time.Duration", lambda duration: limit_duration(abs(duration))),
    "Hours": ("-> float64", lambda duration: divide_duration(duration, HOUR)),
    "Microseconds": ("-> int64", lambda duration: Int64(truncate(duration, MICROSECOND)[0])),
    "Milliseconds": ("-> int64", lambda duration: Int64(truncate(duration, MILLISECOND)[0])),
    "Minutes": ("-> float64", lambda duration: divide_duration(duration, MINUTE)),
    "Nanoseconds": ("-> int64", Int64),
    "Round": ("time.Duration -> time.Duration", round_duration),
    "Seconds": ("-> float64", lambda duration: divide_duration(duration, SECOND)),
    "String": ("-> string", format_duration),
    "Truncate": ("time.Duration -> time.Duration", truncate_duration),
}
