"""PEM: what is written is what OpenSSL writes, and what is read is what Go reads."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.crypto.pem import decode_pem, encode_pem

BLOCK = encode_pem("X", bytes(100))


@given(st.binary(max_size=300))
def test_what_was_written_is_read(data: bytes) -> None:
    assert decode_pem(encode_pem("A KEY", data)) == (b"A KEY", data)


@given(st.binary(min_size=1, max_size=300))
def test_same_as_the_standard_library(data: bytes) -> None:
    assert encode_pem("CERTIFICATE", data).decode() == ssl.DER_cert_to_PEM_cert(data)


@given(st.text("-\n AB:=", max_size=40).map(str.encode), st.integers(0, 300))
def test_anything_may_be_there(text: bytes, place: int) -> None:
    """It ends, and gives a block or none."""
    found = decode_pem(BLOCK[:place] + text + BLOCK[place:])
    assert found is None or isinstance(found[1], bytes)


def test_many_ends_are_read_in_time() -> None:
    """Each is looked at once; a search that starts anew at each one would not come to an end here."""
    assert decode_pem(b"-----BEGIN X-----\n" + b"\n-----END Y-----" * 200_000) is None
    assert decode_pem(b"-----BEGIN X:-----\n-----END X:-----\n" * 200_000) is None


@pytest.mark.parametrize("before", [b"", b"junk\n", b"-----BEGIN X-----\n", b"\n-----END X-----\n"])
def test_block_is_found_behind(before: bytes) -> None:
    assert decode_pem(before + BLOCK) == (b"X", bytes(100))
