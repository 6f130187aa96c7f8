"""Sprig's dicts, which are map[string]interface {}. `set`, `unset` and the merging functions change their argument.

Where Go goes through a map in random order (`keys`, `values`), the order here is the one of insertion.
Sources: Sprig v3.3.0, dict.go; mitchellh/copystructure v1.2.0; documentation "Dictionaries and Dict Functions".
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.sprig.merge import MergeError, merge_all
from vault_secrets_webhook.gotemplate.sprig.text import make_text
from vault_secrets_webhook.gotemplate.values import MAP_OF_ANY, SLICE_OF_STRING, Map, Slice, is_nil, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

    AnyMap = dict[bytes, object]

FEWEST_DIG_ARGUMENTS = 3


def make_dict(budget: Budget, *items: object) -> AnyMap:
    """Make a map of keys and values in turn; a last key without a value has the empty string."""
    keys = [make_key(budget, item) for item in items[::2]]
    values = items[1::2] if len(items) % 2 == 0 else (*items[1::2], b"")
    return dict(zip(keys, values, strict=True))


def make_key(budget: Budget, value: object) -> bytes:
    key = make_text(budget, value)
    if not isinstance(value, bytes):  # the same value may be there many times
        budget.reserve(len(key))
    return key


def get(values: AnyMap, key: bytes) -> object:
    return values.get(key, b"")


def assign(values: AnyMap, key: bytes, value: object) -> AnyMap:
    """Set a value in place and give the map. Raises FunctionError for a nil map."""
    if is_nil(values):
        raise FunctionError("assignment to entry in nil map", is_constant=True)
    values[key] = value
    return values


def remove(values: AnyMap, key: bytes) -> AnyMap:
    values.pop(key, None)
    return values


def has_key(values: AnyMap, key: bytes) -> bool:
    return key in values


def pluck(key: bytes, *dicts: AnyMap) -> list[object]:
    return [values[key] for values in dicts if key in values]


def list_keys(*dicts: AnyMap) -> Slice:
    return Slice(SLICE_OF_STRING, [key for values in dicts for key in values])


def list_values(values: AnyMap) -> list[object]:
    return list(values.values())


def pick(values: AnyMap, *keys: bytes) -> AnyMap:
    return {key: values[key] for key in keys if key in values}


def omit(values: AnyMap, *keys: bytes) -> AnyMap:
    omitted = frozenset(keys)
    return {key: value for key, value in values.items() if key not in omitted}


def dig(*arguments: object) -> object:
    """Go down a map of maps by keys; the last arguments are a default, for a key that is missing, and the map.

    Raises FunctionError for fewer than three arguments and for what is no key or no map.
    """
    if len(arguments) < FEWEST_DIG_ARGUMENTS:
        raise FunctionError("dig needs at least three arguments", is_constant=True)
    *keys, default, found = arguments
    values = assert_map(found)
    path = [assert_string(key) for key in keys]
    for key in path[:-1]:
        if key not in values:
            return default
        values = assert_map(values[key])
    return values.get(path[-1], default)


def assert_map(value: object) -> AnyMap:
    if isinstance(value, dict) and type_of(value) is MAP_OF_ANY:
        return value
    raise FunctionError(describe_mismatch(value, "map[string]interface {}"))


def assert_string(value: object) -> bytes:
    if type(value) is bytes:
        return value
    raise FunctionError(describe_mismatch(value, "string"))


def describe_mismatch(value: object, wanted: str) -> str:
    found = "nil" if value is None else type_of(value).name
    return f"interface conversion: interface {{}} is {found}, not {wanted}"


def merge(budget: Budget, target: AnyMap, *sources: AnyMap) -> object:
    return merge_quietly(budget, target, sources, overwrite=False)


def merge_overwrite(budget: Budget, target: AnyMap, *sources: AnyMap) -> object:
    return merge_quietly(budget, target, sources, overwrite=True)


def merge_quietly(budget: Budget, target: AnyMap, sources: tuple[AnyMap, ...], *, overwrite: bool) -> object:
    """Merge; what could not be merged gives the empty string."""
    try:
        return merge_all(budget, target, sources, overwrite=overwrite)
    except MergeError:
        return b""


def must_merge(budget: Budget, target: AnyMap, *sources: AnyMap) -> object:
    return merge_all(budget, target, sources, overwrite=False)


def must_merge_overwrite(budget: Budget, target: AnyMap, *sources: AnyMap) -> object:
    return merge_all(budget, target, sources, overwrite=True)


def copy_deep(budget: Budget, value: object) -> object:
    """Copy maps and slices, and those in them. Raises FunctionError for nil.

    Of a struct Go copies exported fields alone. `time.Time` is copied whole; a class whose values become others says so
    by a method `copy_exported`.
    """
    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value", is_constant=True)
    result = copy_flat(budget, value)
    unfinished = [result]
    while unfinished:
        container = unfinished.pop()
        if isinstance(container, dict):
            for key, item in container.items():
                container[key] = copy_flat(budget, item)
            unfinished += container.values()
        elif isinstance(container, list):
            container[:] = [copy_flat(budget, item) for item in container]
            unfinished += container
    return result


def copy_flat(budget: Budget, value: object) -> object:
    """Copy a value without what is in it."""
    if isinstance(value, dict | list):
        budget.reserve_elements(1 + len(value))
        if isinstance(value, Map):
            return Map(value.go_type, value, is_nil=value.is_nil)
        if isinstance(value, Slice):
            return Slice(value.go_type, value, is_nil=value.is_nil)
        return value.copy()
    copy_exported = getattr(value, "copy_exported", None)
    return value if copy_exported is None else copy_exported()


FUNCTIONS: dict[str, Entry] = {
    "deepCopy": ("budget, interface {} -> interface {}", copy_deep),
    "dict": ("budget, ...interface {} -> map[string]interface {}", make_dict),
    "dig": ("...interface {} -> interface {}", dig),
    "get": ("map[string]interface {}, string -> interface {}", get),
    "hasKey": ("map[string]interface {}, string -> bool", has_key),
    "keys": ("...map[string]interface {} -> []string", list_keys),
    "merge": ("budget, map[string]interface {}, ...map[string]interface {} -> interface {}", merge),
    "mergeOverwrite": ("budget, map[string]interface {}, ...map[string]interface {} -> interface {}", merge_overwrite),
    "mustDeepCopy": ("budget, interface {} -> interface {}", copy_deep),
    "mustMerge": ("budget, map[string]interface {}, ...map[string]interface {} -> interface {}", must_merge),
    "mustMergeOverwrite": (
        "budget, map[string]interface {}, ...map[string]interface {} -> interface {}",
        must_merge_overwrite,
    ),
    "omit": ("map[string]interface {}, ...string -> map[string]interface {}", omit),
    "pick": ("map[string]interface {}, ...string -> map[string]interface {}", pick),
    "pluck": ("string, ...map[string]interface {} -> []interface {}", pluck),
    "set": ("map[string]interface {}, string, interface {} -> map[string]interface {}", assign),
    "unset": ("map[string]interface {}, string -> map[string]interface {}", remove),
    "values": ("map[string]interface {} -> []interface {}", list_values),
}
