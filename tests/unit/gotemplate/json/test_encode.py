"""JSON that templates write: what has limits, and what other readers make of it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.json import marshal, unmarshal
from vault_secrets_webhook.gotemplate.json.numbers import is_number
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.values import JsonNumber

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text().map(str.encode),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().map(str.encode), inner),
)


@given(VALUES, st.booleans(), st.sampled_from([b"", b"  "]))
def test_what_is_written_is_read_again(value: object, escape_html: bool, indent: bytes) -> None:
    text = marshal(Budget(), value, escape_html=escape_html, indent=indent)
    assert repr(unmarshal(Budget(), text)) == repr(sort(value))


def sort(value: object) -> object:
    if isinstance(value, list):
        return [sort(item) for item in value]
    return {key: sort(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


@given(st.binary(), st.booleans())
def test_bytes_become_valid_text(value: bytes, escape_html: bool) -> None:
    text = marshal(Budget(), value, escape_html=escape_html).decode()
    assert len(json.loads(text)) == len(value.decode("utf-8", "surrogateescape"))
    assert not (escape_html and set("<>&\u2028\u2029") & set(text))


@given(st.text(alphabet="0123456789-+.eE ", max_size=8))
def test_numbers_are_those_of_json(text: str) -> None:
    try:
        expected = isinstance(json.loads(text), int | float) and text == text.strip()
    except ValueError:
        expected = False
    assert is_number(text.encode()) is expected


@pytest.mark.parametrize("text", [b"1x", b"01", b"-", b"1.", b"1e", b"+1", b" 1", b"\xff", b"NaN"])
def test_numbers_that_are_none(text: bytes) -> None:
    """Decoded JSON has no such numbers, but `render` may be given them."""
    with pytest.raises(FunctionError, match=r"^json: invalid number literal "):
        marshal(Budget(), [JsonNumber(text)])


def test_empty_number_is_zero() -> None:
    assert marshal(Budget(), JsonNumber(b"")) == b"0"


@pytest.mark.parametrize(("value", "name"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")])
def test_numbers_that_json_has_not(value: float, name: str) -> None:
    with pytest.raises(FunctionError) as caught:
        marshal(Budget(), {b"a": [value]})
    assert str(caught.value) == f"json: unsupported value: {name}"


@pytest.mark.parametrize("indent", [b"", b"  "])
def test_little_that_becomes_much(indent: bytes) -> None:
    """Thirty lists, each of which holds the one before twice, are a thousand million elements."""
    value: list[object] = []
    for _ in range(30):
        value = [value, value]
    with pytest.raises(LimitError, match="steps"):
        marshal(Budget(steps=100_000), value, indent=indent)


def test_indent_of_deep_values_is_counted() -> None:
    value: list[object] = []
    for _ in range(9_000):
        value = [value]
    assert len(marshal(Budget(), value)) == 2 * 9_001
    with pytest.raises(LimitError, match="the result would be larger than 16 MiB"):
        marshal(Budget(), value, indent=b"  ")


def test_long_strings_are_counted() -> None:
    with pytest.raises(LimitError, match="the result would be larger than 16 MiB"):
        marshal(Budget(), [b"x" * (1 << 20)] * 17)
