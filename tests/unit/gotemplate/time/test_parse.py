"""Writing a time and reading it again. What Go makes of each layout is among the golden cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.time.duration import SECOND
from vault_secrets_webhook.gotemplate.time.format import format_time
from vault_secrets_webhook.gotemplate.time.instant import Time
from vault_secrets_webhook.gotemplate.time.location import UTC, Location, Zone, ZoneTable, make_fixed
from vault_secrets_webhook.gotemplate.time.parse import ParseError, parse_time

YEARS_1_TO_9999 = st.integers(0, 3_652_058 * 86_400)
LAYOUTS = st.sampled_from(
    [
        b"2006-01-02T15:04:05.999999999Z07:00",
        b"Monday, 2 January 2006 3:04:05.000000000PM -0700",
        b"2006 __2 15 4 5.999999999 Z07:00:00",
        b"002/2006,03h04m05s,999999999pm-070000",
        b"Mon Jan _2 15:04:05,000000000 -07:00:00 2006",
    ]
)
ELEMENTS = st.sampled_from(
    "2006 06 Jan January 01 1 _2 02 2 002 __2 Mon Monday 15 03 3 04 4 05 5 PM pm MST Z07 -0700 -07:00:00 .000 ,99 x é".split()  # noqa: SIM905
)
ANY_LAYOUT = st.lists(ELEMENTS | st.just(" ")).map(lambda parts: "".join(parts).encode())


@given(LAYOUTS, YEARS_1_TO_9999, st.integers(0, SECOND - 1), st.integers(-86_399 // 60, 86_399 // 60))
def test_what_is_written_is_read_again(layout: bytes, seconds: int, nanoseconds: int, minutes: int) -> None:
    time = Time(seconds, nanoseconds, make_fixed(b"", minutes * 60))
    if 1 <= time.find_date()[0] <= 9_999:
        read = parse_time(layout, format_time(time, layout), UTC)
        assert read.instant() == time.instant()
        assert read.find_zone().offset == minutes * 60


@given(ANY_LAYOUT, st.binary(max_size=20) | ANY_LAYOUT)
def test_no_other_error(layout: bytes, value: bytes) -> None:
    try:
        parse_time(layout, value, UTC)
    except ParseError as error:
        assert str(error).startswith('parsing time "')  # noqa: PT017 # most values are wrong


@given(ANY_LAYOUT, YEARS_1_TO_9999)
def test_text_of_a_layout_is_kept(layout: bytes, seconds: int) -> None:
    written = format_time(Time(seconds), layout)
    assert written.count(b"x") == layout.count(b"x")
    assert written.count("é".encode()) == layout.count("é".encode())


def test_zone_of_the_location() -> None:
    """An abbreviation or offset that the location has then gives the location; others a zone of their own."""
    location = Location(ZoneTable(b"T", [Zone(b"AAA", 3_600), Zone(b"BBB", 7_200)], [-(1 << 62), 0], [0, 1]))
    assert parse_time(b"2006 MST", b"2024 BBB", location).pointer is location
    assert parse_time(b"2006 MST", b"2024 AAA", location).count_unix() == 1_704_067_200 - 3_600
    assert parse_time(b"2006 MST", b"2024 CCC", location).pointer is not location
    assert parse_time(b"2006 -0700", b"2024 +0200", location).pointer is location
    assert parse_time(b"2006 -0700", b"2024 +0100", location).pointer is not location
    assert parse_time(b"2006 -0700 MST", b"2024 +0200 BBB", location).pointer is location
    assert parse_time(b"2006 -0700 MST", b"2024 +0200 CCC", location).pointer is not location
    assert parse_time(b"2006", b"2024", location).count_unix() == 1_704_067_200 - 7_200
    assert parse_time(b"2006 Z07", b"2024 Z", location).pointer is None


@pytest.mark.parametrize("size", [5_000, 100_000])
def test_many_digits(size: int) -> None:
    """More than Python's int would read."""
    zeros = b"0" * size
    assert parse_time(b"5", b"7." + b"1" * size, UTC).nanoseconds == 111_111_111
    assert parse_time(b"5.9", b"7." + zeros, UTC).nanoseconds == 0
    assert parse_time(b"MST", b"GMT+" + zeros + b"3", UTC).find_zone().offset == 3 * 3_600


def test_size_is_limited() -> None:
    budget = Budget(memory=1_000)
    zone = make_fixed(b"N" * 100, 1)
    with pytest.raises(LimitError):
        format_time(Time(0, 0, zone), b"MST" * 100, budget)
    assert budget.memory > -200


def test_steps_are_limited() -> None:
    with pytest.raises(LimitError):
        format_time(Time(), b"x" * 101, Budget(steps=100))
