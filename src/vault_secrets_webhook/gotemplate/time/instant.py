"""An instant with nanoseconds and a location in which it is shown: Go's time.Time.

Seconds are counted from the year 1, as Go does, for that decides where 64 bits end: what is beyond wraps around when it
is read from a number, and stops at the end when something is added. A time from the clock also has a reading of the
monotonic clock, which comparisons prefer; what changes the location or rounds drops it.

Source: Go package time, type Time.
"""

from __future__ import annotations

from time import monotonic_ns, time_ns

from vault_secrets_webhook.gotemplate.values import Type, define_type, wrap_int64

from .civil import DAY, MASK, UNIX_EPOCH, UNIX_FROM_FIRST_DAY, count_days, find_weekday, split_days
from .duration import SECOND, Duration, limit_duration
from .location import LOCAL, UTC, Location, Zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from vault_secrets_webhook.gotemplate.values import Method

STARTED = monotonic_ns() - 1  # so that no reading is 0
FARTHEST = (1 << 63) - 1
FIRST_WALL_SECOND = 688_117 * DAY  # of 1885: a time with a reading of the monotonic clock has but 33 bits for seconds
WALL_SECONDS = 1 << 33


class Time:
    """A `time.Time`: seconds since the year 1, nanoseconds, and perhaps a reading of the monotonic clock.

    Equality is that of Go's `==`: the same instant in another location is not equal. As in Go, `pointer` is nil of UTC.
    """

    __slots__ = ("monotonic", "nanoseconds", "pointer", "seconds")
    go_type: ClassVar[Type] = define_type("time.Time", "struct")
    go_hidden_fields: ClassVar = ("wall", "ext", "loc")

    def __init__(
        self, seconds: int = 0, nanoseconds: int = 0, location: Location = UTC, monotonic: int | None = None
    ) -> None:
        self.seconds = seconds
        self.nanoseconds = nanoseconds
        self.pointer = None if location is UTC else location
        self.monotonic = monotonic

    @property
    def location(self) -> Location:
        """Where the time is shown."""
        return self.pointer or UTC

    @property
    def go_methods(self) -> Mapping[str, Method]:
        """All that are exported."""
        from .methods import TIME_METHODS

        return TIME_METHODS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.identify() == other.identify()

    def __hash__(self) -> int:
        return hash(self.identify())

    def identify(self) -> tuple[object, ...]:
        """Give what Go compares."""
        return self.seconds, self.nanoseconds, id(self.pointer), self.monotonic

    def instant(self) -> tuple[int, int]:
        """Give what orders times."""
        return self.seconds, self.nanoseconds

    def count_unix(self) -> int:
        """Give the seconds since 1970."""
        return wrap_int64(self.seconds - UNIX_EPOCH)

    def find_zone(self) -> Zone:
        """Give the zone in effect."""
        return self.location.find_period(self.count_unix()).zone

    def split(self) -> tuple[int, int]:
        """Give the number of the day (see `civil`) and the second of that day, by the clocks of the location."""
        return divmod((self.count_unix() + self.find_zone().offset + UNIX_FROM_FIRST_DAY) & MASK, DAY)

    def find_date(self) -> tuple[int, int, int, int]:
        """Give year, month, day, and day of the year."""
        return split_days(self.split()[0])

    def find_weekday(self) -> int:
        return find_weekday(self.split()[0])

    def find_clock(self) -> tuple[int, int, int]:
        """Give hour, minute and second."""
        minutes, second = divmod(self.split()[1], 60)
        return *divmod(minutes, 60), second

    def strip(self) -> Time:
        """Give the time without its reading of the monotonic clock."""
        return Time(self.seconds, self.nanoseconds, self.location)

    def locate(self, location: Location) -> Time:
        """Give the same instant as it is shown in another location."""
        return Time(self.seconds, self.nanoseconds, location)

    def add(self, duration: int) -> Time:
        """Give the instant that is later by a duration."""
        carry, nanoseconds = divmod(self.nanoseconds + duration, SECOND)
        seconds = self.seconds + carry
        monotonic = self.monotonic
        if monotonic is not None:
            monotonic += duration
            if not (abs(monotonic) <= FARTHEST and 0 <= seconds - FIRST_WALL_SECOND < WALL_SECONDS):
                monotonic = None
        if not -FARTHEST <= seconds + 1 <= FARTHEST + 1:
            seconds = FARTHEST if seconds > 0 else -FARTHEST
        return Time(seconds, nanoseconds, self.location, monotonic)

    def subtract(self, other: Time) -> Duration:
        """Give how much later this is than another time, or the longest duration there is."""
        if self.monotonic is not None and other.monotonic is not None:
            return limit_duration(self.monotonic - other.monotonic)
        return limit_duration((self.seconds - other.seconds) * SECOND + self.nanoseconds - other.nanoseconds)

    def compare(self, other: Time) -> int:
        """Give -1 if this is before the other, 0 if it is the same instant, 1 if it is after it."""
        if self.monotonic is not None and other.monotonic is not None:
            return (self.monotonic > other.monotonic) - (self.monotonic < other.monotonic)
        return (self.instant() > other.instant()) - (self.instant() < other.instant())

    def truncate(self, unit: int) -> Time:
        """Give the last multiple of a unit, counted from the year 1, that is not after this."""
        if unit <= 0:
            return self.strip()
        return self.strip().add(-((self.seconds * SECOND + self.nanoseconds) % unit))

    def round(self, unit: int) -> Time:
        """Give the nearest multiple of a unit, halfway the later one."""
        if unit <= 0:
            return self.strip()
        rest = (self.seconds * SECOND + self.nanoseconds) % unit
        return self.strip().add(-rest if 2 * rest < unit else unit - rest)


def read_clock() -> Time:
    """Give the time it is, in the local time zone."""
    seconds, nanoseconds = divmod(time_ns(), SECOND)
    return Time(seconds + UNIX_EPOCH, nanoseconds, LOCAL, monotonic_ns() - STARTED)


def from_unix(seconds: int) -> Time:
    """Give the instant so many seconds after 1970, in the local time zone."""
    return Time(wrap_int64(seconds + UNIX_EPOCH), 0, LOCAL)


def from_civil(
    date: tuple[int, int, int], clock: tuple[int, int, int], nanoseconds: int, location: Location = UTC
) -> Time:
    """Give the instant at which clocks of a location show a date (year, month, day) and time (hour, minute, second).

    Month and day may be out of range, as in October 32. When clocks are turned back, they show some times twice; when
    they are turned forward, some never: which of the two offsets is taken then is as arbitrary as Go's choice.
    """
    year, month, day = date
    hour, minute, second = clock
    years, month = divmod(wrap_int64(month - 1), 12)
    days = count_days(wrap_int64(year + years), month + 1, day)
    unix = wrap_int64(days * DAY + (hour * 60 + minute) * 60 + second - UNIX_FROM_FIRST_DAY)
    period = location.find_period(unix)
    if period.zone.offset:
        shifted = wrap_int64(unix - period.zone.offset)
        if not period.start <= shifted < period.end:
            period = location.find_period(shifted)
        unix = wrap_int64(unix - period.zone.offset)
    return Time(wrap_int64(unix + UNIX_EPOCH), nanoseconds, location)
