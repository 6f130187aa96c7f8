"""What strconv.FormatFloat gives where no template asks for it, such as the fewest digits by other verbs than g."""

from __future__ import annotations

from math import inf, nan

import pytest

from vault_secrets_webhook.gotemplate.formatfloat import format_float

# Asked of Go 1.26.
ANSWERS = [
    (0.1, "f", -1, "0.1"),
    (1e21, "f", -1, "1000000000000000000000"),
    (1e-07, "f", -1, "0.0000001"),
    (123456789.0, "e", -1, "1.23456789e+08"),
    (100.0, "E", -1, "1E+02"),
    (0.0, "f", -1, "0"),
    (0.0, "e", -1, "0e+00"),
    (-0.0, "f", -1, "-0"),
    (123456.0, "g", -1, "123456"),
    (1234567.0, "G", -1, "1.234567E+06"),
    (5e-324, "e", -1, "5e-324"),
    (1.5, "f", 0, "2"),
    (2.5, "f", 0, "2"),
    (1e23, "g", 17, "9.9999999999999992e+22"),
    (inf, "f", -1, "+Inf"),
    (-inf, "x", 3, "-Inf"),
    (nan, "g", -1, "NaN"),
    (1.0, "x", 0, "0x1p+00"),
    (1.9999, "x", 1, "0x1.0p+01"),
    (5e-324, "X", -1, "0X1P-1074"),
    (0.0, "b", -1, "0p-1074"),
    (-1.0, "b", -1, "-4503599627370496p-52"),
]


@pytest.mark.parametrize(
    ("value", "verb", "precision", "text"),
    [pytest.param(*answer, id=f"{answer[0]!r} {answer[1]} {answer[2]}") for answer in ANSWERS],
)
def test_format_float(value: float, verb: str, precision: int, text: str) -> None:
    assert format_float(value, verb, precision) == text
