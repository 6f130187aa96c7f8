"""Sprig's dicts: what is shared, what is counted, what holds itself."""

from __future__ import annotations

from typing import Any

import pytest

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig.dicts import FUNCTIONS
from vault_secrets_webhook.gotemplate.sprig.merge import merge_all
from vault_secrets_webhook.gotemplate.sprig.reflection import FUNCTIONS as REFLECTION
from vault_secrets_webhook.gotemplate.values import MAP_OF_STRING, Map, Slice, find_type


def test_keys_and_values_are_all_there() -> None:
    values: dict[bytes, object] = {b"b": 1, b"a": None}
    names: Any = FUNCTIONS["keys"][1](values, values)
    assert sorted(names) == [b"a", b"a", b"b", b"b"]
    assert FUNCTIONS["values"][1](values) == [1, None]


def test_copies_share_nothing() -> None:
    original: dict[bytes, Any] = {
        b"l": [1, {b"x": []}],
        b"m": Map(MAP_OF_STRING, {b"a": b"b"}),
        b"s": Slice(find_type("[]int"), [1]),
    }
    copied: Any = FUNCTIONS["deepCopy"][1](Budget(), original)
    assert copied == original
    assert [type(value) for value in copied.values()] == [list, Map, Slice]
    copied[b"l"][1][b"x"].append(1)
    copied[b"m"][b"a"] = b"c"
    copied[b"s"].append(2)
    assert (original[b"l"], original[b"m"], original[b"s"]) == ([1, {b"x": []}], {b"a": b"b"}, [1])


def test_little_that_becomes_much() -> None:
    """Thirty lists, each of which holds the one before twice: a copy would share none of them."""
    value: list[object] = []
    for _ in range(30):
        value = [value, value]
    with pytest.raises(LimitError, match="MiB of values"):
        FUNCTIONS["deepCopy"][1](Budget(memory=1 << 20), value)
    assert REFLECTION["deepEqual"][1](Budget(steps=1_000), value, [value[0], value[0]])


def test_copy_of_what_holds_itself_ends() -> None:
    value: dict[bytes, object] = {}
    value[b"a"] = value
    with pytest.raises(LimitError, match="MiB of values"):
        FUNCTIONS["deepCopy"][1](Budget(memory=1 << 20), value)


@pytest.mark.parametrize("depth", [10, 20_000])
def test_depth_is_no_limit(depth: int) -> None:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    copied = FUNCTIONS["deepCopy"][1](Budget(), value)
    assert REFLECTION["deepEqual"][1](Budget(), value, copied)
    assert not REFLECTION["deepEqual"][1](Budget(), value, [copied])


def test_nested_maps_are_merged_in_place_and_others_taken_as_they_are() -> None:
    nested: dict[bytes, object] = {b"x": 1}
    taken: dict[bytes, object] = {b"y": 1}
    target: dict[bytes, object] = {b"a": nested}
    assert merge_all(Budget(), target, ({b"a": {b"z": 2}, b"b": taken},), overwrite=False) is target
    assert target[b"a"] is nested
    assert nested == {b"x": 1, b"z": 2}
    assert target[b"b"] is taken


def test_merging_into_the_fields_of_a_struct() -> None:
    """Mergo goes through the fields of what it finds, whatever is to be merged; no struct of Sprig's is in a map by itself."""

    class Certificate:
        go_type = find_type("error")
        go_fields = {"Cert": b""}  # noqa: RUF012 - nobody changes it

    certificate = Certificate()
    certificate.go_type = type("Struct", (), {"name": "sprig.certificate", "kind": "struct"})()
    with pytest.raises(FunctionError, match=r"^reflect: call of reflect.Value.Field on map Value$"):
        merge_all(Budget(), {b"a": certificate}, ({b"a": {b"b": 1}},), overwrite=True)
