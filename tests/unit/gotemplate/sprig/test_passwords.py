"""Hashes of passwords, derived passwords, and encryption, with what each costs of a template's steps."""

from __future__ import annotations

import base64
import re
import subprocess
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate import TemplateError, render
from vault_secrets_webhook.gotemplate.crypto import bcrypt, masterpassword
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import passwords

FORM = re.compile(r"\$2a\$10\$[./A-Za-z0-9]{53}")


@pytest.mark.parametrize("password", ["", "password", "pässwörd", "x" * 72])
def test_bcrypt(password: str) -> None:
    hashed = render("{{ bcrypt .password }}", {"password": password})
    assert FORM.fullmatch(hashed)
    crypt = bcrypt.load_crypt()
    if crypt is not None:
        assert crypt(password.encode(), f"$2b{hashed[3:]}".encode()) == f"$2b{hashed[3:]}".encode()


def test_bcrypt_without_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    crypt = bcrypt.load_crypt()
    monkeypatch.setattr(bcrypt, "load_crypt", lambda _password: None)
    monkeypatch.setattr(bcrypt, "hash_password", partial(bcrypt.hash_password, cost=4))  # the tenth takes seconds
    hashed = render("{{ bcrypt .password }}", {"password": "password"})
    assert FORM.fullmatch(hashed.replace("$04$", "$10$"))
    if crypt is not None:
        assert crypt(b"password", f"$2b{hashed[3:]}".encode()) == f"$2b{hashed[3:]}".encode()


def test_htpasswd() -> None:
    user, hashed = render('{{ htpasswd "user" "password" }}', None).split(":")
    assert user == "user"
    assert FORM.fullmatch(hashed)


@pytest.mark.parametrize(
    ("is_library", "most"), [pytest.param(True, 250, id="fast"), pytest.param(False, 2, id="slow")]
)
def test_hashes_of_a_template_are_counted(monkeypatch: pytest.MonkeyPatch, is_library: bool, most: int) -> None:
    monkeypatch.setattr(bcrypt, "load_crypt", lambda _password: (lambda *_: None) if is_library else None)
    monkeypatch.setattr(bcrypt, "hash_password", lambda *_: b"")
    budget = Budget()
    for _ in range(most):
        passwords.hash_by_bcrypt(budget, b"")
    with pytest.raises(LimitError):
        passwords.hash_by_bcrypt(budget, b"")


def test_derived_passwords_of_a_template_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masterpassword, "derive_password", lambda *_: b"")
    budget = Budget()
    for _ in range(50):
        passwords.derive_password(budget, 1, b"pin", b"", b"", b"")
    with pytest.raises(LimitError):
        passwords.derive_password(budget, 1, b"pin", b"", b"", b"")


@pytest.mark.parametrize("name", ["encrypt_aes", "decrypt_aes"])
def test_long_texts_are_counted(name: str) -> None:
    with pytest.raises(LimitError, match="takes more than 10 steps"):
        getattr(passwords, name)(Budget(steps=10), b"key", b"A" * 100_000)


def test_templates_of_derived_passwords() -> None:
    """Every class of characters is known, and a seed has a byte for each character."""
    for text in masterpassword.TEMPLATES.values():
        for template in text.split():
            assert set(template) <= masterpassword.CHARACTERS.keys()
            assert len(template) < 32


@given(st.binary(max_size=50), st.binary(max_size=100))
def test_encrypted_is_decrypted(password: bytes, text: bytes) -> None:
    assert passwords.decrypt_aes(Budget(), password, passwords.encrypt_aes(Budget(), password, text)) == text


def test_encrypted_text_differs_each_time() -> None:
    assert passwords.encrypt_aes(Budget(), b"key", b"text") != passwords.encrypt_aes(Budget(), b"key", b"text")


@pytest.mark.parametrize("text", ["", "x", "sixteen bytes...", "grüße " * 20])
def test_the_command_decrypts_ours(text: str) -> None:
    raw = base64.b64decode(render('{{ encryptAES "key" .text }}', {"text": text}))
    assert (raw == b"") == (text == "")
    if raw:
        assert run_openssl(["-d", "-iv", raw[:16].hex()], raw[16:]) == text.encode()


@pytest.mark.parametrize("text", ["x", "sixteen bytes...", "grüße " * 20])
def test_ours_decrypts_the_commands(text: str) -> None:
    raw = b"i" * 16 + run_openssl(["-e", "-iv", b"i".hex() * 16], text.encode())
    assert render('{{ decryptAES "key" .text }}', {"text": base64.b64encode(raw).decode()}) == text


def run_openssl(options: list[str], data: bytes) -> bytes:
    key = b"key".ljust(32, b"\0").hex()
    command = ["openssl", "enc", "-aes-256-cbc", "-K", key, *options]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


@given(st.text("AQ=\n", max_size=80))
def test_what_is_no_ciphertext(text: str) -> None:
    try:
        render('{{ decryptAES "key" .text }}', {"text": text})
    except TemplateError as problem:
        assert "error calling decryptAES: " in str(problem)  # noqa: PT017 # it may as well be one
