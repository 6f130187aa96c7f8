"""Sprig's arithmetic: what the table of templates cannot show, limits and any number at all."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import decimal
from vault_secrets_webhook.gotemplate.sprig.cast import to_int
from vault_secrets_webhook.gotemplate.sprig.math import FUNCTIONS, divide, lower, raise_ten, take_remainder
from vault_secrets_webhook.gotemplate.values import Int64

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
LARGEST = (1 << 63) - 1


def call(name: str, *values: object) -> object:
    return FUNCTIONS[name][1](Budget(), *values)


@given(INT64, INT64.filter(bool))
def test_quotient_and_remainder_belong_together(left: int, right: int) -> None:
    quotient, rest = divide(left, right), take_remainder(left, right)
    assert (quotient * right + rest - left) % (1 << 64) == 0
    assert abs(rest) < abs(right)
    assert rest == 0 or (rest < 0) == (left < 0)
    assert type(quotient) is type(rest) is Int64


@given(FINITE)
def test_decimals_are_what_python_prints(value: float) -> None:
    number, exponent = decimal.from_float(value)
    assert Decimal(number).scaleb(exponent) == Decimal(repr(value))
    assert decimal.to_float((number, exponent)) == value


@given(FINITE, FINITE)
def test_sums_of_decimals(left: float, right: float) -> None:
    assert call("addf", left, right) == pytest.approx(left + right, rel=1e-9)
    assert call("subf", left, right) == call("addf", left, -right)


@given(FINITE)
def test_lower_is_below(value: float) -> None:
    result = lower(value)
    assert result <= value < result + 1 or abs(value) >= 2**53
    assert math.copysign(1, result) == math.copysign(1, value) or -1 < value < 0


@pytest.mark.parametrize("power", range(-330, 320))
def test_powers_of_ten(power: int) -> None:
    assert raise_ten(power) == pytest.approx(float(f"1e{power}"), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("until", [LARGEST], id="until"),
        pytest.param("until", [-LARGEST - 1], id="until, downwards"),
        pytest.param("until", [3_000_000], id="just too many"),
        pytest.param("untilStep", [0, LARGEST, 1 << 62], id="a step over the last int"),
        pytest.param("untilStep", [0, -LARGEST, -(1 << 62) - 1], id="a step below the first int"),
        pytest.param("untilStep", [-LARGEST - 1, LARGEST, 1], id="all ints"),
        pytest.param("seq", [LARGEST - 1], id="seq"),
        pytest.param("seq", [1, 2, 10_000_000], id="seq by a step"),
    ],
)
def test_too_many_numbers(name: str, values: list[int]) -> None:
    with pytest.raises(LimitError, match="MiB of values"):
        call(name, *values)


def test_sequence_up_to_the_last_int_ends_before_it_begins() -> None:
    """The end is included by adding one, which wraps around: Go writes nothing."""
    assert call("seq", LARGEST - 1, LARGEST) == b""


def test_long_products_cost_steps() -> None:
    with pytest.raises(LimitError, match="steps"):
        FUNCTIONS["mulf"][1](Budget(steps=10_000), *[1.0000000000000002] * 5_000)


@pytest.mark.parametrize("text", ["0", "00", ".", "0.", ".0", "1.0.0", "", "10", "100.00", "1.10", "0.0.0."])
def test_decimals_of_zeros_are_cut_off(text: str) -> None:
    """Against the loop over characters that the source has."""
    found, cut = False, text
    for index in range(len(text) - 1, -1, -1):
        if text[index] not in ".0":
            break
        if text[index] == "." and found:
            cut = text[:index]
            break
        found = found or text[index] == "0"
    expected = int(cut, 8 if cut.startswith("0") and len(cut) > 1 else 10) if cut.isdigit() else 0
    assert to_int(text.encode()) == expected
