"""Floats of 32 bits, read from strings.

Role: what `strconv.parse_float` gives for 32 bits. Theory: to round a number to 64 bits and then to 32 can be wrong where
it lies next to the middle of two; so it is rounded once, as a fraction of whole numbers. Source: package strconv.
"""

from __future__ import annotations

PRECISION = 24  # bits of the mantissa
SMALLEST_EXPONENT = -149  # that of the smallest number, 2**-149
LIMIT = 2.0**128
KEPT_DIGITS = 200  # of decimal ones: more than the middle of two floats of 32 bits can have


def read_float32(plain: str, nearest: float) -> float:
    """Read a float as `strconv.normalize_float` gives it; `nearest` is what 64 bits hold of it, and finite.

    Gives an infinite one if it is too large.
    """
    if nearest == 0:
        return nearest
    numerator, denominator = read_fraction(plain.lstrip("+-"))
    exponent = max(numerator.bit_length() - denominator.bit_length() - PRECISION, SMALLEST_EXPONENT)
    mantissa = divide(numerator, denominator, exponent)
    if mantissa.bit_length() > PRECISION:
        exponent += 1
        mantissa = divide(numerator, denominator, exponent)
    rounded = mantissa * 2.0**exponent if exponent < PRECISION * 5 else LIMIT
    if rounded >= LIMIT:
        rounded = float("inf")
    return -rounded if nearest < 0 else rounded


def read_fraction(plain: str) -> tuple[int, int]:
    """Give the numerator and denominator of a number without a sign."""
    is_hex = plain.startswith("0x")
    mantissa, _, exponent = plain[2 * is_hex :].partition("p" if is_hex else "e")
    whole, _, fraction = mantissa.partition(".")
    power = int(exponent or 0) - len(fraction) * (4 if is_hex else 1)
    digits = (whole + fraction).lstrip("0")
    if is_hex:
        base, number = 2, int(digits, 16)
    else:
        base, kept = 10, digits[:KEPT_DIGITS]
        if digits[KEPT_DIGITS:].strip("0"):
            kept = kept[:-1] + "1" if kept.endswith("0") else kept  # all that matters is that something follows
        number, power = int(kept), power + len(digits) - len(kept)
    return (number * base**power, 1) if power >= 0 else (number, base**-power)


def divide(numerator: int, denominator: int, exponent: int) -> int:
    """Divide a fraction by a power of two, and round to the nearest whole number, to the even one in the middle."""
    if exponent < 0:
        numerator <<= -exponent
    else:
        denominator <<= exponent
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient & 1))
