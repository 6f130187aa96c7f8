"""Locations: fixed ones, and what Go's pointers to them are."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate.time.location import ALWAYS_AFTER, ALWAYS_BEFORE, UTC, Zone, ZoneTable, make_fixed

# A summer from 1000 to 2000, then standard time with another offset but the same name.
TABLE = ZoneTable(
    b"Test/Zone",
    [Zone(b"STD", 100), Zone(b"DST", 200, is_dst=True), Zone(b"STD", 300)],
    [0, 1_000, 2_000],
    [0, 1, 2],
)


@pytest.mark.parametrize(
    ("unix", "start", "end", "offset"),
    [
        (-1, ALWAYS_BEFORE, 0, 100),
        (0, 0, 1_000, 100),
        (999, 0, 1_000, 100),
        (1_000, 1_000, 2_000, 200),
        (2_000, 2_000, ALWAYS_AFTER, 300),
        (ALWAYS_AFTER, 2_000, ALWAYS_AFTER, 300),
        (ALWAYS_BEFORE, ALWAYS_BEFORE, 0, 100),
    ],
)
def test_periods(unix: int, start: int, end: int, offset: int) -> None:
    period = TABLE.find_period(unix)
    assert (period.start, period.end, period.zone.offset) == (start, end, offset)


@pytest.mark.parametrize(
    ("name", "clock", "offset"),
    [
        pytest.param(b"STD", 500, 100, id="the zone in effect"),
        pytest.param(b"STD", 5_000, 300, id="the other zone of the name, in effect later"),
        pytest.param(b"DST", 1_500, 200, id="in summer"),
        pytest.param(b"DST", 9_000, 200, id="not in effect then"),
        pytest.param(b"XXX", 500, None, id="no such name"),
    ],
)
def test_offset_of_a_name(name: bytes, clock: int, offset: int | None) -> None:
    assert TABLE.find_offset(name, clock) == offset


def test_fixed_locations() -> None:
    assert make_fixed(b"", 3_600) is make_fixed(b"", 3_600)
    assert make_fixed(b"", -12 * 3_600) is make_fixed(b"", -12 * 3_600)
    assert make_fixed(b"", 15 * 3_600) is not make_fixed(b"", 15 * 3_600)
    assert make_fixed(b"", 1_800) is not make_fixed(b"", 1_800)
    assert make_fixed(b"X", 3_600) is not make_fixed(b"X", 3_600)
    period = make_fixed(b"X", -5).find_period(0)
    assert (period.zone.name, period.zone.offset, period.start, period.end) == (b"X", -5, ALWAYS_BEFORE, ALWAYS_AFTER)


def test_utc() -> None:
    zone = UTC.find_period(0).zone
    assert (zone.name, zone.offset, zone.is_dst) == (b"UTC", 0, False)
    assert UTC.table.find_offset(b"CET", 0) is None
