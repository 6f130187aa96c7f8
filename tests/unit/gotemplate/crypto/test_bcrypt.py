"""bcrypt: known answers, and the C library's opinion of ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.native import FakeOpenSSL
from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto import bcrypt

if TYPE_CHECKING:
    from collections.abc import Callable

FAST = 4

# Of the test vectors of OpenBSD and of Openwall's crypt_blowfish.
VECTORS = [
    pytest.param(b"", b"$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", id="empty"),
    pytest.param(b"a", b"$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", id="one letter"),
    pytest.param(b"abc", b"$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", id="three letters"),
    pytest.param(b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", id="even"),
    pytest.param(b"U*U*", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", id="odd"),
]


def read_salt(text: bytes) -> bytes:
    """The bytes that 22 characters of bcrypt's alphabet stand for."""
    digits = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    number = 0
    for character in text:
        number = number << 6 | digits.index(character)
    return (number >> 4).to_bytes(16, "big")


@pytest.mark.parametrize(("password", "known"), VECTORS)
def test_known_answers(password: bytes, known: bytes) -> None:
    start, cost, salt = known[:7], int(known[4:6]), read_salt(known[7:29])
    assert start + bcrypt.encode(salt) + bcrypt.encode(bcrypt.compute_hash(password, salt, cost)) == known


@settings(max_examples=2, deadline=None)
@given(st.binary(max_size=72))
def test_without_the_c_library_in_the_same_form(password: bytes) -> None:
    result = bcrypt.hash_password(password, None, FAST)
    assert result.startswith(b"$2a$04$")
    salt = read_salt(result[7:29])
    assert result[29:] == bcrypt.encode(bcrypt.compute_hash(password, salt, FAST))


@pytest.mark.parametrize("load", [bcrypt.load_module, bcrypt.load_library], ids=["module", "library"])
@settings(max_examples=2, deadline=None)
@given(password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=18).map(str.encode))
def test_c_library_agrees(load: Callable[[], bcrypt.Crypt | None], password: bytes) -> None:
    crypt = load()
    if crypt is None:
        pytest.skip("this interpreter does not reach crypt(3)")
    ours = bcrypt.hash_password(password, None, FAST)
    assert crypt(password, b"$2b" + ours[3:29]) == b"$2b" + ours[3:]
    theirs = bcrypt.hash_password(password, crypt, FAST)
    salt = read_salt(theirs[7:29])
    assert theirs == b"$2a$04$" + bcrypt.encode(salt) + bcrypt.encode(bcrypt.compute_hash(password, salt, FAST))


def test_zero_byte_is_not_for_the_c_library() -> None:
    def refuse(_password: bytes, _setting: bytes) -> bytes | None:
        raise AssertionError

    assert len(bcrypt.hash_password(b"a\0b", refuse, FAST)) == 60


@pytest.mark.parametrize("result", [None, b"*0", b"$1$x"], ids=["nothing", "error", "another hash"])
def test_c_library_that_cannot(result: bytes | None) -> None:
    assert len(bcrypt.hash_password(b"a", lambda _password, _setting: result, FAST)) == 60


def test_module_takes_text_only() -> None:
    crypt = bcrypt.load_module()
    if crypt is None:
        pytest.skip("this interpreter has no module `_crypt`")
    assert crypt(b"\xff", b"$2b$04$" + b"." * 22) is None


@pytest.mark.parametrize("password", [b"\xff", b"p\xc3\xa4ss"])
def test_what_is_loaded_takes_the_password(password: bytes) -> None:
    crypt = bcrypt.load_crypt(password)
    if crypt is None:
        pytest.skip("this interpreter does not reach crypt(3)")
    result = crypt(password, b"$2b$04$" + b"." * 22)
    assert result is not None
    assert result.startswith(b"$2b$04$")


def test_nothing_is_loaded_for_a_zero_byte() -> None:
    assert bcrypt.load_crypt(b"a\0b") is None


def test_salts_differ() -> None:
    assert bcrypt.hash_password(b"a", None, FAST) != bcrypt.hash_password(b"a", None, FAST)


def test_too_long() -> None:
    with pytest.raises(FunctionError, match=r"^bcrypt: password length exceeds 72 bytes$"):
        bcrypt.hash_password(b"a" * 73, None, FAST)


def test_digits_of_pi() -> None:
    words = bcrypt.compute_pi(1042)
    assert words[:2] == [0x243F6A88, 0x85A308D3]
    assert words[-1] == 0x3AC372E6  # the last one of Schneier's tables


def test_interpreter_without_crypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_crypt", None)
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert bcrypt.load_crypt() is None


def test_built_in_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    module = FakeOpenSSL()
    monkeypatch.setitem(sys.modules, "_vaultenv_openssl", module)
    crypt = bcrypt.load_crypt(b"password")
    assert crypt == module.crypt
    assert bcrypt.hash_password(b"password", crypt, FAST).endswith(b"x" * 31)


def test_built_in_without_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """glibc's own crypt(3) has none, if the executable was linked with that."""
    module = FakeOpenSSL()
    monkeypatch.setattr(module, "crypt", lambda _password, _setting: None)
    monkeypatch.setitem(sys.modules, "_vaultenv_openssl", module)
    monkeypatch.setitem(sys.modules, "_crypt", None)
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert bcrypt.load_crypt(b"password") is None


def test_library_without_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcrypt, "load_module", lambda: None)
    monkeypatch.setattr(bcrypt, "load_library", lambda: lambda _password, _setting: b"*0")
    assert bcrypt.load_crypt() is None


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcrypt, "LIBRARIES", ("libnone.so", "libm.so.6"))
    assert bcrypt.load_library() is None
