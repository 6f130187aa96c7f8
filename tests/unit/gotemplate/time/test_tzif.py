"""Files of the time zone database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gotemplate.time.zonefile import CENTRAL_EUROPE, ZoneEntry, make_zone_file
from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.time.tzif import read_table

ZONES: list[ZoneEntry] = [(-1_800, 0, 0), (3_600, 1, 4)]
NAMES = b"LMT\0DST\0"
TRANSITIONS = [(0, 1), (1_000_000_000, 0)]
WHOLE = make_zone_file(CENTRAL_EUROPE, zones=ZONES, names=NAMES, transitions=TRANSITIONS)


@pytest.mark.parametrize("version", [b"\0", b"2", b"3"])
@pytest.mark.parametrize(
    ("unix", "name", "offset", "is_dst"),
    [
        (-1, b"LMT", -1_800, False),
        (0, b"DST", 3_600, True),
        (999_999_999, b"DST", 3_600, True),
        (10**9, b"LMT", -1_800, False),
    ],
)
def test_transitions(version: bytes, unix: int, name: bytes, offset: int, is_dst: bool) -> None:
    data = make_zone_file(zones=ZONES, names=NAMES, transitions=TRANSITIONS, version=version)
    zone = read_table(b"x", data).find_period(unix).zone
    assert (zone.name, zone.offset, zone.is_dst) == (name, offset, is_dst)


@pytest.mark.parametrize(
    ("unix", "name"),
    [(999_999_999, b"DST"), (1_711_846_799, b"CET"), (1_711_846_800, b"CEST"), (1_729_990_800, b"CET")],
)
def test_rule_holds_behind_the_last_transition(unix: int, name: bytes) -> None:
    assert read_table(b"x", WHOLE).find_period(unix).zone.name == name


def test_rule_of_version_1_is_none() -> None:
    data = make_zone_file(zones=ZONES, names=NAMES, transitions=TRANSITIONS, version=b"\0")
    assert read_table(b"x", data + b"\nCET-1\n").rule == b"CET-1"
    assert read_table(b"x", data).rule == b""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"TZif2", id="no header"),
        pytest.param(b"XXXX" + WHOLE[4:], id="magic"),
        pytest.param(b"TZif4" + WHOLE[5:], id="version 4"),
        pytest.param(WHOLE[:60], id="cut in the first half"),
        pytest.param(WHOLE[:120], id="cut in the second half"),
        pytest.param(make_zone_file(zones=()), id="no zones"),
        pytest.param(make_zone_file(zones=[(0, 0, 4)]), id="name behind the names"),
        pytest.param(make_zone_file(transitions=[(0, 1)]), id="unknown zone"),
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(FunctionError, match=r"^malformed time zone information$"):
        read_table(b"x", data)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_damage_raises_no_other_error(position: int, byte: int) -> None:
    data = bytearray(WHOLE)
    data[position] = byte
    try:
        read_table(b"x", bytes(data)).find_period(1_720_000_000)
    except FunctionError as error:
        assert str(error) == "malformed time zone information"  # noqa: PT017 # most damage does not matter


def test_first_zone() -> None:
    """Before the first transition: a zone that no transition begins, else the first that is no daylight saving time."""
    assert read_table(b"x", WHOLE).find_first_zone().name == b"LMT"
    unused = make_zone_file(zones=[(60, 1, 0), (0, 0, 4)], names=NAMES, transitions=[(0, 1)])
    assert read_table(b"x", unused).find_first_zone().name == b"LMT"
    only_summer = make_zone_file(zones=[(60, 1, 0), (120, 1, 4)], names=NAMES, transitions=[(0, 1), (9, 0)])
    assert read_table(b"x", only_summer).find_first_zone().name == b"LMT"
    before_summer = make_zone_file(
        zones=[(0, 0, 0), (60, 0, 4), (120, 1, 0)], names=NAMES, transitions=[(0, 2), (9, 0), (10, 1)]
    )
    assert read_table(b"x", before_summer).find_first_zone().name == b"DST"
