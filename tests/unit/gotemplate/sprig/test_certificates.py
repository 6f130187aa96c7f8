"""Keys and certificates as templates ask for them: what OpenSSL makes of them, what they cost, what they import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

import vault_secrets_webhook
from vault_secrets_webhook.gotemplate import TemplateError, render
from vault_secrets_webhook.gotemplate.crypto import openssl
from vault_secrets_webhook.gotemplate.crypto.pem import encode_pem
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import certificates

KINDS = [
    pytest.param("rsa", rsa.RSAPrivateKey, "RSA PRIVATE KEY", 4096, id="rsa"),
    pytest.param("dsa", dsa.DSAPrivateKey, "DSA PRIVATE KEY", 2048, id="dsa"),
    pytest.param("ecdsa", ec.EllipticCurvePrivateKey, "EC PRIVATE KEY", 256, id="ecdsa"),
    pytest.param("ed25519", ed25519.Ed25519PrivateKey, "PRIVATE KEY", None, id="ed25519"),
]


@pytest.mark.parametrize(("kind", "class_", "label", "size"), KINDS)
def test_private_keys(kind: str, class_: type, label: str, size: int | None) -> None:
    pem = render("{{ genPrivateKey .kind }}", {"kind": kind})
    assert pem.startswith(f"-----BEGIN {label}-----\n")
    assert pem.endswith(f"\n-----END {label}-----\n")
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, class_)
    assert getattr(key, "key_size", None) == size
    form = PrivateFormat.PKCS8 if kind == "ed25519" else PrivateFormat.TraditionalOpenSSL
    assert key.private_bytes(Encoding.PEM, form, NoEncryption()).decode() == pem
    subprocess.run(["openssl", "pkey", "-noout"], input=pem.encode(), check=True)


def test_key_of_no_kind_is_rsa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "generate_key", str.encode)
    rsa_key = certificates.generate_private_key(Budget(), b"rsa")
    assert certificates.generate_private_key(Budget(), b"") == rsa_key


@pytest.mark.parametrize(("kind", "most"), [("rsa", 12), ("dsa", 12), ("ecdsa", 5_000)])
def test_keys_of_a_template_are_counted(monkeypatch: pytest.MonkeyPatch, kind: str, most: int) -> None:
    made: list[str] = []

    def generate(name: str) -> bytes:
        made.append(name)
        return b""

    monkeypatch.setattr(openssl, "generate_key", generate)
    budget = Budget()
    for _ in range(most):
        certificates.generate_private_key(budget, kind.encode())
    with pytest.raises(LimitError, match="takes more than"):
        certificates.generate_private_key(budget, kind.encode())
    assert len(made) == most


@pytest.mark.parametrize(
    "template",
    [
        '{{ range until 200 }}{{ $c := genCA "a" 1 }}{{ end }}',
        '{{ range until 200 }}{{ $c := genSelfSignedCert "a" nil nil 1 }}{{ end }}',
        '{{ $ca := genCAWithKey "a" 1 .key }}{{ range until 200 }}{{ $c := genSignedCert "a" nil nil 1 $ca }}{{ end }}',
    ],
    ids=["authorities", "self-signed", "signed"],
)
def test_certificates_of_a_template_are_counted(monkeypatch: pytest.MonkeyPatch, template: str) -> None:
    key = render('{{ genPrivateKey "ecdsa" }}', None)
    known = openssl.generate_key("rsa-2048")
    made: list[str] = []

    def generate(kind: str) -> bytes:
        made.append(kind)
        return known

    monkeypatch.setattr(openssl, "generate_key", generate)
    with pytest.raises(TemplateError, match="the template takes more than 5000000 steps"):
        render(template, {"key": key})
    assert 100 <= len(made) < 200


def test_names_are_checked_before_a_key_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "generate_key", None)
    with pytest.raises(TemplateError, match=r"error parsing ip: nonsense$"):
        render('{{ genSelfSignedCert "a" (list "nonsense") nil 1 }}', None)


def test_certificates_are_structs() -> None:
    template = """{{ $c := genCAWithKey "a" 1 (genPrivateKey "ecdsa") }}{{ printf "%T" $c }}
{{ eq (print $c) (printf "{%s %s}" $c.Cert $c.Key) }} {{ kindOf $c }} {{ $c | toJson | fromJson | keys | sortAlpha }}"""
    assert render(template, None) == "sprig.certificate\ntrue struct [Cert Key]"


def test_errors_hold_no_key() -> None:
    """The text of an error may be logged; a key that does not fit is not in it."""
    key = render('{{ genPrivateKey "ecdsa" }}', None)
    with pytest.raises(TemplateError) as caught:
        render(
            '{{ $c := genCAWithKey "a" 1 .key }}{{ genSignedCertWithKey "b" nil nil 1 $c (.key | upper) }}',
            {"key": key},
        )
    assert key.split("\n")[1][:20].lower() not in str(caught.value).lower()


MODULES = ["certificates", "digests", "environment", "network", "passwords", "random"]
HEAVY = "re json typing dataclasses collections functools enum datetime ctypes hashlib socket ssl base64 importlib"


@pytest.mark.parametrize("module", MODULES)
def test_imports_are_few(module: str) -> None:
    """Each is paid for when a pod starts; ctypes only when OpenSSL is asked."""
    program = (
        f"import sys; sys.path.insert(0, sys.argv[1]); import vault_secrets_webhook.gotemplate.sprig.{module}; "
        f"print(*(name for name in {HEAVY.split()!r} if name in sys.modules))"
    )
    source = str(Path(vault_secrets_webhook.__file__).parents[1])
    command = [sys.executable, "-I", "-S", "-c", program, source]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout == "\n"


@pytest.mark.parametrize("name", ["buildCustomCert", "genCAWithKey"])
def test_long_texts_are_counted(name: str) -> None:
    text = b"A" * 100_000
    arguments = (text, text) if name == "buildCustomCert" else (b"name", 1, text)
    with pytest.raises(LimitError, match="takes more than 10000 steps"):
        certificates.FUNCTIONS[name][1](Budget(steps=10_000), *arguments)


def test_many_names_are_counted() -> None:
    key = openssl.generate_key("ecdsa-p256")
    pem = encode_pem("EC PRIVATE KEY", key)
    make = certificates.FUNCTIONS["genSelfSignedCertWithKey"][1]
    with pytest.raises(LimitError, match="takes more than 10000 steps"):
        make(Budget(steps=10_000), b"name", [], [b"a"] * 10_000, 1, pem)
