"""Sprig's lists. They take any slice and mostly give a new []interface {}; none changes its argument.

The functions that begin with `must` differ from the others only in how Go carries the error, so they are the same here.
Source: Sprig v3.3.0, list.go; documentation "Lists and List Functions".
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.sprig.cast import to_int
from vault_secrets_webhook.gotemplate.sprig.reflection import is_deep_equal, is_scalar
from vault_secrets_webhook.gotemplate.values import SLICE_OF_ANY, Slice, find_type, is_true, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

SCALARS_PER_STEP = 16  # that are looked up
SLICE_OF_SLICES = find_type("[][]interface {}")


class Members:
    """Values that others are looked for in, by `reflect.DeepEqual`."""

    __slots__ = ("budget", "containers", "scalars")

    def __init__(self, budget: Budget, values: Collection[object]) -> None:
        budget.spend_steps(1 + len(values) // SCALARS_PER_STEP)
        self.budget = budget
        self.scalars: set[tuple[type, object]] = set()
        self.containers: list[object] = []
        for value in values:
            self.add(value)

    def add(self, value: object) -> None:
        if not is_scalar(value):
            self.containers.append(value)
        elif value == value:  # noqa: PLR0124 - NaN is no member of anything
            self.scalars.add((type(value), value))

    def __contains__(self, value: object) -> bool:
        if is_scalar(value):
            return value == value and (type(value), value) in self.scalars  # noqa: PLR0124 - not so NaN
        self.budget.spend_steps(len(self.containers))
        return any(is_deep_equal(self.budget, value, member) for member in self.containers)


def read_items(values: object, complaint: str) -> list[object]:
    """Give a slice as it is. Raises FunctionError for other values: the complaint and their kind."""
    if isinstance(values, list):
        return values
    if values is None:
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference", is_constant=True)
    raise FunctionError(complaint + kind_of(values))


def make_nil() -> Slice:
    return Slice(SLICE_OF_ANY, is_nil=True)


def make_list(*values: object) -> list[object]:
    return list(values)


def append(values: object, value: object) -> list[object]:
    return [*read_items(values, "Cannot push on type "), value]


def prepend(values: object, value: object) -> list[object]:
    return [value, *read_items(values, "Cannot prepend on type ")]


def take_first(values: object) -> object:
    """Give the first item, nil of an empty slice."""
    items = read_items(values, "Cannot find first on type ")
    return items[0] if items else None


def take_last(values: object) -> object:
    """Give the last item, nil of an empty slice."""
    items = read_items(values, "Cannot find last on type ")
    return items[-1] if items else None


def drop_first(values: object) -> list[object]:
    """Give all items but the first; of an empty slice a nil one."""
    items = read_items(values, "Cannot find rest on type ")
    return items[1:] if items else make_nil()


def drop_last(values: object) -> list[object]:
    """Give all items but the last; of an empty slice a nil one."""
    items = read_items(values, "Cannot find initial on type ")
    return items[:-1] if items else make_nil()


def reverse(values: object) -> list[object]:
    return list(reversed(read_items(values, "Cannot find reverse on type ")))


def drop_empty(values: object) -> list[object]:
    return [item for item in read_items(values, "Cannot compact on type ") if is_true(item)]


def drop_repeated(budget: Budget, values: object) -> list[object]:
    """Give each item the first time that it occurs."""
    items = read_items(values, "Cannot find uniq on type ")
    seen = Members(budget, ())
    budget.spend_steps(1 + len(items) // SCALARS_PER_STEP)
    kept = []
    for item in items:
        if item not in seen:
            seen.add(item)
            kept.append(item)
    return kept


def drop_values(budget: Budget, values: object, *unwanted: object) -> list[object]:
    items = read_items(values, "Cannot find without on type ")
    members = Members(budget, unwanted)
    budget.spend_steps(1 + len(items) // SCALARS_PER_STEP)
    return [item for item in items if item not in members]


def contains(budget: Budget, value: object, values: object) -> bool:
    """Tell whether a slice has the value; nil has none."""
    if values is None:
        return False
    return value in Members(budget, read_items(values, "Cannot find has on type "))


def cut(budget: Budget, values: object, *indices: object) -> object:
    """Give the items from one index to before another, in a slice of the same type; nil of an empty slice.

    Raises FunctionError for indices beyond the slice. (Go allows those within the memory that a slice happens to own.)
    """
    items = read_items(values, "list should be type of slice or array but ")
    if not items:
        return None
    start = to_int(indices[0]) if indices else 0
    end = to_int(indices[1]) if len(indices) > 1 else len(items)
    if not 0 <= start <= end <= len(items):
        raise FunctionError("reflect.Value.Slice: slice index out of bounds", is_constant=True)
    part = items[start:end]
    budget.count_result(part)
    return Slice(values.go_type, part) if isinstance(values, Slice) else part


def concatenate(budget: Budget, *lists: object) -> list[object]:
    """Give the items of all slices in a row; without any a nil slice."""
    result: list[object] = []
    for values in lists:
        if values is not None and not isinstance(values, list):
            raise FunctionError(f"Cannot concat type {kind_of(values)} as list")
        items = read_items(values, "")
        budget.reserve_elements(len(items))
        result += items
    return result or make_nil()


def split_in_chunks(size: int, values: object) -> Slice:
    """Give the items in lists of the same size, the last of which may be shorter.

    Raises FunctionError for sizes that are not positive, if Go would: it computes how many lists there are, and how
    long they are, from any size.
    """
    items = read_items(values, "Cannot chunk type ")
    count = (len(items) - 1) // size + 1 if size else -1
    last = (len(items) % abs(size) or size) if size else 0
    if count < 0 or (count and last < 0) or (count > 1 and size < 0):
        raise FunctionError("runtime error: makeslice: len out of range", is_constant=True)
    starts = [index * size for index in range(count)]
    ends = [*starts[1:], *([starts[-1] + last] if starts else [])]
    return Slice(SLICE_OF_SLICES, [items[start:end] for start, end in zip(starts, ends, strict=True)])


FUNCTIONS: dict[str, Entry] = {
    name: entry
    for names, entry in (
        ("list tuple", ("...interface {} -> []interface {}", make_list)),
        ("append mustAppend push mustPush", ("interface {}, interface {} -> []interface {}", append)),
        ("prepend mustPrepend", ("interface {}, interface {} -> []interface {}", prepend)),
        ("chunk mustChunk", ("int, interface {} -> [][]interface {}", split_in_chunks)),
        ("compact mustCompact", ("interface {} -> []interface {}", drop_empty)),
        ("concat", ("budget, ...interface {} -> interface {}", concatenate)),
        ("first mustFirst", ("interface {} -> interface {}", take_first)),
        ("last mustLast", ("interface {} -> interface {}", take_last)),
        ("rest mustRest", ("interface {} -> []interface {}", drop_first)),
        ("initial mustInitial", ("interface {} -> []interface {}", drop_last)),
        ("has mustHas", ("budget, interface {}, interface {} -> bool", contains)),
        ("reverse mustReverse", ("interface {} -> []interface {}", reverse)),
        ("slice mustSlice", ("budget, interface {}, ...interface {} -> interface {}", cut)),
        ("uniq mustUniq", ("budget, interface {} -> []interface {}", drop_repeated)),
        ("without mustWithout", ("budget, interface {}, ...interface {} -> []interface {}", drop_values)),
    )
    for name in names.split()
}
