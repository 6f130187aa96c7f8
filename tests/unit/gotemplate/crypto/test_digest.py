"""Digests in an interpreter that has no OpenSSL: its own ones, and a clear word where there is none."""

from __future__ import annotations

import hashlib
import importlib
import sys

import pytest

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto import digest, masterpassword


@pytest.mark.parametrize("has_openssl", [True, False])
def test_digests(monkeypatch: pytest.MonkeyPatch, has_openssl: bool) -> None:
    with monkeypatch.context() as patched:
        if not has_openssl:
            patched.setitem(sys.modules, "_hashlib", None)
        module = importlib.reload(digest)
        digests = [module.sha1(b"a"), module.sha256(b"a"), module.sha512(b"a")]
    importlib.reload(digest)
    assert [made.digest() for made in digests] == [
        hashlib.new(name, b"a").digest() for name in ("sha1", "sha256", "sha512")
    ]


def test_no_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_hashlib", None)
    with pytest.raises(FunctionError, match="this needs scrypt of OpenSSL") as caught:
        masterpassword.derive_password(1, b"pin", b"", b"", b"")
    assert caught.value.is_constant
