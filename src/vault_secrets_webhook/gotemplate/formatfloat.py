"""Floating point numbers as decimal text.

Python rounds as Go does: what `%` gives for a precision and `repr` without one (the fewest digits that read back as the
same number) are the digits of Go too; only their layout differs. What has no counterpart (the binary and hexadecimal
forms) is in `binaryfloat`, which is imported when asked for.

Source: package strconv, `FormatFloat`.
"""

from __future__ import annotations

INFINITY = float("inf")
PLAIN_FROM = 1e-4  # from here up to PLAIN_TO, the shortest `%g` and `repr` write no exponent
PLAIN_TO = 1e6


def format_float(value: float, verb: str, precision: int = -1) -> str:
    """Format a number as `strconv.FormatFloat` does.

    `verb` is one of b, e, E, f, g, G, x, X; a negative precision asks for the fewest digits that tell the number from
    its neighbours.
    """
    if value != value:  # noqa: PLR0124 # NaN alone differs from itself, and `math` would be one import more
        return "NaN"
    if value in (INFINITY, -INFINITY):
        return "+Inf" if value > 0 else "-Inf"
    if verb in "bxX":
        from . import binaryfloat

        return binaryfloat.format_float(value, verb, precision)
    if precision >= 0:
        return f"%.{precision}{verb}" % value
    if verb == "g" and (PLAIN_FROM <= value < PLAIN_TO or -PLAIN_TO < value <= -PLAIN_FROM):
        return repr(value).removesuffix(".0")
    digits, point = split_digits(repr(abs(value)))
    sign = "-" if is_negative(value) else ""
    return sign + lay_out(digits, point, verb)


def is_negative(value: float) -> bool:
    """Tell whether a number has a minus sign, as -0 has."""
    return repr(value).startswith("-")


def split_digits(text: str) -> tuple[str, int]:
    """Split `1.5e+20` into its digits and the place of the decimal point: 0.DIGITS times ten to that power."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits.rstrip("0"):
        return "", 0
    point = len(digits) - len(fraction) + int(exponent or 0)
    return digits.rstrip("0"), point


def lay_out(digits: str, point: int, verb: str) -> str:
    """Write the digits of a number that is not negative, all of them and no more, as a verb wants them."""
    if verb in "eE" or (verb in "gG" and digits and not -4 < point <= 6):  # noqa: PLR2004 # strconv's bounds for %g
        return write_scientific(digits, point, "e" if verb in "eg" else "E")
    if point <= 0:
        return "0." + "0" * -point + digits if digits else "0"
    whole = digits[:point].ljust(point, "0")
    return f"{whole}.{digits[point:]}" if len(digits) > point else whole


def write_scientific(digits: str, point: int, letter: str) -> str:
    exponent = point - 1 if digits else 0
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[:1] or '0'}{fraction}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
