"""What strconv.FormatFloat gives where no template asks for it: float32, and the fewest digits by other verbs than g."""

from __future__ import annotations

from math import inf, nan

import pytest

from vault_secrets_webhook.gotemplate.formatfloat import format_float

# Asked of Go 1.26.
ANSWERS = [
    (0.1, "f", -1, 64, "0.1"),
    (1e21, "f", -1, 64, "1000000000000000000000"),
    (1e-07, "f", -1, 64, "0.0000001"),
    (123456789.0, "e", -1, 64, "1.23456789e+08"),
    (100.0, "E", -1, 64, "1E+02"),
    (0.0, "f", -1, 64, "0"),
    (0.0, "e", -1, 64, "0e+00"),
    (-0.0, "f", -1, 64, "-0"),
    (123456.0, "g", -1, 64, "123456"),
    (1234567.0, "G", -1, 64, "1.234567E+06"),
    (5e-324, "e", -1, 64, "5e-324"),
    (1.5, "f", 0, 64, "2"),
    (2.5, "f", 0, 64, "2"),
    (1e23, "g", 17, 64, "9.9999999999999992e+22"),
    (inf, "f", -1, 64, "+Inf"),
    (-inf, "x", 3, 64, "-Inf"),
    (nan, "g", -1, 32, "NaN"),
    (1.0, "x", 0, 64, "0x1p+00"),
    (1.9999, "x", 1, 64, "0x1.0p+01"),
    (5e-324, "X", -1, 64, "0X1P-1074"),
    (0.0, "b", -1, 64, "0p-1074"),
    (-1.0, "b", -1, 64, "-4503599627370496p-52"),
    (0.10000000149011612, "g", -1, 32, "0.1"),
    (16777216.0, "g", -1, 32, "1.6777216e+07"),
    (3.4028234663852886e38, "g", -1, 32, "3.4028235e+38"),
    (1.401298464324817e-45, "g", -1, 32, "1e-45"),
    (0.000244140625, "e", -1, 32, "2.4414063e-04"),
    (1.262177448353619e-29, "g", -1, 32, "1.2621775e-29"),
    (0.10000000149011612, "f", 20, 32, "0.10000000149011611938"),
    (0.10000000149011612, "b", -1, 32, "13421773p-27"),
    (0.10000000149011612, "x", -1, 32, "0x1.99999ap-04"),
    (1.401298464324817e-45, "x", -1, 32, "0x1p-149"),
    (-1.0000000116860974e-07, "f", -1, 32, "-0.0000001"),
    (-0.0, "g", -1, 32, "-0"),
    (0.0, "e", 2, 32, "0.00e+00"),
]


@pytest.mark.parametrize(
    ("value", "verb", "precision", "bits", "text"),
    [pytest.param(*answer, id=f"{answer[0]!r} {answer[1]} {answer[2]} {answer[3]}") for answer in ANSWERS],
)
def test_format_float(value: float, verb: str, precision: int, bits: int, text: str) -> None:
    assert format_float(value, verb, precision, bits) == text
