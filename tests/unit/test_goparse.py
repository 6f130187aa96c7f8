"""Go's words for booleans, durations and numbers."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.goparse import (
    LONGEST_DURATION,
    SECOND,
    format_duration,
    is_digits,
    parse_bool,
    parse_duration,
    parse_whole_number,
)

MILLISECOND, MINUTE, HOUR = SECOND // 1000, 60 * SECOND, 3600 * SECOND


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_true(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_false(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize(
    "text", ["", " ", "yes", "no", "on", "off", "tRUE", "true ", "2", "-1", "\N{FULLWIDTH DIGIT ONE}", "null"]
)
def test_not_a_boolean(text: str) -> None:
    with pytest.raises(ValueError, match="is not a boolean: write true or false"):
        parse_bool(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("0s", 0),
        ("10", 10 * SECOND),
        ("10s", 10 * SECOND),
        ("007s", 7 * SECOND),
        ("500ms", 500 * MILLISECOND),
        ("1.5h", 90 * MINUTE),
        (".5s", 500 * MILLISECOND),
        ("1.s", SECOND),
        ("1m30s", 90 * SECOND),
        ("1h0m0s", HOUR),
        ("1s1s", 2 * SECOND),
        ("1ns", 1),
        ("1us", 1000),
        ("1\N{MICRO SIGN}s", 1000),
        ("1\N{GREEK SMALL LETTER MU}s", 1000),
        ("0.0000000001s", 0),
        ("2562047h47m16.854775807s", LONGEST_DURATION),
    ],
)
def test_duration(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "s",
        ".",
        ".s",
        "1.5",
        "1..5s",
        "10 s",
        " 10s",
        "10s ",
        "-1",
        "-1s",
        "+1s",
        "1d",
        "1S",
        "1e3",
        "1e3s",
        "1s2",
        "\N{FULLWIDTH DIGIT ONE}s",
        "1_0s",
        "0x1s",
        "9223372037s",
        "99999999999999999999",
        pytest.param("9" * 41, id="many digits"),
        pytest.param("9" * 5000 + "s", id="very many digits"),
        pytest.param("1s" * 100_000, id="very many seconds"),
    ],
)
def test_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|out of range") as raised:
        parse_duration(text)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1100, "1.1\N{MICRO SIGN}s"),
        (1_500_000, "1.5ms"),
        (500 * MILLISECOND, "500ms"),
        (SECOND, "1s"),
        (10 * SECOND, "10s"),
        (SECOND + 1, "1.000000001s"),
        (90 * SECOND, "1m30s"),
        (HOUR, "1h0m0s"),
        (25 * HOUR + 61 * SECOND + 500 * MILLISECOND, "25h1m1.5s"),
        (LONGEST_DURATION, "2562047h47m16.854775807s"),
    ],
)
def test_format_duration_as_go_does(nanoseconds: int, expected: str) -> None:
    assert format_duration(nanoseconds) == expected


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("25", 25), ("0010", 10), (str(2**63 - 1), 2**63 - 1)])
def test_whole_number(text: str, expected: int) -> None:
    assert parse_whole_number(text) == expected


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1e3", " 1", "1_000", "0x10", "²", "\N{FULLWIDTH DIGIT ONE}", str(2**63), "1" * 99]
)
def test_not_a_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a whole number|is out of range"):
        parse_whole_number(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("0", True), ("9" * 40, True), ("9" * 41, False), ("", False), ("²", False)]
)
def test_is_digits(text: str, expected: bool) -> None:
    assert is_digits(text) is expected
