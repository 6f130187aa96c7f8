"""Lists of strings: what they may cost, and that sorting a list of strings sorts that list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT, Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import stringlists
from vault_secrets_webhook.gotemplate.values import SLICE_OF_STRING, Slice

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = b"a" * (OUTPUT_LIMIT // 2)
MANY = b"," * 100  # more than 6,400 bytes as elements


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda budget: stringlists.split(budget, b",", MANY), id="split"),
        pytest.param(lambda budget: stringlists.split_list(budget, b"", MANY), id="splitList"),
        pytest.param(lambda budget: stringlists.splitn(budget, b",", 1 << 40, MANY), id="splitn"),
        pytest.param(lambda budget: stringlists.list_texts(budget, [0] * len(MANY)), id="toStrings"),
        pytest.param(lambda budget: stringlists.sort_alpha(budget, [0] * len(MANY)), id="sortAlpha"),
    ],
)
def test_elements_count(call: Callable[[Budget], object]) -> None:
    call(Budget(memory=20_000))
    with pytest.raises(LimitError, match="of values"):
        call(Budget(memory=6_399))


def test_large_string_is_not_made() -> None:
    with pytest.raises(LimitError, match="the result would be larger than 16 MiB"):
        stringlists.join(Budget(), LONG, [1, 2, 3, 4])


def test_a_limit_limits_what_counts() -> None:
    assert len(stringlists.splitn(Budget(memory=6_399), b",", 3, MANY)) == 3
    assert len(stringlists.splitn(Budget(memory=6_399), b"", 3, MANY)) == 3


@given(st.binary(), st.binary(min_size=1, max_size=2))
def test_join_undoes_split(string: bytes, separator: bytes) -> None:
    parts = stringlists.split_list(Budget(), separator, string)
    assert parts.go_type is SLICE_OF_STRING
    assert stringlists.join(Budget(), separator, parts) == string


@given(st.binary(), st.integers(1, 5))
def test_runes_join_to_the_string(string: bytes, limit: int) -> None:
    parts = stringlists.splitn(Budget(), b"", limit, string)
    assert stringlists.join(Budget(), b"", [*parts.values()]) == string
    assert len(parts) <= limit


def test_sorting_is_in_place_for_strings_alone() -> None:
    strings, values = Slice(SLICE_OF_STRING, (b"b", b"a")), [b"b", b"a"]
    assert stringlists.sort_alpha(Budget(), strings) is strings
    assert strings == [b"a", b"b"]
    assert stringlists.sort_alpha(Budget(), values) == [b"a", b"b"]
    assert values == [b"b", b"a"]
