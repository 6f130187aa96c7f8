"""Base64 and base32 against Python's, and what they may cost."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT, Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import encoding


@given(st.binary())
def test_as_python_encodes(data: bytes) -> None:
    assert encoding.b64enc(Budget(), data) == base64.b64encode(data)
    assert encoding.b32enc(Budget(), data) == base64.b32encode(data)


@given(st.binary(), st.integers(0))
def test_decodes_with_a_line_end_anywhere(data: bytes, position: int) -> None:
    for encode, decode in ((base64.b64encode, encoding.b64dec), (base64.b32encode, encoding.b32dec)):
        text = encode(data)
        cut = position % (len(text) + 1)
        assert decode(text[:cut] + b"\r\n" + text[cut:]) == data


@given(st.binary(max_size=12))
def test_anything_gives_bytes_or_names_a_position(text: bytes) -> None:
    for decode, name in ((encoding.b64dec, b"base64"), (encoding.b32dec, b"base32")):
        decoded = decode(text)
        assert len(decoded) <= len(text) or decoded.startswith(b"illegal %b data at input byte " % name)


def test_large_results_are_not_made() -> None:
    data = bytes(OUTPUT_LIMIT)
    for encode in (encoding.b64enc, encoding.b32enc):
        with pytest.raises(LimitError, match="larger than 16 MiB"):
            encode(Budget(), data)
    with pytest.raises(LimitError, match="steps"):
        encoding.b32enc(Budget(steps=1), b"a" * 10)
