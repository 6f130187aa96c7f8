"""What a caller gives to a template, as Go's values.

Theory: the types of `json.Unmarshal`, and Go's int for Python's, which JSON has none of. Everything is copied, so that
functions that change a map (`set`, `unset`) change none of the caller's.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import TemplateError
from vault_secrets_webhook.wire.jsontext import Number

from .values import JsonNumber, decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LEAST_INT, GREATEST_INT = -(1 << 63), (1 << 63) - 1


def convert(data: object) -> object:
    """Give the Go value of data: None, bool, int, float, str, bytes, `Number`, and lists and dicts (of str) of these.

    A str may hold surrogates for the bytes that are not UTF-8, as those of `os.environ` do. Values of the classes of
    `values` are kept. Raises TypeError for any other type, and TemplateError for data that are nested too deep.
    """
    try:
        return convert_value(data)
    except RecursionError:
        raise TemplateError("template: the data are nested too deep") from None


def convert_value(value: object) -> object:
    converter = CONVERTERS.get(type(value))
    if converter is not None:
        return converter(value)
    if hasattr(value, "go_type"):
        return value
    return find_converter(type(value))(value)


def find_converter(kind: type) -> Callable[[Any], object]:
    """Give what converts values of a class that is made of one of ours, such as OrderedDict or an enumeration of str."""
    for base in kind.__mro__:
        if base in CONVERTERS:
            return CONVERTERS[base]
    raise TypeError(f"templates know no {kind.__name__}")


def keep_value(value: object) -> object:
    return value


def convert_int(value: int) -> int:
    if not LEAST_INT <= value <= GREATEST_INT:
        raise TypeError("templates know no integers of more than 64 bits")
    return int(value)


def convert_number(value: Number) -> JsonNumber:
    return JsonNumber(encode(value))


def convert_list(value: list[object]) -> list[object]:
    return [convert_value(item) for item in value]


def convert_dict(value: dict[object, object]) -> dict[bytes, object]:
    return {convert_key(key): convert_value(item) for key, item in value.items()}


def convert_key(key: object) -> bytes:
    if isinstance(key, bytes):
        return key
    if isinstance(key, str):
        return encode(key)
    raise TypeError(f"templates know no maps with keys of type {type(key).__name__}")


def restore(value: object) -> object:
    """Give a value as a caller knows it: what `convert` takes, as far as there is such a thing for its type."""
    match value:
        case JsonNumber():
            return Number(decode(value))
        case bytes():
            return decode(value)
        case list():
            return [restore(item) for item in value]
        case dict():
            return {decode(key): restore(item) for key, item in value.items()}
    return value


CONVERTERS: dict[type, Callable[[Any], object]] = {
    type(None): keep_value,
    bool: keep_value,
    float: float,
    bytes: bytes,
    int: convert_int,
    str: encode,
    Number: convert_number,
    list: convert_list,
    tuple: convert_list,
    dict: convert_dict,
}
