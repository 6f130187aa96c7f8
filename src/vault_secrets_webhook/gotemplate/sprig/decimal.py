"""Decimal arithmetic for Sprig's float functions, which compute with decimals so that 0.1 + 0.2 is 0.3.

A decimal is a pair: a whole number and the power of ten that it is multiplied with. Only what Sprig needs is here, so
the module `decimal` is not loaded. Source: shopspring/decimal v1.4.0 (division gives 16 digits behind the point).
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Decimal: TypeAlias = tuple[int, int]

DIVISION_PRECISION = 16
NON_FINITE = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def from_float(value: float) -> Decimal:
    """Take the shortest decimal that is read as this float. Raises FunctionError for NaN and infinities."""
    text = repr(value)
    if text in NON_FINITE:
        raise FunctionError(f"Cannot create a Decimal from {NON_FINITE[text]}")
    number, _, power = text.partition("e")
    whole, _, fraction = number.partition(".")
    digits = (whole + fraction).rstrip("0")
    if digits in {"", "-"}:
        return 0, 0
    return int(digits), int(power or "0") + len(whole) - len(digits)


def to_float(number: Decimal) -> float:
    """Give the nearest float; an infinity if the number is too large."""
    value, exponent = number
    try:
        return value / 10**-exponent if exponent < 0 else float(value * 10**exponent)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def align(left: Decimal, right: Decimal) -> tuple[int, int, int]:
    """Give both numbers as multiples of one power of ten, which is the last."""
    exponent = min(left[1], right[1])
    return left[0] * 10 ** (left[1] - exponent), right[0] * 10 ** (right[1] - exponent), exponent


def add(left: Decimal, right: Decimal) -> Decimal:
    augend, addend, exponent = align(left, right)
    return augend + addend, exponent


def subtract(left: Decimal, right: Decimal) -> Decimal:
    return add(left, (-right[0], right[1]))


def multiply(left: Decimal, right: Decimal) -> Decimal:
    return left[0] * right[0], left[1] + right[1]


def divide(left: Decimal, right: Decimal) -> Decimal:
    """Divide to 16 digits behind the point, halves away from zero. Raises FunctionError for a divisor of 0."""
    if not right[0]:
        raise FunctionError("decimal division by 0", is_constant=True)
    shift = left[1] - right[1] + DIVISION_PRECISION
    dividend = abs(left[0]) * 10 ** max(shift, 0)
    divisor = abs(right[0]) * 10 ** max(-shift, 0)
    quotient, rest = divmod(dividend, divisor)
    quotient += 2 * rest >= divisor
    return (quotient if (left[0] < 0) == (right[0] < 0) else -quotient), -DIVISION_PRECISION
