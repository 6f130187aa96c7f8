"""Digests before the standard library's."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig.digests import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("name", "known"),
    [
        pytest.param("sha1sum", lambda data: hashlib.sha1(data).hexdigest(), id="sha1"),
        pytest.param("sha256sum", lambda data: hashlib.sha256(data).hexdigest(), id="sha256"),
        pytest.param("sha512sum", lambda data: hashlib.sha512(data).hexdigest(), id="sha512"),
        pytest.param("adler32sum", lambda data: str(zlib.adler32(data)), id="adler32"),
    ],
)
@given(data=st.binary())
def test_same_as_the_standard_library(name: str, known: Callable[[bytes], str], data: bytes) -> None:
    assert FUNCTIONS[name][1](Budget(), data) == known(data).encode()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_long_texts_are_counted(name: str) -> None:
    with pytest.raises(LimitError, match="takes more than 10 steps"):
        FUNCTIONS[name][1](Budget(steps=10), bytes(100_000))
