"""Numbers of whatever a template holds; what is no number counts as 0.

Types are matched exactly, as a Go type switch does: a `time.Duration` is an int64 by kind, but not by type, and gives 0.
Sources: spf13/cast v1.7.0, `ToInt64`, `ToInt` and `ToFloat64`; Go's conversion of floats to int64 on amd64.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import Int32, Int64, JsonNumber, Uint8, Uint64, type_of, wrap_int64

# The types whose values are converted as numbers; the last two are known to cast by name.
INTEGER_TYPES = frozenset((int, bool, Int32, Int64, Uint8, Uint64))
TIME_NAMES = frozenset(("time.Month", "time.Weekday"))
STRING_TYPES = frozenset((bytes, JsonNumber))
LOWEST = -(1 << 63)
HIGHEST = (1 << 63) - 1


def is_integer(value: object) -> bool:
    return type(value) in INTEGER_TYPES or (isinstance(value, int) and type_of(value).name in TIME_NAMES)


def to_int64(value: object) -> Int64:
    """Give a value as an int64, 0 if it is no number (`cast.ToInt64`)."""
    return Int64(to_int(value))


def to_int(value: object) -> int:
    """Give a value as an int, 0 if it is no number (`cast.ToInt`)."""
    if type(value) is int:
        return value
    if type(value) is float:
        return truncate(value)
    if type(value) in STRING_TYPES:
        return read_int(value)  # type: ignore[arg-type] # these types are bytes
    return int(wrap_int64(value)) if is_integer(value) else 0  # type: ignore[arg-type] # it is an int


def to_float64(value: object) -> float:
    """Give a value as a float64, 0 if it is no number (`cast.ToFloat64`)."""
    if type(value) is float:
        return value
    if type(value) in STRING_TYPES:
        return read_float(value)  # type: ignore[arg-type] # these types are bytes
    return float(value) if is_integer(value) else 0.0  # type: ignore[arg-type] # it is an int


def truncate(value: float) -> int:
    """Convert as Go does on amd64: whatever does not fit, NaN too, is the lowest int64."""
    return int(value) if -(2.0**63) <= value < 2.0**63 else LOWEST


def read_int(text: bytes) -> int:
    from vault_secrets_webhook.gotemplate.strconv import parse_int

    try:
        return parse_int(drop_zero_decimals(text), 0)
    except FunctionError:
        return 0


def read_float(text: bytes) -> float:
    from vault_secrets_webhook.gotemplate.strconv import parse_float

    try:
        return parse_float(text)
    except FunctionError:
        return 0.0


def drop_zero_decimals(text: bytes) -> bytes:
    """Cut off a decimal part of zeros alone: `1.00` is `1`."""
    kept = text.rstrip(b"0.")
    tail = text[len(kept) :]
    # The last point that has a zero somewhere behind it begins what is cut off.
    end = tail.rfind(b".", 0, tail.rfind(b"0") + 1)
    return text if end < 0 else kept + tail[:end]
