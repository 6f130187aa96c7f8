"""Random calls of the methods that values have: of dates, durations, months, versions and numbers as they are written.

Left out is what depends on the machine: the local time zone and the clock.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fuzz.texts import make_layout, make_version

if TYPE_CHECKING:
    import random

LAYOUT = "2006-01-02T15:04:05.999999999Z07:00"
DATES = (
    "2024-02-29T13:14:15Z",
    "1999-12-31T23:59:59.5Z",
    "0001-01-01T00:00:00Z",
    "1582-10-15T01:00:00.000000001Z",
    "bad",
)
TIME = (
    *("Year", "Month", "Day", "Hour", "Minute", "Second", "Nanosecond", "YearDay", "Weekday", "Unix", "UnixMilli", "UnixNano"),
    *("UTC", "IsZero", "IsDST", "String", "GoString", "MarshalJSON", "MarshalText", "Clock", "Date", "ISOWeek", "Zone"),
    *("Location", "Month.String", "Weekday.String", "Location.String", "ZoneBounds", "UnixMicro", "MarshalBinary", "foo", "wall"),
)  # fmt: skip
TIME_WITH_TIME = ("Sub", "Before", "After", "Equal", "Compare")
DURATION = (
    *("Hours", "Minutes", "Seconds", "Milliseconds", "Microseconds", "Nanoseconds", "String", "Abs", "Abs.String", "foo"),
)  # fmt: skip
VERSION = (
    *("Major", "Minor", "Patch", "Prerelease", "Metadata", "Original", "String", "IncMajor", "IncMinor", "IncPatch", "foo"),
    *("IncMajor.String", "IncPatch.Original", "MarshalJSON", "MarshalText", "Value", "pre"),
)  # fmt: skip
COMPARISONS = ("Compare", "LessThan", "GreaterThan", "Equal", "LessThanEqual", "GreaterThanEqual")
NUMBER = ("String", "Int64", "Float64", "foo")


def make_date(chance: random.Random) -> str:
    return f'(toDate "{LAYOUT}" "{chance.choice(DATES)}").UTC'


def call_of_time(chance: random.Random) -> str:
    """Make a call of a method of a date."""
    date = make_date(chance)
    number = chance.choice(
        ["0", "1", "-1", "12", "1500000000", "3600000000000", "9223372036854775807", "nil", ".n", '"x"']
    )
    match chance.randrange(6):
        case 0:
            return f"{date}.{chance.choice(TIME_WITH_TIME)} {chance.choice([make_date(chance), f'({make_date(chance)})', '.s'])}"
        case 1:
            return f"{date}.{chance.choice(['Add', 'Truncate', 'Round'])} {number}"
        case 2:
            return (
                f"{date}.AddDate {number} {chance.choice(['0', '1', '-13', '20'])} {chance.choice(['0', '31', '-400'])}"
            )
        case 3:
            return f"{date}.Format {json.dumps(make_layout(chance), ensure_ascii=False)}"
    return f"{date}.{chance.choice(TIME)}"


def call_of_duration(chance: random.Random) -> str:
    """Make a call of a method of a duration."""
    duration = f"({make_date(chance)}.Sub {make_date(chance)})"
    if chance.random() < 0.3:
        return f"{duration}.{chance.choice(['Round', 'Truncate'])} {chance.choice(['0', '1', '-5', '1000', '60000000000'])}"
    return f"{duration}.{chance.choice(DURATION)}"


def call_of_version(chance: random.Random) -> str:
    """Make a call of a method of a version."""
    version = f"(semver {json.dumps(make_version(chance), ensure_ascii=False)})"
    match chance.randrange(5):
        case 0:
            other = f"(semver {json.dumps(make_version(chance), ensure_ascii=False)})"
            return f"{version}.{chance.choice(COMPARISONS)} {chance.choice([other, other, 'nil', '.s'])}"
        case 1:
            text = chance.choice(["", "a", "01", "b.1", "é", "0"])
            return f'{version}.{chance.choice(["SetPrerelease", "SetMetadata"])} "{text}"'
    return f"{version}.{chance.choice(VERSION)}"


def call_of_number(chance: random.Random) -> str:
    """Make a call of a method of a number of the data, which has one if it is kept as it is written."""
    return f"{chance.choice(['.n', '.big', '.f', '$.n', '$.m.b', '.m.b', '.missing'])}.{chance.choice(NUMBER)}"


MAKERS = (call_of_time, call_of_time, call_of_duration, call_of_version, call_of_number)


def make_method_call(chance: random.Random) -> str:
    """Make a command that calls a method."""
    text = chance.choice(MAKERS)(chance)
    return f"{text} {chance.choice(['1', 'nil', '.s'])}" if chance.random() < 0.04 else text
