"""Merging maps into another: what Sprig's `merge` and `mergeOverwrite` do.

Source: dario.cat/mergo v1.0.1, `deepMerge` with no options but `Overwrite`, for the types that templates have.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import MAP_OF_STRING, Map, is_nil, kind_of, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.gotemplate.limits import Budget

    AnyMap = dict[bytes, object]

NESTED_KINDS = frozenset(("map", "ptr", "struct"))


class MergeError(FunctionError):
    """An error that mergo returns, where others are panics: `merge` keeps silent about it."""


def merge_all(budget: Budget, target: AnyMap, sources: tuple[AnyMap, ...], *, overwrite: bool) -> AnyMap:
    """Merge maps into the first, in place, and give it; for a nil one a new map.

    Raises MergeError for what cannot be merged, FunctionError where mergo panics.
    """
    for source in sources:
        if is_nil(target) and not is_nil(source):
            target = {}
        merge_map(budget, target, source or {}, overwrite=overwrite)
    return target


def merge_map(budget: Budget, target: AnyMap, source: AnyMap, *, overwrite: bool) -> None:
    """Take over what the target lacks or, to overwrite, everything; maps on both sides are merged in their turn.

    A map that is there many times is merged as often, as in Go: each time takes steps.
    """
    budget.spend_steps(1 + len(source))
    for key, value in list(source.items()):
        if value is None:
            if overwrite:
                assign(target, source, key, None)
            continue
        merge_value(budget, target, key, value, overwrite=overwrite)
        old = target.get(key)
        if not is_empty(old) and kind_of(old) == kind_of(value) == "map":
            continue
        if overwrite or is_empty(old):
            assign(target, source, key, value)


def merge_value(budget: Budget, target: AnyMap, key: bytes, value: object, *, overwrite: bool) -> None:
    """Merge what is in a value into what the target has under its key, if both have parts."""
    old, kind = target.get(key), kind_of(value)
    if kind == "slice" and isinstance(target, Map) and key in target:
        # The value there is no interface, and mergo asks whether it is nil.
        raise FunctionError("reflect: call of reflect.Value.IsNil on string Value")
    if old is None or kind not in NESTED_KINDS:
        return
    merge_kind = MERGERS.get(kind_of(old))
    if merge_kind is not None:
        merge_kind(budget, old, value, overwrite=overwrite)


def merge_into_map(budget: Budget, old: AnyMap, value: object, *, overwrite: bool) -> None:
    if isinstance(value, dict) and not is_nil(old):
        merge_map(budget, old, value, overwrite=overwrite)


def merge_into_pointer(_budget: Budget, old: object, value: object, *, overwrite: bool) -> None:
    name, other = type_of(old).name, type_of(value).name
    if kind_of(value) != "ptr":
        if not overwrite and name != f"*{other}":
            raise MergeError("src and dst must be of same type")
    elif overwrite and name != other:
        raise FunctionError(f"reflect.Set: value of type {other[1:]} is not assignable to type {name[1:]}")
    elif overwrite and hasattr(old, "assign"):
        old.assign(value)  # what it points to is set, and whoever else has the pointer sees it


def merge_into_struct(_budget: Budget, old: object, value: object, *, overwrite: bool) -> None:
    del overwrite  # the fields of a struct in a map cannot be set
    if getattr(old, "go_fields", None) and kind_of(value) != "struct":
        raise FunctionError(f"reflect: call of reflect.Value.Field on {kind_of(value)} Value")


MERGERS: dict[str, Callable[..., None]] = {
    "map": merge_into_map,
    "ptr": merge_into_pointer,
    "struct": merge_into_struct,
}


def assign(target: AnyMap, source: AnyMap, key: bytes, value: object) -> None:
    """Set a value, if the type of the map takes those of the source."""
    if isinstance(target, Map) and target.go_type is MAP_OF_STRING and type_of(source) is not MAP_OF_STRING:
        # Mergo sets slices themselves, other values as the interface that they are in.
        name = type_of(value).name if kind_of(value) == "slice" else "interface {}"
        raise FunctionError(f"reflect.Value.SetMapIndex: value of type {name} is not assignable to type string")
    target[key] = value


def is_empty(value: object) -> bool:
    """Tell whether mergo counts a value as empty; values that are not there are."""
    if isinstance(value, bytes | bool | int | float | list | dict):
        return not value
    return value is None
