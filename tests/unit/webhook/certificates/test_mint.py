"""The certificates that are made: what is in them, and that a TLS client accepts them by the names they are for."""

from __future__ import annotations

import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.handshake import find_served
from vault_secrets_webhook.webhook.certificate import make_context
from vault_secrets_webhook.webhook.certificates.mint import CertificateMint
from vault_secrets_webhook.webhook.certificates.serving import load_chain

NOW = 1_800_000_000.5
DAY = 24 * 3600
NAMES = frozenset({"webhook.system.svc", "webhook", "127.0.0.1", "::1"})
MINT = CertificateMint(90 * DAY, 365 * DAY)


def test_authority() -> None:
    authority = MINT.make_authority(NOW)
    certificate = x509.load_pem_x509_certificate(authority.certificate)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert (authority.begin, authority.end) == (int(NOW - 3600), int(NOW + 365 * DAY))
    assert certificate.not_valid_before_utc.timestamp() == authority.begin
    assert certificate.not_valid_after_utc.timestamp() == authority.end
    certificate.verify_directly_issued_by(certificate)


def test_two_authorities_are_never_taken_for_each_other() -> None:
    first, second = (x509.load_pem_x509_certificate(MINT.make_authority(NOW).certificate) for _ in range(2))
    assert first.subject != second.subject
    assert first.serial_number != second.serial_number


def test_serving() -> None:
    authority = MINT.make_authority(NOW)
    serving = MINT.make_serving(authority, NAMES, NOW)
    certificate = x509.load_pem_x509_certificate(serving.certificate)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == NAMES == serving.names
    assert (serving.begin, serving.end) == (int(NOW - 3600), int(NOW + 90 * DAY))
    assert certificate.not_valid_after_utc.timestamp() == serving.end
    assert serving.key.pem not in authority.certificate + serving.certificate


def test_it_does_not_outlive_its_authority() -> None:
    authority = MINT.make_authority(NOW)
    late = authority.end - DAY
    serving = MINT.make_serving(authority, NAMES, late)
    assert (serving.begin, serving.end) == (late - 3600, authority.end)
    early = MINT.make_serving(authority, NAMES, authority.begin + 1)
    assert early.begin == authority.begin


def test_short_lives_are_not_over_before_they_begin() -> None:
    mint = CertificateMint(10, 30)
    serving = mint.make_serving(mint.make_authority(NOW), NAMES, NOW)
    assert serving.begin == int(NOW - 1)
    assert serving.renewal() > NOW + 5


def test_an_authority_without_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="without a key"):
        MINT.make_serving(MINT.make_authority(NOW)._replace(key=None), NAMES, NOW)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_clients_accept_it(name: str) -> None:
    """With Python's strict checks too, which ask for what RFC 5280 says a certificate has to have."""
    mint = CertificateMint(DAY, 3 * DAY)
    authority, other = (mint.make_authority(time.time()) for _ in range(2))
    serving = mint.make_serving(authority, NAMES, time.time())
    context = make_context()
    load_chain(context, serving)
    bundle = (other.certificate + authority.certificate).decode()
    assert find_served(context, bundle, name) == ssl.PEM_cert_to_DER_cert(serving.certificate.decode())
    assert find_served(context, other.certificate.decode(), name) is None
    assert find_served(context, bundle, "elsewhere") is None
