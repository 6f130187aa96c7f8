"""Days and the calendar, against Python's own for the years that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.time.civil import (
    MASK,
    count_before_month,
    count_days,
    count_month,
    find_weekday,
    split_days,
    truncate,
)

if TYPE_CHECKING:
    import datetime as dt


@given(st.dates())
def test_same_as_datetime(date: dt.date) -> None:
    days = count_days(date.year, date.month, date.day)
    assert days - count_days(1, 1, 1) == date.toordinal() - 1
    assert split_days(days) == (date.year, date.month, date.day, date.timetuple().tm_yday)
    assert find_weekday(days) == date.isoweekday() % 7
    assert count_before_month(date.year, date.month) + date.day == date.timetuple().tm_yday


@given(st.integers(0, MASK // 86_400))
def test_every_day_is_found_again(days: int) -> None:
    year, month, day, _ = split_days(days)
    assert 1 <= day <= count_month(year, month)
    assert count_days(year, month, day) == days


@pytest.mark.parametrize(
    ("year", "length"),
    [(2023, 28), (2024, 29), (1900, 28), (2000, 29), (0, 29), (-1, 28), (-4, 29), (-100, 28), (-400, 29)],
)
def test_february(year: int, length: int) -> None:
    assert count_month(year, 2) == length


def test_days_out_of_range_go_into_other_months() -> None:
    assert split_days(count_days(2024, 1, 60)) == (2024, 2, 29, 60)
    assert split_days(count_days(2024, 3, 0)) == (2024, 2, 29, 60)
    assert split_days(count_days(2024, 1, -365)) == (2022, 12, 31, 365)


@pytest.mark.parametrize(
    ("number", "quotient", "rest"), [(7, 3, 1), (-7, -3, -1), (6, 3, 0), (-6, -3, 0), (1, 0, 1), (-1, 0, -1)]
)
def test_division_rounds_towards_zero(number: int, quotient: int, rest: int) -> None:
    assert truncate(number, 2) == (quotient, rest)
