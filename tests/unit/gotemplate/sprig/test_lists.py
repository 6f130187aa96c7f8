"""Sprig's lists: what looking for equal values costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig.lists import FUNCTIONS
from vault_secrets_webhook.gotemplate.sprig.reflection import is_deep_equal
from vault_secrets_webhook.gotemplate.values import Int64, JsonNumber

SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 1.0, -0.0, 0.0, b"", b"1", JsonNumber(b"1"), Int64(1), float("nan")]
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just(b"a"), inner))


@given(st.lists(VALUES), VALUES)
def test_members_are_found_as_one_by_one(values: list[object], value: object) -> None:
    expected = any(is_deep_equal(Budget(), value, other) for other in values)
    assert FUNCTIONS["has"][1](Budget(), value, values) is expected
    without = [other for other in values if not is_deep_equal(Budget(), value, other)]
    assert repr(FUNCTIONS["without"][1](Budget(), values, value)) == repr(without)


@given(st.lists(VALUES))
def test_first_of_equal_values_stay(values: list[object]) -> None:
    kept: list[object] = []
    for value in values:
        if not any(is_deep_equal(Budget(), value, other) for other in kept):
            kept.append(value)
    assert repr(FUNCTIONS["uniq"][1](Budget(), values)) == repr(kept)


def test_scalars_cost_little() -> None:
    values: list[object] = [b"%d" % number for number in range(100_000)]
    assert FUNCTIONS["uniq"][1](Budget(steps=10_000), values * 1) == values


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("uniq", [[[number] for number in range(1_000)]], id="uniq"),
        pytest.param("has", [[0], [[number] for number in range(1, 60_000)]], id="has"),
    ],
)
def test_containers_cost_steps(name: str, arguments: list[object]) -> None:
    with pytest.raises(LimitError, match="steps"):
        FUNCTIONS[name][1](Budget(steps=50_000), *arguments)


def test_looking_again_and_again_costs_steps() -> None:
    values = [b"%d" % number for number in range(16_000)]
    budget = Budget(steps=2_500)
    assert FUNCTIONS["has"][1](budget, b"1", values)
    assert FUNCTIONS["has"][1](budget, b"x", values) is False
    with pytest.raises(LimitError, match="steps"):
        FUNCTIONS["has"][1](budget, b"1", values)


def test_lists_of_lists_are_counted_together() -> None:
    values = [b""] * 100_000
    with pytest.raises(LimitError, match="MiB of values"):
        FUNCTIONS["concat"][1](Budget(), *[values] * 100)
