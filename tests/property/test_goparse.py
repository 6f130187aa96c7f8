"""Durations survive being written and read; arbitrary text raises nothing but ValueError."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.goparse import (
    LONGEST_DURATION,
    SECOND,
    format_duration,
    parse_bool,
    parse_duration,
    parse_whole_number,
)

NEARLY = st.lists(
    st.sampled_from([*"0123456789.-+e _", "ms", "us", "ns", "s", "m", "h", "²", "\N{FULLWIDTH DIGIT ONE}"]), max_size=12
).map("".join)


@given(st.integers(0, LONGEST_DURATION))
def test_duration_is_read_as_it_was_written(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


@given(st.integers(0, LONGEST_DURATION // SECOND))
def test_bare_number_is_seconds(seconds: int) -> None:
    assert parse_duration(str(seconds)) == parse_duration(f"{seconds}s") == seconds * SECOND


@given(NEARLY | st.text(max_size=20))
def test_only_value_errors(text: str) -> None:
    for parser in (parse_bool, parse_duration, parse_whole_number):
        with suppress(ValueError):
            assert 0 <= parser(text) <= LONGEST_DURATION
