"""Sprig's functions that choose between values, and `fail`.

What Sprig calls empty is what text/template calls false: the zero value of a type, and a list or map without elements.
A struct never is empty, nor is a pointer that is not nil.

Source: Sprig's defaults.go and functions.go.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import decode, is_true

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Entry


def choose_default(default: object, *given: object) -> object:
    """Give the second argument, or the first if the second is empty or missing. Further ones are for nothing."""
    return given[0] if given and is_true(given[0]) else default


def is_empty(value: object) -> bool:
    return not is_true(value)


def coalesce(*values: object) -> object:
    """Give the first value that is not empty, or nil."""
    return next(filter(is_true, values), None)


def are_all_true(*values: object) -> bool:
    """Tell whether no value is empty."""
    return all(map(is_true, values))


def is_any_true(*values: object) -> bool:
    """Tell whether a value is not empty."""
    return any(map(is_true, values))


def choose(if_true: object, if_false: object, condition: bool) -> object:  # noqa: FBT001 # that is ternary's signature
    return if_true if condition else if_false


def fail(message: bytes) -> bytes:
    """Raises FunctionError with the message."""
    raise FunctionError(decode(message))


FUNCTIONS: dict[str, Entry] = {
    "all": ("...interface {} -> bool", are_all_true),
    "any": ("...interface {} -> bool", is_any_true),
    "coalesce": ("...interface {} -> interface {}", coalesce),
    "default": ("interface {}, ...interface {} -> interface {}", choose_default),
    "empty": ("interface {} -> bool", is_empty),
    "fail": ("string -> string", fail),
    "ternary": ("interface {}, interface {}, bool -> interface {}", choose),
}
