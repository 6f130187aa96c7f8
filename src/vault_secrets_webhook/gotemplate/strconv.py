"""Numbers read from strings.

Role: what `atoi`, `int64`, `float64`, json.Number and the constants of templates come down to. Theory: digits are added
up until the value leaves its range, which ends the reading, as in Go: "99999999999999999999x" is out of range, not bad
syntax. Floats are checked by Go's grammar and then read by Python, which rounds correctly too.

Sources: package strconv, ParseInt, ParseUint, ParseFloat, Atoi and NumError.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

INVALID = "invalid syntax"
OUT_OF_RANGE = "value out of range"
SIGNED_LIMIT = 1 << 63
LARGEST = (1 << 64) - 1
PREFIX_BASES = {b"b": 2, b"o": 8, b"x": 16}
PREFIX_LENGTH = 2
DIGIT_VALUES = {
    **{code: code - 0x30 for code in b"0123456789"},
    **{code: code - 0x61 + 10 for code in b"abcdefghijklmnopqrstuvwxyz"},
    **{code: code - 0x41 + 10 for code in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
}
SAFE_LENGTH = 18  # of decimal digits that always fit

DECIMAL = b"0123456789"
HEXADECIMAL = b"0123456789abcdefABCDEF"
INFINITIES = (b"inf", b"infinity")
EXPONENT_LENGTH = 5  # digits of an exponent that Go reads
INFINITY = float("inf")


class NumberError(FunctionError):
    """A string that is no number, or one that is too large; Go's `strconv.NumError`.

    `reason` is the end of its words, `value` what Go gives beside the error: the nearest number, or 0. The words are made
    when they are asked for: most callers take the value, and the string may be long.
    """

    def __init__(self, function: str, text: bytes, reason: str, value: float = 0) -> None:
        super().__init__(reason)
        self.function = function
        self.text = text
        self.reason = reason
        self.value = value

    def __str__(self) -> str:
        from .quote import quote  # late: only errors need it
        from .values import decode

        return f"strconv.{self.function}: parsing {decode(quote(self.text))}: {self.reason}"


def parse_int(text: bytes, base: int) -> int:
    """Read an int64. Base 0 is told by the prefix, and underscores may be.

    Raises NumberError.
    """
    return read_int("ParseInt", text, base)


def parse_uint(text: bytes, base: int) -> int:
    """Read a uint64, which has no sign, otherwise as `parse_int` does. Raises NumberError."""
    value, reason = read_magnitude(text, base)
    if reason:
        raise NumberError("ParseUint", text, reason, value)
    return value


def atoi(text: bytes) -> int:
    """Read a decimal integer. Raises NumberError."""
    return int(text) if len(text) <= SAFE_LENGTH and text.isdigit() else read_int("Atoi", text, 10)


def read_int(function: str, text: bytes, base: int) -> int:
    negative = text.startswith(b"-")
    value, reason = read_magnitude(strip_sign(text), base)
    if reason not in {"", OUT_OF_RANGE}:
        raise NumberError(function, text, reason)
    if value > SIGNED_LIMIT - (not negative):
        raise NumberError(function, text, OUT_OF_RANGE, -SIGNED_LIMIT if negative else SIGNED_LIMIT - 1)
    return -value if negative else value


def read_magnitude(text: bytes, base: int) -> tuple[int, str]:
    """Read an integer without a sign. Gives it and what is wrong, which is mostly nothing."""
    if not text:
        return 0, INVALID
    actual, start = (base, 0) if base else find_base(text)
    value = 0
    for code in text[start:]:
        if code == 0x5F and not base:  # noqa: PLR2004 # an underscore
            continue
        digit = DIGIT_VALUES.get(code, actual)
        if digit >= actual:
            return 0, INVALID
        value = value * actual + digit
        if value > LARGEST:
            return LARGEST, OUT_OF_RANGE
    if not base and b"_" in text and not is_well_separated(text):
        return 0, INVALID
    return value, ""


def find_base(text: bytes) -> tuple[int, int]:
    """Give the base that a prefix tells, and where the digits begin."""
    if not text.startswith(b"0"):
        return 10, 0
    base = PREFIX_BASES.get(text[1:PREFIX_LENGTH].lower())
    return (base, PREFIX_LENGTH) if base and len(text) > PREFIX_LENGTH else (8, 1)


def is_well_separated(text: bytes) -> bool:
    """Tell whether each underscore is between digits, or between a prefix and a digit."""
    text = strip_sign(text)
    prefix = text[:PREFIX_LENGTH].lower()
    digits = HEXADECIMAL if prefix == b"0x" else DECIMAL
    if prefix[:1] == b"0" and prefix[1:] in PREFIX_BASES:
        text = text[:1] + text[PREFIX_LENGTH:]
    # In the place of each digit a zero, and nothing but zeros on either side of each underscore.
    marked = b"x" + text.translate(bytes.maketrans(digits, b"0" * len(digits))) + b"x"
    return marked.count(b"_") == marked.count(b"0_") == marked.count(b"_0")


def strip_sign(text: bytes) -> bytes:
    return text[1:] if text[:1] in {b"-", b"+"} else text


def parse_float(text: bytes) -> float:
    """Read a float: decimal or hexadecimal, infinite, or not a number. Raises NumberError."""
    lowered = text.lower()
    if strip_sign(lowered) in INFINITIES or lowered == b"nan":
        return float(text)
    plain = normalize_float(text)
    if not plain:
        raise NumberError("ParseFloat", text, INVALID)
    try:
        value = float.fromhex(plain) if "x" in plain else float(plain)
    except OverflowError:
        value = INFINITY if plain[0] != "-" else -INFINITY
    if value in {INFINITY, -INFINITY}:
        raise NumberError("ParseFloat", text, OUT_OF_RANGE, value)
    return value


def normalize_float(text: bytes) -> str:
    """Bring a float into a form that Python reads as Go would; what is none becomes the empty string."""
    if b"_" in text and not is_well_separated(text):
        return ""
    lowered = text.lower().replace(b"_", b"")
    body = strip_sign(lowered)
    is_hex = body.startswith(b"0x")
    mantissa, marker, exponent = body[PREFIX_LENGTH * is_hex :].partition(b"p" if is_hex else b"e")
    whole, _, fraction = mantissa.partition(b".")
    digits, power = whole + fraction, strip_sign(exponent)
    if not digits or digits.strip(HEXADECIMAL if is_hex else DECIMAL):
        return ""
    if (not marker and is_hex) or (marker and not power.isdigit()):
        return ""
    if len(power) > EXPONENT_LENGTH:
        read = power.lstrip(b"0")[:EXPONENT_LENGTH] or b"0"
        return (lowered[: len(lowered) - len(power)] + read).decode()
    return lowered.decode()
