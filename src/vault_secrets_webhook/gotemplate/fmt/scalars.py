"""Single values in the words of a verb: booleans, integers, strings. `quoted` and `floats` have what is rarer.

Each writer gives the text of a value, padded, or None where the verb is none of its kind's.

Source: package fmt, `print.go` and `format.go`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .style import Style

# The letters that Python's `format` has for an integer's verbs, and what the flag `#` puts before its digits.
BASES = {
    "v": ("d", ""),
    "d": ("d", ""),
    "b": ("b", "0b"),
    "o": ("o", "0"),
    "O": ("o", "0"),
    "x": ("x", "0x"),
    "X": ("X", "0X"),
}


def write_bool(style: Style, value: bool, verb: str) -> bytes | None:  # noqa: FBT001 # it is the value that is written
    if verb not in "tv":
        return None
    return style.pad(b"true" if value else b"false")


def write_integer(style: Style, value: int, verb: str, *, is_signed: bool) -> bytes | None:
    if verb in BASES:
        if verb == "v" and style.is_go and not is_signed:
            return write_address(style, value)
        return write_digits(style, value, verb)
    if verb not in "cqU":
        return None
    from . import quoted

    return quoted.write_rune(style, value, verb)


def write_digits(style: Style, value: int, verb: str, *, is_sharp: bool | None = None) -> bytes:
    """Write an integer in the base of a verb; `is_sharp` overrules the flag `#`."""
    letter, prefix = BASES[verb]
    if style.precision == 0 and value == 0:
        return b" " * style.width
    sign = "-" if value < 0 else "+" if style.plus else " " if style.space else ""
    least = style.precision or 0
    if style.precision is None and style.zero and not style.minus:
        least = style.width - len(sign)
    digits = format(abs(value), letter).rjust(least, "0")
    if style.sharp if is_sharp is None else is_sharp:
        if letter != "o":
            digits = prefix + digits
        elif not digits.startswith("0"):
            digits = "0" + digits
    if verb == "O":
        digits = "0o" + digits
    return style.pad((sign + digits).encode(), may_zero=False)


def write_address(style: Style, value: int, *, is_sharp: bool = True) -> bytes:
    """Write what Go writes in hexadecimal by itself: unsigned numbers in `%#v`, and addresses."""
    return write_digits(style, value, "x", is_sharp=is_sharp)


def write_string(style: Style, value: bytes, verb: str) -> bytes | None:
    if verb == "s" or (verb == "v" and not style.is_go):
        return style.pad(style.truncate(value))
    if verb in "vq":
        from . import quoted

        return quoted.write_string(style, style.truncate(value))
    if verb in "xX":
        return write_hexadecimal(style, value, verb)
    return None


def write_hexadecimal(style: Style, value: bytes, verb: str) -> bytes:
    if style.precision is not None:
        value = value[: style.precision]
    prefix = "0x" if style.sharp and value else ""
    text = prefix + (value.hex(" ").replace(" ", " " + prefix) if style.space and value else value.hex())
    return style.pad((text.upper() if verb == "X" else text).encode())
