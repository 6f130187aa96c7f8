"""The TLS context: from the certificate that nobody trusts to the next ones, without a file."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from tests.fakes.handshake import find_served
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.certificates.mint import CertificateMint
from vault_secrets_webhook.webhook.certificates.serving import OwnCertificate

NAME = "webhook.system.svc"
MINT = CertificateMint(60, 180)


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_before_the_first_one() -> None:
    """A client that checks nothing gets through, one that checks does not."""
    certificate = OwnCertificate()
    authority = MINT.make_authority(time.time())
    assert find_served(certificate.context, authority.certificate.decode(), NAME) is None
    assert certificate.find_obstacle() == "there is no certificate yet that the caBundle trusts"


def test_one_after_the_other_in_the_same_context() -> None:
    certificate = OwnCertificate()
    context, descriptors = certificate.context, count_descriptors()
    for _ in range(3):
        authority = MINT.make_authority(time.time())
        serving = MINT.make_serving(authority, {NAME}, time.time())
        certificate.use(serving)
        shown = find_served(context, authority.certificate.decode(), NAME)
        assert shown == ssl.PEM_cert_to_DER_cert(serving.certificate.decode())
        assert certificate.serving == serving
        assert certificate.find_obstacle() == ""
    assert certificate.context is context
    assert count_descriptors() == descriptors


def test_an_expired_one_is_not_ready() -> None:
    certificate = OwnCertificate()
    past = time.time() - 100
    certificate.use(MINT.make_serving(MINT.make_authority(past), {NAME}, past))
    assert certificate.find_obstacle() == "the certificate has expired"


def test_what_does_not_fit_leaves_the_old_one() -> None:
    certificate = OwnCertificate()
    authority = MINT.make_authority(time.time())
    serving, other, third = (MINT.make_serving(authority, {NAME}, time.time()) for _ in range(3))
    certificate.use(serving)
    with pytest.raises(ConfigurationError, match="private key does not belong to the certificate"):
        certificate.use(other._replace(key=third.key))
    assert certificate.serving == serving
    shown = find_served(certificate.context, authority.certificate.decode(), NAME)
    assert shown == ssl.PEM_cert_to_DER_cert(serving.certificate.decode())
