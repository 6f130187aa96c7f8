"""The seam to OpenSSL: what it does, and what it says if it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.native import FakeOpenSSL
from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto import libcrypto, openssl

blocks = st.integers(0, 40).flatmap(lambda count: st.binary(min_size=16 * count, max_size=16 * count))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16), blocks)
def test_aes(key: bytes, start: bytes, data: bytes) -> None:
    cipher = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    encrypted = openssl.encrypt_aes_cbc(key, start, data)
    assert encrypted == cipher.update(data) + cipher.finalize()
    assert openssl.decrypt_aes_cbc(key, start, encrypted) == data


def test_aes_by_the_command(tmp_path_factory: pytest.TempPathFactory) -> None:
    encrypted = openssl.encrypt_aes_cbc(b"k" * 32, b"i" * 16, b"sixteen bytes...")
    command = ["openssl", "enc", "-d", "-aes-256-cbc", "-nopad", "-K", b"k".hex() * 32, "-iv", b"i".hex() * 16]
    assert subprocess.run(command, input=encrypted, stdout=subprocess.PIPE, check=True).stdout == b"sixteen bytes..."


@pytest.mark.parametrize(
    ("kind", "digest", "size"),
    [
        pytest.param("rsa-2048", "SHA256", 2048, id="rsa"),
        pytest.param("ecdsa-p256", "SHA256", 256, id="ecdsa"),
        pytest.param("ed25519", "", None, id="ed25519"),
    ],
)
def test_keys_and_signatures(kind: str, digest: str, size: int | None) -> None:
    private = openssl.generate_key(kind)
    key = load_der_private_key(private, None)
    public = load_der_public_key(openssl.derive_public_key(private))
    signature = openssl.sign(private, digest, b"data")
    match public:
        case rsa.RSAPublicKey():
            public.verify(signature, b"data", padding.PKCS1v15(), hashes.SHA256())
            assert public.public_numbers().e == 65537
        case ec.EllipticCurvePublicKey():
            public.verify(signature, b"data", ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PublicKey():
            public.verify(signature, b"data")
        case _:
            raise AssertionError(public)
    assert size is None or getattr(key, "key_size", None) == size


def test_dsa_parameters() -> None:
    key = load_der_private_key(openssl.generate_key("dsa-2048"), None)
    assert isinstance(key, dsa.DSAPrivateKey)
    parameters = key.private_numbers().public_numbers.parameter_numbers
    assert (parameters.p.bit_length(), parameters.q.bit_length()) == (2048, 256)


@pytest.mark.parametrize("name", ["sign", "derive"])
def test_what_is_no_key(name: str) -> None:
    with pytest.raises(FunctionError, match=r"^OpenSSL failed: a private key cannot be read$") as caught:
        openssl.sign(b"junk", "SHA256", b"") if name == "sign" else openssl.derive_public_key(b"junk")
    assert caught.value.is_constant
    assert peek_error() == 0


def test_no_error_is_left_behind() -> None:
    """The module `ssl` would take an old error of the same thread for its own."""
    private = openssl.generate_key("ed25519")
    with pytest.raises(FunctionError):
        openssl.sign(private, "SHA256", b"data")  # Ed25519 takes no digest
    assert peek_error() == 0


def peek_error() -> int:
    import ctypes

    peek = ctypes.CDLL(libcrypto.find_library()).ERR_peek_error
    peek.restype = ctypes.c_ulong
    return int(peek())


@pytest.mark.parametrize("library", ["/nowhere/libcrypto.so", "libc.so.6"], ids=["missing", "another one"])
def test_library_out_of_reach(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setattr(libcrypto, "BOUND", [])
    monkeypatch.setattr(libcrypto, "find_library", lambda: library)
    with pytest.raises(FunctionError, match="this needs OpenSSL 3 and ctypes") as caught:
        openssl.generate_key("ed25519")
    assert caught.value.is_constant


def test_interpreter_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypto, "BOUND", [])
    monkeypatch.setitem(sys.modules, "ctypes", None)
    with pytest.raises(FunctionError, match="ctypes"):
        openssl.encrypt_aes_cbc(bytes(32), bytes(16), bytes(16))


def test_library_in_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is built in has no file: then the process is asked."""
    import _hashlib

    monkeypatch.delattr(_hashlib, "__file__")
    assert libcrypto.find_library() is None


@pytest.fixture
def built_in(monkeypatch: pytest.MonkeyPatch) -> FakeOpenSSL:
    """What the static executable has; ctypes is not within reach there."""
    module = FakeOpenSSL()
    monkeypatch.setitem(sys.modules, "_vaultenv_openssl", module)
    monkeypatch.setattr(libcrypto, "bind_once", lambda: pytest.fail("OpenSSL is looked for"))
    return module


def test_built_in_is_asked_for_all(built_in: FakeOpenSSL) -> None:
    for kind in openssl.KINDS:
        if kind != "rsa-4096":  # takes a second
            openssl.derive_public_key(openssl.generate_key(kind))
    openssl.sign(openssl.generate_key("ed25519"), "", b"data")
    encrypted = openssl.encrypt_aes_cbc(b"k" * 32, b"i" * 16, b"sixteen bytes...")
    assert encrypted != b"sixteen bytes..."
    assert openssl.decrypt_aes_cbc(b"k" * 32, b"i" * 16, encrypted) == b"sixteen bytes..."
    keys = ["generate_key", "derive_public_key"] * 4
    assert built_in.asked == [*keys, "generate_key", "sign", "aes_cbc", "aes_cbc"]


@pytest.mark.usefixtures("built_in")
def test_built_in_fails_in_the_same_words() -> None:
    with pytest.raises(FunctionError, match=r"^OpenSSL failed: a private key cannot be read$") as caught:
        openssl.derive_public_key(b"junk")
    assert caught.value.is_constant
