"""Rules for time zones. What is expected is what Go gives for files that hold nothing but the rule."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate.time.zonerule import find_period

NEW_YEAR, JULY, OLD_YEAR = 1_704_067_200, 1_720_000_000, 1_735_689_599  # 2024


@pytest.mark.parametrize(
    ("rule", "winter", "summer"),
    [
        (b"EST5EDT", (b"EST", -18_000, False), (b"EDT", -14_400, True)),
        (b"EST5EDT4;M3.2.0,M11.1.0", (b"EST", -18_000, False), (b"EDT", -14_400, True)),
        (b"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", (b"-03", -10_800, False), (b"-02", -7_200, True)),
        (b"AEST-10AEDT,M10.1.0,M4.1.0/3", (b"AEDT", 39_600, True), (b"AEST", 36_000, False)),
        (b"EST5EDT4:30:15,J60,J300/1:2:3", (b"EST", -18_000, False), (b"EDT", -16_215, True)),
        (b"IST-1GMT0,M10.5.0,M3.5.0/1", (b"GMT", 0, True), (b"IST", 3_600, False)),
        (b"EST5EDT,59,299/167", (b"EST", -18_000, False), (b"EDT", -14_400, True)),
        (b"EST5", (b"EST", -18_000, False), (b"EST", -18_000, False)),
        (b"<+0545>-5:45", (b"+0545", 20_700, False), (b"+0545", 20_700, False)),
    ],
)
def test_zones(rule: bytes, winter: tuple[bytes, int, bool], summer: tuple[bytes, int, bool]) -> None:
    for now, expected in ((NEW_YEAR, winter), (JULY, summer), (OLD_YEAR, winter)):
        period = find_period(rule, 0, now)
        assert period is not None
        assert (period.zone.name, period.zone.offset, period.zone.is_dst) == expected
        assert period.start <= now


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        pytest.param(b"CET-1CEST,M3.5.0,M10.5.0/3", 1_711_846_800, id="last Sunday of March"),
        pytest.param(b"EST5EDT,M3.2.0,M11.1.0", 1_710_054_000, id="second Sunday of March"),
        pytest.param(b"XXX0YYY,J60/0,J300", 1_709_251_200, id="Julian day, leap day not counted: March 1"),
        pytest.param(b"XXX0YYY,59/0,300", 1_709_164_800, id="day from 0, leap day counted: February 29"),
        pytest.param(b"XXX0YYY,M2.5.4/0,M11.1.0", 1_709_164_800, id="fifth Thursday of February"),
        pytest.param(b"XXX0YYY,M2.5.5/0,M11.1.0", 1_708_646_400, id="last Friday of February, the fourth"),
        pytest.param(b"XXX0YYY,M3.1.5/-1,M11.1.0", 1_709_247_600, id="an hour before March 1"),
        pytest.param(b"XXX0YYY,M3.1.5/167,M11.1.0", 1_709_852_400, id="a week later"),
    ],
)
def test_clocks_change(rule: bytes, change: int) -> None:
    before, after = find_period(rule, 0, change - 1), find_period(rule, 0, change)
    assert before is not None
    assert after is not None
    assert (before.zone.is_dst, before.end) == (False, change)
    assert (after.zone.is_dst, after.start) == (True, change)
    autumn = find_period(rule, 0, after.end)
    assert autumn is not None
    assert (autumn.zone.is_dst, autumn.start) == (False, after.end)


@pytest.mark.parametrize(
    "rule",
    [
        *(b"", b"XX5", b"EST", b"<EST", b"EST5fo", b"EST169", b"EST-5:60", b"EST5:", b"EST5:00:", b"EST+"),
        *(
            b"EST5EDT;M3.2.0,M11.1.0",
            b"EST5EDT4x",
            b"EST5EDT,",
            b"EST5EDT,foo",
            b"EST5EDT,M3.2.0",
            b"EST5EDT,M3.2.0,",
            b"EST5EDT,M3.2.0,M11.1.0 ",
            b"EST5EDT4:",
        ),
        *(b"EST5EDT,M13.1.0,M1.1.1", b"EST5EDT,M1.6.0,M1.1.1", b"EST5EDT,M1.1.7,M1.1.1", b"EST5EDT,M1,M1.1.1"),
        *(b"EST5EDT,J0,J9", b"EST5EDT,J366,J9", b"EST5EDT,366,9", b"EST5EDT,M1.1.1/,M2.1.1", b"EST5EDT,M1.1.1/x,J9"),
        pytest.param(b"EST" + b"9" * 10_000, id="many digits"),
    ],
)
def test_no_rule(rule: bytes) -> None:
    """Go takes the zone of the last transition then."""
    assert find_period(rule, 0, JULY) is None


def test_nothing_is_read_behind_the_comma_of_standard_time() -> None:
    period = find_period(b"EST5,nonsense", 7, JULY)
    assert period is not None
    assert (period.zone.name, period.start) == (b"EST", 7)
