"""Durations: reading and writing them. What Go says to each text is among the golden cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.time.duration import (
    LONGEST,
    SHORTEST,
    Duration,
    DurationError,
    format_duration,
    limit_duration,
    parse_duration,
    round_duration,
    truncate_duration,
)

INT64 = st.integers(SHORTEST, LONGEST)


@given(INT64)
def test_what_is_written_is_read_again(nanoseconds: int) -> None:
    """The fraction of an hour is a float to Go; that of a second is written with few enough digits to be exact."""
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


@given(INT64, st.integers(1, LONGEST))
def test_rounding_is_to_the_nearest_multiple(duration: int, multiple: int) -> None:
    truncated = truncate_duration(duration, multiple)
    assert truncated % multiple == 0
    assert 0 <= abs(duration) - abs(truncated) < multiple
    rounded = round_duration(duration, multiple)
    assert rounded in (SHORTEST, LONGEST) or (rounded % multiple == 0 and 2 * abs(rounded - duration) <= multiple)


@pytest.mark.parametrize("text", [b"", b"-", b"1", b"x", b"1x", b".", b"1..s", b"9223372036854775808ns"])
def test_errors_quote_the_text(text: bytes) -> None:
    with pytest.raises(DurationError, match=r"^time: .* duration \"") as caught:
        parse_duration(text)
    assert str(caught.value).endswith(f'"{text.decode()}"')


@pytest.mark.parametrize("digits", [5_000, 100_000])
def test_many_digits(digits: int) -> None:
    """More than Python's int would read: zeros in front do not matter, and those behind the point are dropped."""
    assert parse_duration(b"0" * digits + b"1s") == 1_000_000_000
    assert parse_duration(b"0." + b"5" * digits + b"s") == 555_555_555
    assert parse_duration(b"0." + b"0" * digits + b"1h") == 0
    with pytest.raises(DurationError, match="invalid duration"):
        parse_duration(b"1" * digits + b"s")


def test_types() -> None:
    assert type(parse_duration(b"1s")) is Duration
    assert type(limit_duration(1 << 70)) is Duration
    assert limit_duration(-1 << 70) == SHORTEST
