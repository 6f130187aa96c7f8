"""Floating point numbers as powers of two (`%b`, `%x`).

Sources: package strconv, `FormatFloat`; IEEE 754-2019, section 3.4 (binary interchange formats).
"""

from __future__ import annotations

from _struct import pack, unpack

from .formatfloat import is_negative

FRACTION_BITS = 52
BIAS = 1023  # of the stored exponent
POINT = 60  # where the hexadecimal form keeps the leading bit, so that fifteen whole digits follow it


def format_float(value: float, verb: str, precision: int) -> str:
    """Format a finite number with the verb b, x or X, see `formatfloat.format_float`."""
    if verb == "b":
        mantissa, exponent = split_binary(value)
        return f"{'-' if is_negative(value) else ''}{mantissa}p{exponent:+d}"
    return format_hexadecimal(value, verb, precision)


def split_binary(value: float) -> tuple[int, int]:
    """Give the whole numbers m >= 0 and e of a number's magnitude m * 2**e, as they are stored."""
    stored: int = unpack(">Q", pack(">d", value))[0]
    mantissa = stored & ((1 << FRACTION_BITS) - 1)
    exponent = stored >> FRACTION_BITS & (2 * BIAS + 1)
    if exponent:
        mantissa |= 1 << FRACTION_BITS
    return mantissa, max(exponent, 1) - BIAS - FRACTION_BITS


def format_hexadecimal(value: float, verb: str, precision: int) -> str:
    mantissa, exponent = split_binary(value)
    if mantissa:
        shift = POINT + 1 - mantissa.bit_length()
        mantissa <<= shift
        exponent += POINT - shift
    else:
        exponent = 0
    if 0 <= precision < POINT // 4:
        mantissa, exponent = round_mantissa(mantissa, exponent, POINT - 4 * precision)
    digits = f"{mantissa & ((1 << POINT) - 1):015x}"
    digits = digits.rstrip("0") if precision < 0 else digits[:precision].ljust(precision, "0")
    sign = "-" if is_negative(value) else ""
    text = f"0x{mantissa >> POINT}{'.' if digits else ''}{digits}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return sign + (text.upper() if verb == "X" else text)


def round_mantissa(mantissa: int, exponent: int, dropped: int) -> tuple[int, int]:
    """Round to a multiple of 2**dropped, halves to the even one; a carry out of the leading bit moves the exponent."""
    kept, rest = mantissa >> dropped, mantissa & ((1 << dropped) - 1)
    half = 1 << (dropped - 1)
    if rest > half or (rest == half and kept & 1):
        kept += 1
    mantissa = kept << dropped
    return (mantissa >> 1, exponent + 1) if mantissa >> (POINT + 1) else (mantissa, exponent)
