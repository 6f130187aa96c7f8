"""Sprig's reflection: deepEqual, kindIs, kindOf, typeIs, typeIsLike, typeOf.

Sources: Sprig v3.3.0, reflect.go; `reflect.DeepEqual`; documentation "Reflection Functions".
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import is_nil, kind_of, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

    Pairs = Iterable[tuple[object, object]]


def name_type(value: object) -> bytes:
    """Name the type of a value as `%T` does."""
    return b"<nil>" if value is None else type_of(value).name.encode()


def name_kind(value: object) -> bytes:
    return kind_of(value).encode()


def is_type(name: bytes, value: object) -> bool:
    return name == name_type(value)


def is_type_like(name: bytes, value: object) -> bool:
    """Tell whether a value is of a type, or a pointer to it."""
    return name_type(value) in {name, b"*" + name}


def is_kind(name: bytes, value: object) -> bool:
    return name == name_kind(value)


def is_deep_equal(budget: Budget, left: object, right: object) -> bool:
    """Tell whether two values are equal in all that they hold, types included (`reflect.DeepEqual`).

    What is compared is held in a list, so that depth costs no stack, and a pair of containers is compared once, so that
    what holds itself has an end.
    """
    pairs = [(left, right)]
    seen: set[tuple[int, int]] = set()
    while pairs:
        one, other = pairs.pop()
        if is_scalar(one) or is_scalar(other):
            if type(one) is not type(other) or one != other:
                return False
        elif one is not other and (id(one), id(other)) not in seen:
            if not is_alike(one, other):
                return False
            seen.add((id(one), id(other)))
            parts = list(pair_parts(one, other))
            budget.spend_steps(1 + len(parts))
            pairs += parts
    return True


def is_scalar(value: object) -> bool:
    """Tell whether a value has no parts to compare. What has no Go type is in structs alone."""
    if isinstance(value, bytes | int | float | complex):
        return True
    return not isinstance(value, list | dict) and not hasattr(value, "go_type")


def is_alike(one: object, other: object) -> bool:
    """Tell whether two values that are no scalars are of one type and have the same parts."""
    if type_of(one) is not type_of(other):
        return False
    if is_nil(one) != is_nil(other):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys()
    return True


def pair_parts(one: object, other: object) -> Iterator[tuple[object, object]]:
    """Give the parts of two values that are alike, each with its counterpart."""
    if isinstance(one, list) and isinstance(other, list):
        yield from zip(one, other, strict=True)
    elif isinstance(one, dict) and isinstance(other, dict):
        for key, value in one.items():
            yield value, other[key]
    else:
        for name in name_parts(type(one)):
            yield getattr(one, name), getattr(other, name)


def name_parts(kind: type) -> Iterator[str]:
    """Name the attributes of a class of structs or pointers, each of which says in __slots__ what it consists of."""
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


FUNCTIONS: dict[str, Entry] = {
    "deepEqual": ("budget, interface {}, interface {} -> bool", is_deep_equal),
    "kindIs": ("string, interface {} -> bool", is_kind),
    "kindOf": ("interface {} -> string", name_kind),
    "typeIs": ("string, interface {} -> bool", is_type),
    "typeIsLike": ("string, interface {} -> bool", is_type_like),
    "typeOf": ("interface {} -> string", name_type),
}
