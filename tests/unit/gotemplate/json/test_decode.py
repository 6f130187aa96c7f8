"""JSON that templates read: the quick way and the thorough way give the same, and neither takes more than it may."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.json import decode, unmarshal
from vault_secrets_webhook.gotemplate.json.reader import Reader
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *'[]{}:,"\\ \n',
            "\\u",
            "d83d",
            "dc00",
            "00e9",
            "1",
            "0",
            "-",
            ".5",
            "e9",
            "e999",
            "true",
            "null",
            "a",
            "é",
            "\0",
        ]
    ),
    max_size=12,
).map("".join)


def read_thoroughly(text: bytes) -> tuple[object, str]:
    return Reader(Budget(), text).read()


@given(DOCUMENTS, st.booleans(), st.booleans())
def test_both_ways_agree_on_documents(document: object, is_ascii: bool, is_indented: bool) -> None:
    text = json.dumps(document, ensure_ascii=is_ascii, indent=2 if is_indented else None).encode("utf-8", "replace")
    assert repr(decode(Budget(), text)) == repr(read_thoroughly(text))


@given(FRAGMENTS | st.text())
def test_both_ways_agree_on_what_may_be_none(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    assert repr(decode(Budget(), raw)) == repr(read_thoroughly(raw))


@given(st.binary())
def test_bytes_are_a_value_or_a_problem(text: bytes) -> None:
    value, problem = decode(Budget(), text)
    assert value is None or not problem or problem.startswith("json: cannot unmarshal number ")


@given(FRAGMENTS)
def test_what_is_json_elsewhere_is_json_here(text: str) -> None:
    """Python's own reader is the judge; it knows three words more, and whole numbers of any size."""
    try:
        expected = json.loads(text, parse_constant=Decimal, parse_int=float)
    except ValueError:
        with pytest.raises(FunctionError):
            unmarshal(Budget(), text.encode())
        return
    value, problem = decode(Budget(), text.encode())
    if not problem:
        assert value == to_values(expected)


def to_values(document: object) -> object:
    match document:
        case str():
            return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in document).encode()
        case list():
            return [to_values(item) for item in document]
        case dict():
            return {to_values(key): to_values(item) for key, item in document.items()}
    return document


def test_what_is_usual_is_read_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(budget: Budget, text: bytes) -> Reader:
        raise AssertionError

    monkeypatch.setattr("vault_secrets_webhook.gotemplate.json.reader.Reader", refuse)
    document = b' {"a": [1, 2.5, -3e2, null, true, false, "x\\u00e9", {}], "b": {"c": []}}\n'
    expected: object = {b"a": [1.0, 2.5, -300.0, None, True, False, "xé".encode(), {}], b"b": {b"c": []}}
    assert unmarshal(Budget(), document) == expected


def test_many_elements_are_read_thoroughly_and_alike() -> None:
    text = b"[" + b",".join([b"1"] * 120_000) + b"]"
    assert unmarshal(Budget(), text) == [1.0] * 120_000


def test_elements_are_counted() -> None:
    budget = Budget()
    before = budget.memory
    unmarshal(budget, b"[1,2,{}]")
    assert before - budget.memory == 3 * 64


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[" + b"0," * 40_000 + b"0]", id="a list"),
        pytest.param(b"[" + b"[]," * 40_000 + b"0]", id="lists"),
        pytest.param(b"{" + b",".join(b'"%d":0' % key for key in range(40_000)) + b"}", id="members"),
    ],
)
def test_too_many_elements(text: bytes) -> None:
    with pytest.raises(LimitError, match="MiB of values"):
        unmarshal(Budget(memory=1 << 20), text)


def test_spaces_cost_steps() -> None:
    with pytest.raises(LimitError, match="steps"):
        decode(Budget(steps=100), b" " * 10_000)


def test_escapes_before_a_distant_end_are_read_once() -> None:
    """A reader that looked for the end again after each escape would take hours."""
    text = b'["' + b"\\n" * 500_000 + b'",1e999]'
    value, problem = decode(Budget(), text)
    assert value == [b"\n" * 500_000, None]
    assert problem == "json: cannot unmarshal number 1e999 into Go value of type float64"
