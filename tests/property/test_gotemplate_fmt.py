"""Printing: quotes and floats are read back as they were, any format string gives bytes, and all ways to print agree."""

from __future__ import annotations

import ast
import math
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.fmt import sprint, sprintf, sprintln, write_value
from vault_secrets_webhook.gotemplate.formatfloat import format_float
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.quote import can_backquote, quote, quote_to_ascii
from vault_secrets_webhook.gotemplate.unquote import unquote
from vault_secrets_webhook.gotemplate.values import Int64, JsonNumber, Slice, Uint8, decode, find_type

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.complex_numbers(),
    st.binary(max_size=8),
    st.text(max_size=4).map(str.encode),
    st.integers(0, 255).map(Uint8),
    st.integers(-9, 9).map(Int64),
    st.just(JsonNumber(b"1.50")),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.binary(max_size=3), inner, max_size=3),
        st.lists(st.binary(max_size=3), max_size=2).map(lambda items: Slice(find_type("[]string"), items)),
    ),
    max_leaves=6,
)
PIECES = [
    b"%",
    b"[",
    b"]",
    b"*",
    b".",
    b"1",
    b"2",
    b"40",
    b"[1]",
    b"[2]",
    b"\xff",
    *(bytes([char]) for char in b"+-# 0vdsqxXbcoOUeEfgGtTpwz!"),
]
FORMATS = st.lists(st.sampled_from(PIECES), max_size=10).map(b"".join)


@given(st.text())
def test_quoted_text_is_python_too(text: str) -> None:
    """Go's escapes are some of Python's, but for those of bytes that are not UTF-8."""
    assert ast.literal_eval(quote(text.encode()).decode()) == text
    in_ascii = quote_to_ascii(text.encode())
    assert in_ascii.isascii()
    assert ast.literal_eval(in_ascii.decode()) == text


@given(st.binary())
def test_quoted_bytes_are_read_back(string: bytes) -> None:
    assert unquote(decode(quote(string))) == string
    assert unquote(decode(quote_to_ascii(string))) == string
    if can_backquote(string):
        assert unquote(f"`{decode(string)}`") == string


@given(FLOATS, st.sampled_from("eEfgG"))
def test_shortest_float_is_read_back(value: float, verb: str) -> None:
    text = format_float(value, verb)
    assert math.copysign(1, float(text)) == math.copysign(1, value)
    assert float(text) == value


@given(FLOATS)
def test_float_of_powers_of_two_is_read_back(value: float) -> None:
    assert float.fromhex(format_float(value, "x")) == value
    mantissa, exponent = format_float(value, "b").split("p")
    assert math.ldexp(int(mantissa), int(exponent)) == value


@given(VALUES)
def test_all_ways_to_print_agree(value: object) -> None:
    written = write_value(value)
    assert sprint([value]) == written
    assert sprintln([value, value]) == b"%b %b\n" % (written, written)
    assert sprintf(Budget(), b"%v", [value]) == written
    assert sprintf(Budget(), b"<%s>", [written]) == b"<%b>" % written


@given(FORMATS, st.lists(VALUES, max_size=3))
def test_any_format_gives_bytes(text: bytes, values: list[object]) -> None:
    """Nothing is raised but for what is too wide, and what is before the first directive is written."""
    with suppress(LimitError):
        assert sprintf(Budget(), text, values).startswith(text.partition(b"%")[0])


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 40))
def test_integers_are_padded_as_python_does(value: int, width: int) -> None:
    text = b"%%%dd|%%-%dd|%%0%dd|%%+d|%%x|%%#o" % (width, width, width)
    python = (f"{value:{width}d}", f"{value:<{width}d}", f"{value:0{width}d}", f"{value:+d}", f"{value:x}")
    octal = f"{value:o}".replace("-", "-0") if value < 0 else f"0{value:o}" if value else "0"
    if width == 0:  # the flag alone: `%00d` is a flag twice
        python = (str(value), str(value), str(value), *python[3:])
    assert sprintf(Budget(), text, [value] * 6).decode() == "|".join((*python, octal))
