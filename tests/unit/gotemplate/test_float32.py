"""Floats of 32 bits: rounded once. Expectations are Go's `strconv.ParseFloat(text, 32)`."""

from __future__ import annotations

import math
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.strconv import NumberError, parse_float

ABOVE_ONE = 1.0 + 2.0**-23


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"0", 0.0, id="zero"),
        pytest.param(b"-1.5", -1.5, id="negative"),
        pytest.param(b"0x1.8p1", 3.0, id="hexadecimal"),
        pytest.param(b"1.000000059604644775390625", 1.0, id="the middle goes to the even one"),
        pytest.param(b"1.000000178813934326171875", 1.0 + 2.0**-22, id="the middle goes up to the even one"),
        pytest.param(b"1.0000000596046447753906250000000000001", ABOVE_ONE, id="above the middle, which 64 bits miss"),
        pytest.param(b"1.000000059604644775390625" + b"0" * 300 + b"1", ABOVE_ONE, id="far behind the middle"),
        pytest.param(b"0x1.00000100000000000001p0", ABOVE_ONE, id="above the middle, hexadecimal"),
        pytest.param(b"1.4e-45", 2.0**-149, id="smallest"),
        pytest.param(b"7.0064923216240853e-46", 0.0, id="less than half of the smallest"),
        pytest.param(b"7.0064923216240854e-46", 2.0**-149, id="more than half of the smallest"),
        pytest.param(b"340282356779733661637539395458142568447", 2.0**128 - 2.0**104, id="largest"),
        pytest.param(b"-inf", -math.inf, id="infinite"),
    ],
)
def test_parse(text: bytes, expected: float) -> None:
    assert parse_float(text, 32) == expected


@pytest.mark.parametrize("text", [b"340282356779733661637539395458142568448", b"1e39", b"1e309", b"0x1p128"])
def test_out_of_range(text: bytes) -> None:
    with pytest.raises(NumberError, match="value out of range") as caught:
        parse_float(b"-" + text, 32)
    assert caught.value.value == -math.inf


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float_of_32_bits_is_read_back(number: float) -> None:
    for text in (repr(number), number.hex()):
        assert pack("f", parse_float(text.encode(), 32)) == pack("f", number)
