"""Layouts split into elements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.time.layout import count_fraction_digits, split_layout

PIECES = st.lists(
    st.sampled_from(
        ["2006", "_2", "__2", "002", "Jan", "uary", "Mon", "day", "MST", "-07", "00", ":00", ".000", ",9", "x"]
    )
)


@pytest.mark.parametrize(
    ("layout", "parts"),
    [
        (b"", [b""]),
        (b"text", [b"text"]),
        (b"2006-01-02", [b"", b"2006", b"-", b"01", b"-", b"02", b""]),
        (b"_2006", [b"_", b"2006", b""]),
        (b"__2006", [b"", b"__2", b"0", b"06", b""]),
        (b"Month Jane January", [b"Month Jane ", b"January", b""]),
        (b"MonJan", [b"", b"Mon", b"", b"Jan", b""]),
        (b"-0700000", [b"", b"-070000", b"0"]),
        (b".000.0009", [b"", b".000", b".0009"]),
        (b".9x,99", [b"", b".9", b"x", b",99", b""]),
        (b"15113", [b"", b"15", b"", b"1", b"", b"1", b"", b"3", b""]),
    ],
)
def test_split(layout: bytes, parts: list[bytes]) -> None:
    found = [part for pair in split_layout(layout) for part in pair]
    assert found == [*parts, b""]


@given(PIECES)
def test_nothing_is_lost(pieces: list[str]) -> None:
    layout = "".join(pieces).encode()
    assert b"".join(part for pair in split_layout(layout) for part in pair) == layout


@pytest.mark.parametrize(("zeros", "digits"), [(1, 1), (9, 9), (4_095, 4_095), (4_096, 0), (4_097, 1)])
def test_digits_of_a_fraction(zeros: int, digits: int) -> None:
    assert count_fraction_digits(b"." + b"0" * zeros) == digits
