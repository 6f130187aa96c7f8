"""The functions that Go's templates have by themselves.

Theory: what takes a `reflect.Value` here is given it as Go has it, in its interface (`Boxed`) if it comes from one,
because `len` tells a nil in an interface from no value at all. Comparisons and escaping have modules of their own; `and`
and `or`, which do not evaluate all of their arguments, are in `call`.

Sources: package text/template, funcs.go; section "Functions" of its documentation.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

from .functions import Function
from .values import (
    ANY,
    INTEGERS,
    STRING,
    Boxed,
    JsonNumber,
    Slice,
    Uint8,
    is_true,
    kind_of,
    make_zero,
    type_of,
    unbox,
    wrap_int64,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeAlias

    from .limits import Budget

    Entry: TypeAlias = tuple[str, Callable[..., object]]  # signature and implementation

MAX_INDEXES = 3  # of `slice`: from, to, capacity


def fail(text: str) -> NoReturn:
    """Raise an error that tells no value, only types and sizes."""
    raise FunctionError(text, is_constant=True)


def get_length(item: object) -> int:
    """Give how many bytes, elements or entries there are."""
    if item is None:
        fail("reflect: call of reflect.Value.Type on zero Value")
    value = unbox(item)
    if value is None:
        fail("len of nil pointer")
    if isinstance(value, bytes | list | dict):
        return len(value)
    fail(f"len of type {name_pointed(value)}")


def name_pointed(value: object) -> str:
    """Name the type of a value, of a pointer the one that it points to."""
    return type_of(value).name.removeprefix("*")


def check_index(index: object, last: int) -> int:
    """Give an index of a string or slice. Raises FunctionError if it is none or not between 0 and `last`."""
    index = unbox(index)
    if index is None:
        fail("cannot index slice/array with nil")
    if not isinstance(index, int) or kind_of(index) not in INTEGERS:
        fail(f"cannot index slice/array with type {type_of(index)}")
    if not 0 <= index <= last:
        raise FunctionError(f"index out of range: {wrap_int64(index)}")
    return index


def find_element(item: object, *indexes: object) -> object:
    """Go into maps, slices and strings: `index x 1 2` is `x[1][2]`."""
    item = unbox(item)
    if item is None:
        fail("index of untyped nil")
    for index in indexes:
        item = unbox(item)
        if item is None:
            fail("index of nil pointer")
        if isinstance(item, bytes):
            item = find_at(item, index, "string")
        elif isinstance(item, list):
            item = find_at(item, index, "slice")
        elif isinstance(item, dict):
            item = find_entry(item, index)
        else:
            fail(f"can't index item of type {name_pointed(item)}")
    return item


def find_at(item: bytes | list[object], index: object, kind: str) -> object:
    position = check_index(index, len(item))
    if position == len(item):
        fail(f"reflect: {kind} index out of range")
    if isinstance(item, bytes):
        return Uint8(item[position])
    return Boxed(item[position]) if type_of(item).elem is ANY else item[position]


def find_entry(item: dict[bytes, object], key: object) -> object:
    key = unbox(key)
    if key is None:
        fail("value is nil; should be of type string")
    if type(key) is not bytes:
        fail(f"value has type {type_of(key)}; should be {STRING}")
    elem = type_of(item).elem
    assert elem is not None
    value = item[key] if key in item else make_zero(elem)
    return Boxed(value) if elem is ANY else value


def cut(budget: Budget, item: object, *indexes: object) -> object:
    """Give a part of a string or slice: `slice x 1 2` is `x[1:2]`. Slices have no more capacity than elements here."""
    value = unbox(item)
    if value is None:
        fail("slice of untyped nil")
    if len(indexes) > MAX_INDEXES:
        fail(f"too many slice indexes: {len(indexes)}")
    if isinstance(value, bytes):
        if len(indexes) == MAX_INDEXES:
            fail("cannot 3-index slice a string")
    elif not isinstance(value, list):
        fail(f"can't slice item of type {name_pointed(value)}")
    bounds = [0, len(value), len(value)]
    for place, index in enumerate(indexes):
        bounds[place] = check_index(index, len(value))
    low, high, capacity = bounds
    if low > high:
        raise FunctionError(f"invalid slice index: {low} > {high}")
    if high > capacity:
        raise FunctionError(f"invalid slice index: {high} > {capacity}")
    part = value[low:high]
    budget.count_result(part)
    if isinstance(value, JsonNumber):
        return JsonNumber(part)
    return Slice(value.go_type, part, is_nil=value.is_nil) if isinstance(value, Slice) else part


def negate(item: object) -> bool:
    return not is_true(unbox(item))


def print_values(budget: Budget, *values: object) -> bytes:
    from .fmt import sprint

    return sprint(values, budget)


def print_line(budget: Budget, *values: object) -> bytes:
    from .fmt import sprintln

    return sprintln(values, budget)


def print_formatted(budget: Budget, text: bytes, *values: object) -> bytes:
    from .fmt import sprintf

    return sprintf(budget, text, values)


def call_value(name: bytes, callee: object, *arguments: object) -> NoReturn:  # noqa: ARG001 # as Go's
    """Fail: values that are functions do not exist in JSON, and no function gives one."""
    callee = unbox(callee)
    if callee is None:
        fail("call of nil")
    raise FunctionError(f"non-function {name.decode('utf-8', 'surrogateescape')} of type {type_of(callee)}")


FUNCTIONS: dict[str, Entry] = {
    "call": ("reflect.Value, ...reflect.Value -> reflect.Value", call_value),
    "index": ("reflect.Value, ...reflect.Value -> reflect.Value", find_element),
    "len": ("reflect.Value -> int", get_length),
    "not": ("reflect.Value -> bool", negate),
    "print": ("budget, ...interface {} -> string", print_values),
    "printf": ("budget, string, ...interface {} -> string", print_formatted),
    "println": ("budget, ...interface {} -> string", print_line),
    "slice": ("budget, reflect.Value, ...reflect.Value -> reflect.Value", cut),
}
# The rest of them, by their modules.
MODULES = {
    **dict.fromkeys(("eq", "ge", "gt", "le", "lt", "ne"), "compare"),
    **dict.fromkeys(("html", "js", "urlquery"), "escape"),
}


FOUND: dict[str, Function] = {}


def find_builtin(name: str) -> Function | None:
    """Give the builtin function of that name, or None."""
    if name in FOUND:
        return FOUND[name]
    entries: dict[str, Entry] = FUNCTIONS
    if name in MODULES:
        # `__import__`, for the package importlib would be one import more.
        entries = __import__(f"{__package__}.{MODULES[name]}", fromlist=["FUNCTIONS"]).FUNCTIONS
    if name not in entries:
        return None
    found = FOUND[name] = Function(name, *entries[name])
    return found
