"""Comparisons: eq, ne, lt, le, gt, ge.

Theory: basic values compare by kind, whatever their types are called; integers also where one is signed and one is not.
Beyond these, `eq` compares with nil, and structs and pointers among each other.

Sources: package text/template, funcs.go; section "Functions" of its documentation.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

from .values import SIGNED, UNSIGNED, is_nil, kind_of, type_of, unbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .limits import Budget

BASIC_KINDS = {
    "bool": "bool",
    "string": "string",
    **dict.fromkeys(SIGNED, "int"),
    **dict.fromkeys(UNSIGNED, "uint"),
    "float64": "float",
    "complex128": "complex",
}
ORDERED = frozenset(("float", "int", "string", "uint"))
INTEGERS = frozenset(("int", "uint"))


def find_basic_kind(value: object) -> str | None:
    return BASIC_KINDS.get(kind_of(value))


def are_equal(budget: Budget, left: object, *rights: object) -> bool:
    """Tell whether a value equals any of the others. Raises FunctionError for values that do not compare."""
    if not rights:
        raise FunctionError("missing argument for comparison", is_constant=True)
    left = unbox(left)
    return any(equals(budget, left, unbox(right)) for right in rights)


def equals(budget: Budget, left: Any, right: Any) -> bool:
    left_kind, right_kind = find_basic_kind(left), find_basic_kind(right)
    if left_kind == right_kind:
        return equals_unusually(budget, left, right) if left_kind is None else bool(left == right)
    if left_kind in INTEGERS and right_kind in INTEGERS:
        return bool(left == right)
    if left is not None and right is not None:
        raise make_type_error(left, right)
    return False


def equals_unusually(budget: Budget, left: object, right: object) -> bool:
    """Compare values of which neither is of a basic kind."""
    if left is None or right is None:
        return is_nil(left) and is_nil(right)
    if kind_of(left) != kind_of(right):
        raise describe(budget, "non-comparable types %s: %v, %s: %v", left, name_type(left), name_type(right), right)
    if is_nil(left) or is_nil(right):
        return is_nil(left) and is_nil(right)
    if kind_of(right) in {"slice", "map", "func"}:
        raise describe(budget, "non-comparable type %s: %v", right, name_type(right))
    if kind_of(left) == "ptr":
        return left is right
    return type_of(left) is type_of(right) and left == right


def name_type(value: object) -> bytes:
    return str(type_of(value)).encode()


def describe(budget: Budget, text: str, *values: object) -> FunctionError:
    """Make an error that quotes values."""
    from .fmt import sprintf

    return FunctionError(sprintf(budget, text.encode(), values).decode("utf-8", "surrogateescape"))


def make_type_error(left: object, right: object) -> FunctionError:
    text = f"incompatible types for comparison: {type_of(left)} and {type_of(right)}"
    return FunctionError(text, is_constant=True)


def is_unequal(budget: Budget, left: object, right: object) -> bool:
    return not are_equal(budget, left, right)


def is_less(left: Any, right: Any) -> bool:
    """Tell whether a value is less than another. Raises FunctionError for values that have no order."""
    left, right = unbox(left), unbox(right)
    left_kind, right_kind = find_basic_kind(left), find_basic_kind(right)
    if left_kind is None or right_kind is None:
        raise FunctionError("invalid type for comparison", is_constant=True)
    if left_kind != right_kind:
        if left_kind not in INTEGERS or right_kind not in INTEGERS:
            raise make_type_error(left, right)
    elif left_kind not in ORDERED:
        raise FunctionError("invalid type for comparison", is_constant=True)
    return bool(left < right)


def is_less_or_equal(budget: Budget, left: object, right: object) -> bool:
    return is_less(left, right) or are_equal(budget, left, right)


def is_greater(budget: Budget, left: object, right: object) -> bool:
    """As Go has it, not "less or equal": so it is true of what has no order, NaN."""
    return not is_less_or_equal(budget, left, right)


def is_greater_or_equal(left: object, right: object) -> bool:
    """As Go has it, not "less": so it is true of what has no order, NaN."""
    return not is_less(left, right)


FUNCTIONS = {
    "eq": ("budget, reflect.Value, ...reflect.Value -> bool", are_equal),
    "ge": ("reflect.Value, reflect.Value -> bool", is_greater_or_equal),
    "gt": ("budget, reflect.Value, reflect.Value -> bool", is_greater),
    "le": ("budget, reflect.Value, reflect.Value -> bool", is_less_or_equal),
    "lt": ("reflect.Value, reflect.Value -> bool", is_less),
    "ne": ("budget, reflect.Value, reflect.Value -> bool", is_unequal),
}
