"""Base64 as Go reads it: line ends anywhere, and the byte that an error names."""

from __future__ import annotations

import binascii
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.base64 import decode_base64, encode_base64

FORM = re.compile(rb"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=5))
def test_what_was_encoded_is_decoded(data: bytes, breaks: list[int]) -> None:
    text = encode_base64(data)
    for place in breaks:
        text = text[:place] + b"\r\n" + text[place:]
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    ("text", "byte"),
    [
        pytest.param(b"A", 0, id="one digit"),
        pytest.param(b"AAAAAA", 4, id="half a quantum"),
        pytest.param(b"AAAA\nAA", 5, id="half a quantum behind a line end"),
        pytest.param(b"AA-A", 2, id="digit of another alphabet"),
        pytest.param(b"=AAA", 0, id="padding first"),
        pytest.param(b"AA=A", 2, id="digit in padding"),
        pytest.param(b"AA=", 3, id="padding cut"),
        pytest.param(b"AA==A", 4, id="behind padding"),
        pytest.param(b"AAA==", 4, id="too much padding"),
    ],
)
def test_error_names_the_byte(text: bytes, byte: int) -> None:
    with pytest.raises(FunctionError, match=f"^illegal base64 data at input byte {byte}$"):
        decode_base64(text)


@given(st.text("AQ=\n!", max_size=12).map(str.encode))
def test_accepts_what_is_base64(text: bytes) -> None:
    """Where the error is has its table, and Go's answers; here it is whether there is one."""
    joined = text.translate(None, b"\n")
    expected = binascii.a2b_base64(joined) if FORM.fullmatch(joined) else None
    try:
        assert decode_base64(text) == expected
    except FunctionError:
        assert expected is None
