"""Floating point numbers as powers of two (`%b`, `%x`), and those of 32 bits.

Sources: package strconv, `FormatFloat`; IEEE 754-2019, section 3.4 (binary interchange formats).
"""

from __future__ import annotations

from _struct import pack, unpack

from .formatfloat import is_negative, lay_out, split_digits

# By size: bits of the fraction, bias of the exponent, how `struct` names the float and the integer of that size.
LAYOUTS = {32: (23, 127, ">f", ">I"), 64: (52, 1023, ">d", ">Q")}
POINT = 60  # where the hexadecimal form keeps the leading bit, so that fifteen whole digits follow it
MAX_DIGITS = 9  # that tell any float32 from its neighbours


def format_float(value: float, verb: str, precision: int, bits: int) -> str:
    """Format a finite number, see `formatfloat.format_float`."""
    if verb == "b":
        mantissa, exponent = split_binary(value, bits)
        return f"{'-' if is_negative(value) else ''}{mantissa}p{exponent:+d}"
    if verb in "xX":
        return format_hexadecimal(value, verb, precision, bits)
    value = unpack(">f", pack(">f", value))[0]
    if precision >= 0:
        return f"%.{precision}{verb}" % value
    sign = "-" if is_negative(value) else ""
    return sign + lay_out(*split_digits(find_shortest(abs(value))), verb)


def split_binary(value: float, bits: int) -> tuple[int, int]:
    """Give the whole numbers m >= 0 and e of a number's magnitude m * 2**e, as they are stored."""
    fraction_bits, bias, as_float, as_integer = LAYOUTS[bits]
    stored: int = unpack(as_integer, pack(as_float, value))[0]
    mantissa = stored & ((1 << fraction_bits) - 1)
    exponent = stored >> fraction_bits & (2 * bias + 1)
    if exponent:
        mantissa |= 1 << fraction_bits
    return mantissa, max(exponent, 1) - bias - fraction_bits


def format_hexadecimal(value: float, verb: str, precision: int, bits: int) -> str:
    mantissa, exponent = split_binary(value, bits)
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


def find_shortest(value: float) -> str:
    """Give the shortest decimal that is nearer to a float32 than to any other one; of two such, the nearer."""
    numerator, denominator = value.as_integer_ratio()
    magnitude = int(f"{value:.16e}".partition("e")[2])
    for digits in range(MAX_DIGITS):
        exponent = magnitude - digits
        unit = denominator * 10 ** max(exponent, 0)
        below, rest = divmod(numerator * 10 ** max(-exponent, 0), unit)
        found = [number for number in (below, below + 1) if reads_back(f"{number}e{exponent}", value)]
        if len(found) > 1:
            # A tie goes to the even number, but up where the lower neighbour is the nearer one: at powers of two.
            is_up = 2 * rest > unit or (2 * rest == unit and (numerator & (numerator - 1) == 0 or below & 1))
            return f"{found[is_up]}e{exponent}"
        if found:
            return f"{found[0]}e{exponent}"
    return repr(value)


def reads_back(text: str, value: float) -> bool:
    try:
        return bool(unpack(">f", pack(">f", float(text)))[0] == value)
    except OverflowError:
        return False
