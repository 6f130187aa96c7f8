"""YAML as Kubernetes reads it, and what is written for it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.manifest.yamltext import LARGEST, InvalidYAML, read_yaml, resolve, write_yaml

# Plain scalar -> value: the rules of goyaml.v2, resolve.go, and JSON's numbers.
SCALARS: dict[str, Any] = {
    "yes": True,
    "y": True,
    "On": True,
    "TRUE": True,
    "no": False,
    "N": False,
    "off": False,
    "yES": "yES",
    "~": None,
    "NULL": None,
    "nULL": "nULL",
    "0": 0,
    "-0": 0,
    "12": 12,
    "+12": 12,
    "1_000": 1000,
    "_1": "_1",
    "017": 15,
    "0o17": 15,
    "0x1F": 31,
    "-0b11": -3,
    "08": 8,
    "0xZ": "0xZ",
    "1e3": 1000,
    "1.5": 1.5,
    "1.": 1,
    ".5": 0.5,
    "1.5e-3": 0.0015,
    "1e999": "1e999",
    "12345678901234567890": 12345678901234567890,
    "123456789012345678901234567890": 123456789012345678901234567890.0,
    "9" * 500: "9" * 500,
    "12:30:45": "12:30:45",
    "2026-08-01": "2026-08-01",
    "2026-08-01T12:00:00Z": "2026-08-01T12:00:00Z",
    "1.2.3": "1.2.3",
    "100m": "100m",
    "=": "=",
    "vault:secret/data/a#b": "vault:secret/data/a#b",
}


@pytest.mark.parametrize(("text", "value"), SCALARS.items())
def test_plain_scalar(text: str, value: Any) -> None:
    read = resolve(text)
    assert (read, type(read)) == (value, type(value))
    assert read_yaml(f"key: {text}") == {"key": value}


@pytest.mark.parametrize("text", SCALARS)
def test_quoted_scalar_is_text(text: str) -> None:
    assert read_yaml(f"key: '{text}'") == {"key": text}
    assert read_yaml(f"key: !!str {text}") == {"key": text}


@pytest.mark.parametrize("text", SCALARS)
def test_text_is_written_so_that_every_reader_takes_it_for_text(text: str) -> None:
    written = write_yaml({"key": text})
    assert read_yaml(written) == {"key": text}
    assert yaml.safe_load(written) == {"key": text}


COLLECTIONS: dict[str, tuple[str, Any]] = {
    "nothing": ("", None),
    "comment": ("# only this\n", None),
    "nested": ("a:\n- b: [1, x]\n  c: {d: e}\n", {"a": [{"b": [1, "x"], "c": {"d": "e"}}]}),
    "keys become text": ("1: a\ntrue: b\n1.5: c\n", {"1": "a", "true": "b", "1.5": "c"}),
    "alias": ("a: &x {b: [1]}\nc: *x\n", {"a": {"b": [1]}, "c": {"b": [1]}}),
    "merge": ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n", {"a": {"p": 1, "q": 2}, "b": {"q": 3, "p": 1}}),
    "merge of several": ("a: {<<: [{p: 1}, {p: 2, q: 2}]}\n", {"a": {"p": 1, "q": 2}}),
    "quoted merge key": ("'<<': 1\n", {"<<": 1}),
    "document markers": ("---\na: 1\n...\n", {"a": 1}),
    "known tags": ("a: !!int '3'\nb: !!map {}\nc: !!seq []\nd: !!float 1\n", {"a": 3, "b": {}, "c": [], "d": 1}),
    "block text": ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", {"a": "x\ny\n", "b": "x y"}),
}


@pytest.mark.parametrize(("text", "value"), COLLECTIONS.values(), ids=COLLECTIONS)
def test_collections(text: str, value: Any) -> None:
    assert read_yaml(text) == value


def test_aliases_are_copies() -> None:
    """A change of one place must not be a change of another."""
    value: Any = read_yaml("a: &x {b: 1}\nc: *x\n")
    value["a"]["b"] = 2
    assert value["c"] == {"b": 1}


def bomb(width: int) -> str:
    """Nine levels, each of several aliases of the one before."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, 10)]
    return "\n".join(lines)


WRONG: dict[str, tuple[str, str, int]] = {
    "unclosed": ("a: [1,\n", "did not find expected node content", 2),
    "bad indentation": ("a: 1\n b: 2\n", "mapping values are not allowed in this context", 2),
    "tab": ("a:\n\tb: 1\n", "found character that cannot start any token", 2),
    "control character": ("a: 1\nb: \x07\n", "the character U+0007 must not be in YAML", 2),
    "key twice": ("a: 1\nb: 2\na: 3\n", "the key 'a' stands twice", 3),
    "key twice in other words": ("1: a\n'1': b\n", "the key '1' stands twice", 2),
    "no number of JSON": ("a: .inf\n", "a number that JSON does not have", 1),
    "not a number": ("a: .nan\n", "a number that JSON does not have", 1),
    "foreign tag": ("a: !Ref x\n", "the value at column 4 has a tag that is not for Kubernetes; quote it", 1),
    "foreign tag of a mapping": ("a: !!set {x}\n", "a tag that is not for Kubernetes", 1),
    "binary": ("a: !!binary aGk=\n", "a tag that is not for Kubernetes", 1),
    "list as key": ("[a]: 1\n", "a key must be text", 1),
    "unknown alias": ("a: *x\n", "the alias at column 4 stands for nothing", 1),
    "alias in itself": ("a: &x [*x]\n", "stands for nothing that is complete before it; quote it if text is meant", 1),
    "merge of text": ("a: {<<: b}\n", "can be merged by <<", 1),
    "second document": ("a: 1\n--- {b: 2}\n", "another document begins", 2),
    "too deep": ("[" * 100_000, "nested too deep", 1),
    "bomb": (bomb(9), f"more than {LARGEST} values", 8),
}


@pytest.mark.parametrize(("text", "reason", "line"), WRONG.values(), ids=WRONG)
def test_wrong(text: str, reason: str, line: int) -> None:
    with pytest.raises(InvalidYAML) as raised:
        read_yaml(text)
    assert reason in raised.value.reason
    assert raised.value.line == line


# Passwords that were not quoted, and what else can be wrong around one.
UNQUOTED = [
    *("*S3cretCANARY", "!S3cretCANARY", "!!S3cretCANARY", "!<S3cretCANARY> x", "!S3cretCANARY!x", "!S3cretCANARY {}"),
    *("!S3cretCANARY []", "*S3cretCANARY!", "&S3cretCANARY!", "&S3cretCANARY *S3cretCANARY", "%S3cretCANARY", "@S3cretCANARY"),
    *("`S3cretCANARY", "|S3cretCANARY", ">S3cretCANARY", "'S3cretCANARY", '"S3cretCANARY', '"\\S3cretCANARY"', "S3cretCANARY: x"),
    *("[S3cretCANARY", "{S3cretCANARY", "{? [S3cretCANARY] : x}", "{<<: S3cretCANARY}", "S3cretCANARY\x07", "? S3cretCANARY"),
    *("'a' S3cretCANARY", "!%S3cretCANARY x", "!!int [S3cretCANARY]", "x\n--- S3cretCANARY", "x\n%TAG S3cretCANARY"),
]  # fmt: skip


@pytest.mark.parametrize("value", UNQUOTED)
def test_reason_quotes_no_value(value: str) -> None:
    with pytest.raises(InvalidYAML) as raised:
        read_yaml(f"stringData:\n  password: {value}\n")
    assert "CANARY" not in str(raised.value)


@pytest.mark.parametrize("value", [".inf", "-.Inf", ".NaN"])
def test_reason_quotes_no_number(value: str) -> None:
    with pytest.raises(InvalidYAML) as raised:
        read_yaml(f"password: {value}\n")
    assert value not in raised.value.reason


def test_written_form() -> None:
    value: Any = {"b": "x\ny\n", "a": ["yes", {"c": {}, "d": None}], "long": "word " * 60 + "end", "e": True}
    assert write_yaml(value) == (
        f"b: |\n  x\n  y\na:\n- 'yes'\n- c: {{}}\n  d: null\nlong: {'word ' * 60}end\ne: true\n"
    )
    assert write_yaml({"env": [{"name": "A", "value": "1"}]}, compact=True) == "env:\n- {name: A, value: '1'}\n"


def test_equal_values_are_written_out() -> None:
    """An anchor in a manifest that had none would surprise."""
    shared: Any = {"x": [1]}
    assert "&" not in write_yaml({"a": shared, "b": shared})


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [*SCALARS, "- a", "a: b", " x\n"]
)
NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    assert read_yaml(write_yaml(value)) == value
    assert read_yaml(write_yaml(value, compact=True)) == value


@given(st.text(max_size=60) | st.text("ab:-[]{}#&*!|>'\"%@`,? \n\t", max_size=40))
def test_anything_else_raises_our_error_only(text: str) -> None:
    with contextlib.suppress(InvalidYAML):
        write_yaml(read_yaml(text))
