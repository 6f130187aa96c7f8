"""Instants: where 64 bits end, and the monotonic clock, which the golden cases cannot show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.time.civil import UNIX_EPOCH
from vault_secrets_webhook.gotemplate.time.duration import LONGEST, SECOND, SHORTEST
from vault_secrets_webhook.gotemplate.time.instant import FARTHEST, Time, from_civil, from_unix, read_clock
from vault_secrets_webhook.gotemplate.time.location import LOCAL, UTC, Zone, ZoneTable, make_fixed
from vault_secrets_webhook.gotemplate.time.location import Location as GoLocation
from vault_secrets_webhook.gotemplate.time.methods import TIME_METHODS, describe_time

YEAR = 365 * 86_400 * SECOND
TIMES = st.builds(Time, st.integers(-(10**15), 10**15), st.integers(0, SECOND - 1))


@given(TIMES, st.integers(SHORTEST, LONGEST))
def test_sub_is_the_inverse_of_add(time: Time, duration: int) -> None:
    later = time.add(duration)
    assert later.subtract(time) == duration
    assert later.compare(time) == (duration > 0) - (duration < 0)
    assert 0 <= later.nanoseconds < SECOND


@given(TIMES, st.integers(1, LONGEST))
def test_rounding(time: Time, unit: int) -> None:
    before, nearest = time.truncate(unit), time.round(unit)
    assert 0 <= time.subtract(before) < unit
    assert nearest in (before, before.add(unit))
    assert 2 * abs(time.subtract(nearest)) <= unit


@pytest.mark.parametrize("seconds", [FARTHEST, -FARTHEST])
def test_adding_stops_at_the_end(seconds: int) -> None:
    assert Time(seconds).add(LONGEST if seconds > 0 else SHORTEST).seconds == seconds


def test_numbers_wrap_around() -> None:
    assert from_unix(LONGEST).seconds == LONGEST + UNIX_EPOCH - (1 << 64)
    assert from_unix(LONGEST).count_unix() == LONGEST


def test_differences_are_limited() -> None:
    assert Time(10**12).subtract(Time(0)) == LONGEST
    assert Time(0).subtract(Time(10**12)) == SHORTEST


def test_equality_is_of_the_location_too() -> None:
    """As with Go's ==; the method Equal compares instants."""
    time, same = Time(5, 6, UTC), Time(5, 6, make_fixed(b"", 3_600))
    assert time == Time(5, 6)
    assert hash(time) == hash(Time(5, 6))
    assert time != same
    assert time != Time(5, 6, UTC, 1)
    assert time != 5
    assert same == Time(5, 6, make_fixed(b"", 3_600))
    assert time.compare(same) == 0


def test_clock() -> None:
    first, second = read_clock(), read_clock()
    assert first.pointer is LOCAL
    assert first.monotonic is not None
    assert second.monotonic is not None
    assert 0 < first.monotonic <= second.monotonic
    assert second.compare(first) == (second.monotonic > first.monotonic)


def test_monotonic_clock_goes_before_the_other() -> None:
    early, late = Time(9, 0, UTC, 10), Time(5, 0, UTC, 20)
    assert late.subtract(early) == 10
    assert late.compare(early) == 1
    assert late.compare(late.add(0)) == 0
    assert late.subtract(early.strip()) == -4 * SECOND


@pytest.mark.parametrize(
    ("time", "monotonic"),
    [
        pytest.param(Time(UNIX_EPOCH, 0, UTC, 7).add(3), 10, id="add"),
        pytest.param(Time(UNIX_EPOCH, 0, UTC, LONGEST).add(1), None, id="beyond the end"),
        pytest.param(Time(UNIX_EPOCH, 0, UTC, 7).add(190 * YEAR), None, id="after 2157"),
        pytest.param(Time(UNIX_EPOCH, 0, UTC, 7).add(-86 * YEAR), None, id="before 1885"),
        pytest.param(Time(5, 0, UTC, 7).locate(LOCAL), None, id="locate"),
        pytest.param(Time(5, 0, UTC, 7).round(0), None, id="round"),
        pytest.param(Time(5, 0, UTC, 7).truncate(1), None, id="truncate"),
    ],
)
def test_what_keeps_the_monotonic_clock(time: Time, monotonic: int | None) -> None:
    assert time.monotonic == monotonic


@pytest.mark.parametrize(
    ("monotonic", "text"),
    [(1_967_414, b" m=+0.001967414"), (-1_500_000_000, b" m=-1.500000000"), (10**18 + 5, b" m=+1000000000.000000005")],
)
def test_text_shows_the_monotonic_clock(monotonic: int, text: bytes) -> None:
    assert describe_time(Time(0, 0, UTC, monotonic)) == b"0001-01-01 00:00:00 +0000 UTC" + text


# Clocks go forward from 1000 to 4600 at 1000, and back from 9600 to 6000 at 6000.
FORWARD_AND_BACK = GoLocation(
    ZoneTable(b"T", [Zone(b"A", 0), Zone(b"B", 3_600, is_dst=True), Zone(b"A", 0)], [-1, 1_000, 6_000], [0, 1, 2])
)


@pytest.mark.parametrize(
    ("clock", "unix"),
    [
        pytest.param(999, 999, id="before"),
        pytest.param(1_000, 1_000, id="skipped: the offset from before"),
        pytest.param(4_600, 1_000, id="the first that exists again"),
        pytest.param(5_999, 2_399, id="in summer"),
        pytest.param(9_599, 9_599, id="shown twice: the second"),
        pytest.param(9_600, 9_600, id="after"),
    ],
)
def test_clocks_that_change(clock: int, unix: int) -> None:
    time = from_civil((1970, 1, 1), (0, 0, clock), 0, FORWARD_AND_BACK)
    assert time.count_unix() == unix


def test_every_exported_method_of_go_is_there() -> None:
    """Go 1.26: those with a value receiver; templates cannot reach the others."""
    assert set(TIME_METHODS) == set(
        "Add AddDate After AppendBinary AppendFormat AppendText Before Clock Compare Date Day Equal Format GoString "  # noqa: SIM905
        "GobEncode Hour ISOWeek In IsDST IsZero Local Location MarshalBinary MarshalJSON MarshalText Minute Month "
        "Nanosecond Round Second String Sub Truncate UTC Unix UnixMicro UnixMilli UnixNano Weekday Year YearDay Zone "
        "ZoneBounds".split()
    )
