"""The methods of json.Number, a number that is kept as it was written.

Sources: package encoding/json, type Number.
"""

from __future__ import annotations

from .strconv import parse_float, parse_int
from .values import Int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .values import JsonNumber, Method


def give_string(number: JsonNumber) -> bytes:
    return bytes(number)


def give_int64(number: JsonNumber) -> Int64:
    """Raises NumberError."""
    return Int64(parse_int(number, 10))


def give_float64(number: JsonNumber) -> float:
    """Raises NumberError."""
    return parse_float(number)


JSON_NUMBER_METHODS: dict[str, Method] = {
    "String": ("-> string", give_string),
    "Int64": ("-> int64", give_int64),
    "Float64": ("-> float64", give_float64),
}
