"""Makes authorities and serving certificates: ECDSA on P-256 with SHA-256, X.509 version 3 (RFC 5280).

`NotBefore` is in the past, for clocks of API servers that are behind ours; a certificate never outlives the authority
that signed it.
"""

from __future__ import annotations

import ipaddress
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .state import Authority, PrivateKey, Serving

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

ORGANIZATION = "vault-secrets-webhook"
# How far a clock may be behind ours, in seconds; of short lives it is a share, or there would be little left of them.
LONGEST_BACKDATE = 3600
BACKDATE_SHARE = 0.1
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class CertificateMint:
    """Makes certificates that live so many seconds. A `plan.Mint`."""

    def __init__(self, lifetime: float, authority_lifetime: float) -> None:
        self.lifetime = lifetime
        self.authority_lifetime = authority_lifetime

    def make_authority(self, now: float) -> Authority:
        """Make an authority of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        # Each has a name of its own, so that nobody takes one for the other where two are trusted.
        name = make_name(f"{ORGANIZATION} authority {secrets.token_hex(4)}")
        begin, end = find_term(now, self.authority_lifetime)
        builder = start(name, name, key.public_key(), begin, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(make_usage("key_cert_sign"), critical=True)
        certificate = builder.sign(key, hashes.SHA256())
        return Authority(fingerprint(certificate), begin, end, encode(certificate), encode_key(key))

    def make_serving(self, authority: Authority, names: AbstractSet[str], now: float) -> Serving:
        """Sign a certificate for a server of these names and addresses. The authority has to have its key."""
        if authority.key is None:
            raise ValueError("an authority without a key signs nothing")
        signer = serialization.load_pem_private_key(authority.key.pem, None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError("an authority's key is one of an elliptic curve")
        issuer = x509.load_pem_x509_certificate(authority.certificate)
        key = ec.generate_private_key(ec.SECP256R1())
        begin, end = find_term(now, self.lifetime)
        begin, end = max(begin, authority.begin), min(end, authority.end)
        alternatives = x509.SubjectAlternativeName(sorted_names(names))
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = start(make_name(ORGANIZATION), issuer.subject, key.public_key(), begin, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(make_usage("digital_signature"), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(alternatives, critical=False)
        builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        return Serving(authority.id, frozenset(names), begin, end, encode(certificate), encode_key(key))


def find_term(now: float, lifetime: float) -> tuple[int, int]:
    """Find the first and the last second of a life that begins now; X.509 knows no fractions."""
    backdate = min(LONGEST_BACKDATE, lifetime * BACKDATE_SHARE)
    return int(now - backdate), int(now + lifetime)


def start(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: int, end: int
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime.fromtimestamp(begin, UTC),
        not_valid_after=datetime.fromtimestamp(end, UTC),
    )
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def make_name(common_name: str) -> x509.Name:
    attributes = [(NameOID.ORGANIZATION_NAME, ORGANIZATION), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])


def make_usage(usage: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each == usage for each in USAGES})


def sorted_names(names: Iterable[str]) -> list[x509.GeneralName]:
    return [make_general_name(name) for name in sorted(names)]


def make_general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def encode(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def encode_key(key: ec.EllipticCurvePrivateKey) -> PrivateKey:
    form, protection = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return PrivateKey(key.private_bytes(serialization.Encoding.PEM, form, protection))
