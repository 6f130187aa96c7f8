"""How a file falls into documents, and what is said of those that cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.manifest.document import read_documents

# Content -> (number, value) of each document.
FILES: dict[str, tuple[str, list[tuple[int, Any]]]] = {
    "empty": ("", []),
    "one": ("a: 1\n", [(1, {"a": 1})]),
    "no newline at the end": ("a: 1", [(1, {"a": 1})]),
    "several": ("a: 1\n---\nb: 2\n--- # the third\nc: 3\n", [(1, {"a": 1}), (2, {"b": 2}), (3, {"c": 3})]),
    "separators around nothing": ("---\n---\n\n---\na: 1\n---\n", [(1, {"a": 1})]),
    "comments have no number": ("# licence\n---\na: 1\n---\n# end\n", [(1, None), (1, {"a": 1}), (2, None)]),
    "CRLF": ("a: 1\r\n---\r\nb: 2\r\n", [(1, {"a": 1}), (2, {"b": 2})]),
    "byte order mark": ("\ufeffa: 1\n", [(1, {"a": 1})]),
    "line of dashes in text": ("a: |\n  ---\n", [(1, {"a": "---\n"})]),
    "JSON": ('{"a": 1e3, "b": 1.5}', [(1, {"a": 1000, "b": 1.5})]),
    "JSON stream": ('{"a": 1}\n{"b": "2"} {}', [(1, {"a": 1}), (2, {"b": "2"}), (3, {})]),
    "flow YAML": ("{a: 1}\n---\n{b: 2}\n", [(1, {"a": 1}), (2, {"b": 2})]),
    "list": ("- a\n", [(1, ["a"])]),
}


@pytest.mark.parametrize(("content", "expected"), FILES.values(), ids=FILES)
def test_documents(content: str, expected: list[tuple[int, Any]]) -> None:
    documents, faults = read_documents("x.yaml", content.encode())
    assert [(document.number, document.value) for document in documents] == expected
    assert faults == []


FAULTS: dict[str, tuple[bytes, list[str]]] = {
    "not UTF-8": (b"a: \xff\n", ["x.yaml: not UTF-8 at byte 3"]),
    "UTF-16": ("a: 1".encode("utf-16"), ["x.yaml: not UTF-8 at byte 0"]),
    "broken": (b"a: [\n---\nb: 1\n", ["x.yaml, document 1, line 2: while parsing a flow node, did not find"]),
    "lines count from the file's first": (b"a: 1\n---\n\nb: 1\nb: 2\n", ["x.yaml, document 2, line 5: the key 'b'"]),
    "several": (b"a: [\n---\nb: 1\n---\nc: }\n", ["document 1, line 2: ", "document 3, line 5: "]),
    "JSON with a key twice": (b'{"a": 1,\n"a": 2}', ["document 1, line 2: the key 'a' stands twice"]),
    "JSON cut short": (b'{"a": {"b":', ["document 1, line 2: while parsing a flow node"]),
    "JSON with half a character": (b'{"a": "\\ud800"}', ["document 1"]),
    "JSON with NaN": (b'{"a": .nan}', ["a number that JSON does not have"]),
    "JSON too deep": (b'{"a":' * 500 + b"1" + b"}" * 500, ["nested too deep"]),
    "deep by aliases": (
        b"a: &a " + b"[" * 150 + b"]" * 150 + b"\nb: " + b"[" * 150 + b"*a" + b"]" * 150 + b"\n",
        ["document 1: nested too deep"],
    ),
}


@pytest.mark.parametrize(("content", "parts"), FAULTS.values(), ids=FAULTS)
def test_faults(content: bytes, parts: list[str]) -> None:
    faults = [str(fault) for fault in read_documents("x.yaml", content).faults]
    assert len(faults) == len(parts)
    for fault, part in zip(faults, parts, strict=True):
        assert part in fault


def test_good_documents_of_a_broken_file_are_read() -> None:
    """So that all that is wrong can be told at once."""
    documents, faults = read_documents("x", b"a: [\n---\nb: 1\n")
    assert [(document.number, document.value) for document in documents] == [(2, {"b": 1})]
    assert len(faults) == 1


def test_text_is_what_was_written() -> None:
    content = "# first\na:   1   # why\n---\n\nb: {c:    2}\n"
    documents, _ = read_documents("x", content.encode())
    assert "---\n".join(document.text for document in documents) == content


SCALARS = (
    st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 63) | st.floats(allow_nan=False, allow_infinity=False)
)
TEXT = st.text(max_size=10)
VALUES = st.recursive(
    SCALARS | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(TEXT, VALUES, max_size=3), st.booleans(), st.none() | st.just(2))
def test_json_is_read_as_what_it_is(value: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    documents, _ = read_documents("x", json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode())
    assert [(document.is_json, document.value) for document in documents] == [(True, value)]


@given(st.binary(max_size=80) | st.text("{}[]\"ab:,-\n #'", max_size=60).map(str.encode))
def test_any_bytes_give_documents_or_faults(content: bytes) -> None:
    documents, faults = read_documents("x", content)
    assert all(document.place() for document in documents)
    assert all(str(fault).startswith("x") for fault in faults)
