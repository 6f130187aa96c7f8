"""Certificates against those that Go made of the same templates (`go_certificates.json`), and before OpenSSL."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtensionOID

from vault_secrets_webhook.gotemplate import render
from vault_secrets_webhook.gotemplate.crypto.issuer import read_certificate
from vault_secrets_webhook.gotemplate.crypto.pem import decode_pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

KEY_IDS = {ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER}


class Made(TypedDict):
    """A template that writes certificate, key, issuer's certificate and key, and what Go made of it."""

    id: str
    template: str
    data: dict[str, str]
    certificate: str
    issuer: str


MADE: list[Made] = json.loads((Path(__file__).parent / "go_certificates.json").read_text())


def make(template: str, data: dict[str, str] | None = None) -> tuple[str, str, str]:
    """Certificate, key and issuer, in PEM, that we make."""
    certificate, key, issuer, _ = render(template, data or {}).split("|")
    return certificate, key, issuer


@cache
def make_as(identity: str) -> tuple[str, str, str]:
    """What we make of the template of that identity; keys take their time."""
    made = next(made for made in MADE if made["id"] == identity)
    return make(made["template"], made["data"])


def describe(pem: str) -> dict[str, object]:
    """All of a certificate that two runs have in common."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    seconds = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return {
        "version": certificate.version,
        "subject": certificate.subject.public_bytes(),
        "issuer": certificate.issuer.public_bytes(),
        # The two ends are two readings of the clock in Go.
        "days": round(seconds / timedelta(days=1), 3),
        "time types": find_time_types(certificate),
        "signature": (certificate.signature_algorithm_oid, certificate.signature_algorithm_parameters.__class__),
        "key": describe_key(certificate.public_key()),
        "extensions": [
            (extension.oid, extension.critical, None if extension.oid in KEY_IDS else extension.value.public_bytes())
            for extension in certificate.extensions
        ],
    }


def find_time_types(certificate: x509.Certificate) -> list[bool]:
    return [
        year in range(1950, 2050)
        for year in (certificate.not_valid_before_utc.year, certificate.not_valid_after_utc.year)
    ]


def describe_key(key: CertificatePublicKeyTypes) -> tuple[str, object, object]:
    return type(key).__name__, getattr(key, "key_size", None), getattr(getattr(key, "curve", None), "name", None)


@pytest.mark.parametrize("made", [pytest.param(made, id=made["id"]) for made in MADE])
def test_same_as_go(made: Made) -> None:
    certificate, _, issuer = make_as(made["id"])
    assert describe(certificate) == describe(made["certificate"])
    assert describe(issuer) == describe(made["issuer"])


@pytest.mark.parametrize("made", [pytest.param(made, id=made["id"]) for made in MADE])
def test_key_belongs_to_it(made: Made) -> None:
    pem, key_pem, issuer_pem = make_as(made["id"])
    certificate, issuer = (x509.load_pem_x509_certificate(text.encode()) for text in (pem, issuer_pem))
    key = load_pem_private_key(key_pem.encode(), None)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(issuer)
    assert certificate.serial_number.bit_length() <= 128
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == spki


@pytest.mark.parametrize("made", [pytest.param(made, id=made["id"]) for made in MADE])
def test_key_ids(made: Made) -> None:
    """What Go derives of the key has its own answer in Go's certificates: our reader finds the same there."""
    for pem in (made["certificate"], made["issuer"]):
        found = decode_pem(pem.encode())
        assert found is not None
        certificate = x509.load_pem_x509_certificate(pem.encode())
        read = read_certificate(found[1])
        assert read.name == certificate.subject.public_bytes()
        ids = [
            extension.value
            for extension in certificate.extensions
            if extension.oid == ExtensionOID.SUBJECT_KEY_IDENTIFIER
        ]
        assert [read.key_id] == ([value.digest for value in ids] or [b""])
        assert read.public is not None


def test_key_id_is_a_digest_of_the_key() -> None:
    import hashlib

    for pem in (make('{{ $c := genCA "a" 1 }}{{ $c.Cert }}|{{ $c.Key }}|{{ $c.Cert }}|')[0], MADE[0]["certificate"]):
        certificate = x509.load_pem_x509_certificate(pem.encode())
        bits = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        value = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert value.digest == hashlib.sha256(bits).digest()[:20]


def test_authority_key_id_is_that_of_the_issuer() -> None:
    certificate, _, issuer = make(
        '{{ $ca := genCA "ca" 9 }}{{ $c := genSignedCert "a" nil nil 3 $ca }}{{ $c.Cert }}|{{ $c.Key }}|{{ $ca.Cert }}|'
    )
    subject = x509.load_pem_x509_certificate(issuer.encode()).extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    )
    extensions = x509.load_pem_x509_certificate(certificate.encode()).extensions
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == subject.value.digest


@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_accepts_the_chain(tmp_path: Path, purpose: str) -> None:
    certificate, key, issuer = make(
        '{{ $ca := genCA "ca.example" 365 }}'
        '{{ $c := genSignedCert "a.example" (list "192.0.2.1") (list "b.example") 30 $ca }}'
        "{{ $c.Cert }}|{{ $c.Key }}|{{ $ca.Cert }}|"
    )
    for name, text in (("cert", certificate), ("key", key), ("ca", issuer)):
        (tmp_path / name).write_text(text)
    verify = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-CAfile",
        "ca",
        "-verify_hostname",
        "b.example",
    ]
    assert run([*verify, "cert"], tmp_path) == "cert: OK\n"
    assert run(["openssl", "rsa", "-in", "key", "-check", "-noout"], tmp_path) == "RSA key ok\n"
    text = run(["openssl", "x509", "-in", "cert", "-noout", "-text"], tmp_path)
    assert "Digital Signature, Key Encipherment" in text
    assert "DNS:b.example, IP Address:192.0.2.1" in text


def run(command: list[str], directory: Path) -> str:
    return subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, check=True, text=True).stdout


def test_valid_from_now_on() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    pem, _, _ = make('{{ $c := genCA "a" 10 }}{{ $c.Cert }}|{{ $c.Key }}|{{ $c.Cert }}|')
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert before <= certificate.not_valid_before_utc <= datetime.now(UTC)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=10)


def test_serial_numbers_differ() -> None:
    template = '{{ $c := genCAWithKey "a" 1 (genPrivateKey "ecdsa") }}{{ $c.Cert }}|{{ $c.Key }}|{{ $c.Cert }}|'
    serials = {x509.load_pem_x509_certificate(make(template)[0].encode()).serial_number for _ in range(5)}
    assert len(serials) == 5
