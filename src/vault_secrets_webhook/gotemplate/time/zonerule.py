"""Rules for time zones, as in `CET-1CEST,M3.5.0,M10.5.0/3`: which period of the year has which offset.

Files of the time zone database end with such a rule. Offsets in it are west of UTC, opposite to everywhere else.

Sources: POSIX, "Environment Variables", TZ; RFC 9636, section 3.3.1; Go package time, function tzset.
"""

from __future__ import annotations

from .civil import DAY, MASK, UNIX_FROM_FIRST_DAY, count_before_month, count_month, is_leap, split_days, truncate
from .location import HOUR, Period, Zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    # When in a year a zone begins: seconds since the year's start, by the clock that was in effect.
    Date: TypeAlias = Callable[[int], int]

DEFAULT_DATES = b",M3.2.0,M11.1.0"  # of a rule that names two zones but not when: those of the United States
NAME_ENDS = b"0123456789,-+"
NAME_LENGTH = 3
LONGEST_OFFSET = 24 * 7  # hours
LEAP_DAY = 60  # of the year, if it is a leap year


class InvalidRule(Exception):
    """Text that is no rule."""


class Reader:
    """Takes parts of a rule from its front. Raises InvalidRule when something else stands there."""

    __slots__ = ("rest",)

    def __init__(self, text: bytes) -> None:
        self.rest = text

    def take_mark(self, marks: bytes) -> bytes:
        """Take one of some characters, if it is the next."""
        mark = self.rest[:1]
        if mark not in marks:
            return b""
        self.rest = self.rest[1:]
        return mark

    def demand_mark(self, marks: bytes) -> None:
        if not self.take_mark(marks):
            raise InvalidRule

    def take_name(self) -> bytes:
        if self.rest.startswith(b"<"):
            name, end, self.rest = self.rest[1:].partition(b">")
            if not end:
                raise InvalidRule
            return name
        length = next((at for at, byte in enumerate(self.rest) if byte in NAME_ENDS), len(self.rest))
        if length < NAME_LENGTH:
            raise InvalidRule
        name, self.rest = self.rest[:length], self.rest[length:]
        return name

    def take_number(self, least: int, most: int) -> int:
        behind = self.rest.lstrip(b"0123456789")
        digits = self.rest[: len(self.rest) - len(behind)].lstrip(b"0") or self.rest[:1]
        if not digits.isdigit() or len(digits) > len(str(most)) or not least <= int(digits) <= most:
            raise InvalidRule
        self.rest = behind
        return int(digits)

    def take_offset(self) -> int:
        """Take hours, minutes and seconds, of which the last two may be absent; give seconds."""
        sign = -1 if self.take_mark(b"+-") == b"-" else 1
        offset = self.take_number(0, LONGEST_OFFSET) * HOUR
        for unit in (60, 1):
            if not self.take_mark(b":"):
                break
            offset += self.take_number(0, 59) * unit
        return sign * offset

    def take_date(self) -> Date:
        day = self.take_day()
        clock = self.take_offset() if self.take_mark(b"/") else 2 * HOUR
        return lambda year: day(year) * DAY + clock

    def take_day(self) -> Callable[[int], int]:
        """Take `J60`, `59` or `M3.5.0`; give what finds that day of a year: how many days precede it."""
        if self.take_mark(b"J"):
            number = self.take_number(1, 365)
            return lambda year: number - 1 + (number >= LEAP_DAY and is_leap(year))
        if self.take_mark(b"M"):
            month = self.take_number(1, 12)
            self.demand_mark(b".")
            week = self.take_number(1, 5)
            self.demand_mark(b".")
            weekday = self.take_number(0, 6)
            return lambda year: find_day(year, month, week, weekday)
        number = self.take_number(0, 365)
        return lambda _: number


def find_day(year: int, month: int, week: int, weekday: int) -> int:
    """Give the days of the year before a weekday of a month: the first one, ..., or the last (week 5)."""
    month_start = find_month_start(year, month)
    day = (weekday - month_start) % 7 + 7 * (week - 1)
    while day >= count_month(year, month):
        day -= 7
    return count_before_month(year, month) + day


def find_month_start(year: int, month: int) -> int:
    """Give the weekday of the first of a month: Zeller's congruence."""
    number = (month + 9) % 12 + 1
    century, rest = divmod(year - (month <= 2), 100)  # noqa: PLR2004 # Zeller's years begin in March
    return ((26 * number - 2) // 10 + 1 + rest + rest // 4 + century // 4 - 2 * century) % 7


class Rule:
    """Standard time, daylight saving time, and the dates at which the latter starts and ends."""

    __slots__ = ("end", "standard", "start", "summer")

    def __init__(self, standard: Zone, summer: Zone, start: Date, end: Date) -> None:
        self.standard = standard
        self.summer = summer
        self.start = start
        self.end = end


PARSED: dict[bytes, Rule | Zone | None] = {}  # there are no more of them than the time zone database has


def find_period(text: bytes, last: int, now: int) -> Period | None:
    """Give the period that `now` lies in, if the text is a rule; `last` is when it took effect. In seconds since 1970."""
    if text not in PARSED:
        try:
            PARSED[text] = parse_rule(text)
        except InvalidRule:
            PARSED[text] = None
    rule = PARSED[text]
    if isinstance(rule, Zone):
        return Period(rule, last)
    return None if rule is None else find_in_year(rule, now)


def parse_rule(text: bytes) -> Rule | Zone:
    """Read a rule; if it has no daylight saving time it is a zone. Raises InvalidRule."""
    reader = Reader(text)
    standard = Zone(reader.take_name(), -reader.take_offset())
    if reader.rest[:1] in (b"", b","):
        return standard
    name = reader.take_name()
    summer_offset = standard.offset + HOUR if reader.rest[:1] in (b"", b",") else -reader.take_offset()
    reader.rest = reader.rest or DEFAULT_DATES
    reader.demand_mark(b",;")
    start = reader.take_date()
    reader.demand_mark(b",")
    end = reader.take_date()
    if reader.rest:
        raise InvalidRule
    return Rule(standard, Zone(name, summer_offset, is_dst=True), start, end)


def find_in_year(rule: Rule, now: int) -> Period:
    """Give the period of the year that `now` lies in. Its ends are exact where clocks change, else those of the year."""
    year, _, _, year_day = split_days((now + UNIX_FROM_FIRST_DAY & MASK) // DAY)
    second = (year_day - 1) * DAY + truncate(now, DAY)[1]
    year_start = now - second
    standard, summer = rule.standard, rule.summer
    first, then = rule.start(year) - standard.offset, rule.end(year) - summer.offset
    if then < first:  # in the south, summer lasts over the new year
        first, then, standard, summer = then, first, summer, standard
    if second < first:
        return Period(standard, year_start, year_start + first)
    if second >= then:
        return Period(standard, year_start + then, year_start + 365 * DAY)
    return Period(summer, year_start + first, year_start + then)
