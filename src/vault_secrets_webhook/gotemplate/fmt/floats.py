"""Floating point and complex numbers in the words of a verb.

Source: package fmt, `format.go`, and what it adds to `strconv.FormatFloat`.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.formatfloat import format_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .style import Style

# What strconv is asked for, and with which precision if none is given.
FLOAT_VERBS = {
    "v": ("g", -1),
    "F": ("f", 6),
    **{verb: (verb, -1) for verb in "bgGxX"},
    **{verb: (verb, 6) for verb in "feE"},
}
SHARP_DIGITS = 6  # what the flag `#` fills up to when no precision is given


def write_float(style: Style, value: float, verb: str, *, plus: bool = False) -> bytes | None:
    """Write a number, or give None where the verb is none of a number's; `plus` adds to the flag of that name."""
    if verb not in FLOAT_VERBS:
        return None
    verb, precision = FLOAT_VERBS[verb]
    if style.precision is not None:
        precision = style.precision
    plus = plus or style.plus
    text = format_float(value, verb, precision)
    sign, text = (text[0], text[1:]) if text[0] in "+-" else ("+", text)
    if style.space and sign == "+" and not plus:
        sign = " "
    if text == "NaN":
        return style.pad((text if not style.space and not plus else sign + text).encode(), may_zero=False)
    if text == "Inf":
        return style.pad((sign + text).encode(), may_zero=False)
    if sign == "+" and not plus:
        sign = ""
    if style.sharp and verb != "b":
        text = fill_fraction(text, verb, precision)
    if style.zero and not style.minus and sign:
        text = text.rjust(style.width - 1, "0")
    return style.pad((sign + text).encode())


def fill_fraction(text: str, verb: str, precision: int) -> str:
    """Give a number the decimal point, and for `%g` and `%x` the trailing zeros, that it was spared."""
    mark = next((at for at, char in enumerate(text) if char in ("pP" if verb in "xX" else "eE")), len(text))
    number, tail = text[:mark], text[mark:]
    wanted = (SHARP_DIGITS if precision < 0 else precision) if verb in "gGx" else 0
    # A hexadecimal number's prefix counts as the digits that it looks like: strconv's 0x is no zero and an x.
    significant = len(number.replace(".", "").lstrip("0"))
    if "." not in number:
        if number == "0":
            significant = 1
        number += "."
    return number + "0" * (wanted - significant) + tail


def write_complex(style: Style, value: complex, verb: str) -> bytes | None:
    """Write both parts of a number, each padded for itself: `(1+2i)`."""
    real = write_float(style, value.real, verb)
    imaginary = write_float(style, value.imag, verb, plus=True)
    return None if real is None or imaginary is None else b"(%b%bi)" % (real, imaginary)
