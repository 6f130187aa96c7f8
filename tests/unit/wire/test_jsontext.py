"""JSON as vault-env reads and writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.wire.jsontext import Number, dumps, loads


@pytest.mark.parametrize(
    "text",
    [
        *("0", "-0", "1.50", "1E5", "1e-5", "18446744073709551616", "0.1000000000000000055511151231257827", "1e999"),
        pytest.param("1" * 5000, id="many digits"),
    ],
)
def test_numbers_stay_as_written(text: str) -> None:
    value = loads(text.encode())
    assert (value, type(value)) == (text, Number)
    assert dumps(loads(f'{{"a":[{text}]}}'.encode())) == f'{{"a":[{text}]}}'


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b' \t\r\n{"a": [true, false, null, "x"]}\n', {"a": [True, False, None, "x"]}),
        (b'"\\u00e9\\n\\ud83d\\ude00"', "é\n😀"),
        ('"é"'.encode(), "é"),
        (b'"\\ud800"', "\ud800"),
        (b'{"a":1,"a":2}', {"a": "2"}),
        (b"{}", {}),
        (b"[]", []),
    ],
)
def test_loads(data: bytes, expected: Any) -> None:
    assert loads(data) == expected


BAD: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("spaces", b" \n"),
    ("HTML", b"<html></html>"),
    ("half an object", b'{"a":'),
    ("half a member", b'{"a"'),
    ("half a list", b"["),
    ("half a string", b'"a'),
    ("half a word", b"nul"),
    ("trailing comma", b"[1,]"),
    ("single quotes", b"{'a':1}"),
    ("bare key", b"{a:1}"),
    ("NaN", b"NaN"),
    ("Infinity in a list", b"[Infinity]"),
    ("negative infinity", b"-Infinity"),
    ("leading zero", b"01"),
    ("plus", b"+1"),
    ("two documents", b"{}{}"),
    ("control character in a string", b'"a\nb"'),
    ("unknown escape", b'"\\x41"'),
    ("half an escape", b'"\\u12"'),
    ("not UTF-8", b'"\xff"'),
    ("byte order mark", b"\xef\xbb\xbf{}"),
    ("other space", b"\xc2\xa0{}"),
    ("vertical tab", b"\x0b{}"),
    ("nested too deep", b"[" * 200_000),
]


@pytest.mark.parametrize("data", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_no_json(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(data)


WITHOUT_JSON = """
import sys
sys.path.insert(0, sys.argv[1])
sys.modules["json"] = None  # as if it were not there
from vault_secrets_webhook.wire.jsontext import read_value
for text in ('{"a": 1.50} x', '{"a": 1', '{a: 1}', "[1,]", '{"a": NaN}', '"x', "", "[" * 200_000):
    try:
        print(read_value(text, 0))
    except ValueError as error:
        print(error)
assert "re" not in sys.modules
"""


def test_the_package_json_is_not_needed_for_errors_either() -> None:
    sources = Path(__file__).parents[3] / "src"
    command = [sys.executable, "-I", "-S", "-c", WITHOUT_JSON, str(sources)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    vague = "check its quotes, commas and braces"
    assert lines == ["({'a': '1.50'}, 11)", vague, vague, vague, "NaN is not JSON", vague, vague, "nested too deep"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\é\n', max_size=4), inner, max_size=4),
)


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    assert loads(dumps(value).encode()) == value
    assert dumps(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@given(st.binary(max_size=20) | st.text('{}[]",:\\ue0123456789.-nulltrfase \n', max_size=20).map(str.encode))
def test_reads_what_the_standard_library_reads_and_nothing_else(data: bytes) -> None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        expected = json.loads(data.decode(), parse_int=str, parse_float=str, parse_constant=refuse)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            loads(data)
    else:
        assert loads(data) == expected


def test_what_is_no_json_is_not_written() -> None:
    with pytest.raises(TypeError, match="set is not JSON"):
        dumps({1})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [5, [1, {"a": True}]])
def test_whole_numbers_of_ours_are_written(value: Any) -> None:
    assert dumps(value) == json.dumps(value, separators=(",", ":"))
