"""Days and the calendar: exact integer arithmetic on the proleptic Gregorian calendar, for years far outside of 1..9999.

Days are counted from the first of March of a year so long ago that every time Go can hold comes after it, and years
begin in March: then leap days are the last of their year, and each step is one division with a remainder (Neri and
Schneider, "Euclidean affine functions and their application to calendar algorithms"). What does not fit into 64 bits
wraps around, as it does in Go.

Source: Go package time, "Computations on Times".
"""

from __future__ import annotations

MASK = (1 << 64) - 1
DAY = 86_400  # seconds
EPOCH_YEARS = 292_277_022_400  # before year 0; a multiple of 400
DAYS_IN_CENTURIES = 146_097  # of 400 years
DAYS_IN_LEAP_CYCLE = 1_461  # four years
MARCH_TO_DECEMBER = 306

# Seconds from the year 1, where Go's times begin, to 1970; and from the first day that is counted here to 1970.
UNIX_EPOCH = 719_162 * DAY
UNIX_FROM_FIRST_DAY = (EPOCH_YEARS // 400 * DAYS_IN_CENTURIES + MARCH_TO_DECEMBER) * DAY + UNIX_EPOCH

LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def count_days(year: int, month: int, day: int) -> int:
    """Give the day's number. The month is 1 to 12; the day may be any number, and so may the year."""
    is_early = month < 3  # noqa: PLR2004 # March, where a year begins
    century, year = divmod((year - is_early + EPOCH_YEARS) & MASK, 100)
    before_month = (153 * (month + 12 * is_early) - 457) // 5
    before_year = DAYS_IN_LEAP_CYCLE * year // 4
    before_century = (DAYS_IN_CENTURIES * century & MASK) // 4
    return (before_century + before_year + before_month + day - 1) & MASK


def split_days(days: int) -> tuple[int, int, int, int]:
    """Give year, month, day of the month and day of the year of a day's number."""
    century, rest = divmod(4 * days + 3, DAYS_IN_CENTURIES)
    year, rest = divmod(rest | 3, DAYS_IN_LEAP_CYCLE)
    since_march = rest // 4
    month, rest = divmod(5 * since_march + 461, 153)
    is_early = since_march >= MARCH_TO_DECEMBER
    year += century * 100 - EPOCH_YEARS + is_early
    year_day = since_march - MARCH_TO_DECEMBER if is_early else since_march + 59 + is_leap(year)
    return year, month - 12 * is_early, rest // 5 + 1, year_day + 1


def find_weekday(days: int) -> int:
    """Give the day of the week of a day's number: 0 is Sunday. The first day was a Wednesday."""
    return (days + 3) % 7


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def count_month(year: int, month: int) -> int:
    """Give the number of days of a month."""
    return 28 if month == 2 and not is_leap(year) else LONGEST_MONTHS[month - 1]  # noqa: PLR2004 # February


def count_before_month(year: int, month: int) -> int:
    """Give the number of days of the year before a month."""
    return sum(LONGEST_MONTHS[: month - 1]) - (month > 2 and not is_leap(year))  # noqa: PLR2004 # after February


def truncate(number: int, divisor: int) -> tuple[int, int]:
    """Divide as Go does: the quotient is rounded toward zero, the remainder has the sign of the number."""
    quotient, rest = divmod(abs(number), divisor)
    return (-quotient, -rest) if number < 0 else (quotient, rest)
