"""A ServiceAccount's token as a cluster signs it, with a key made for the occasion, and a certificate likewise."""

from __future__ import annotations

import ipaddress
import json
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

ISSUER = "https://kubernetes.default.svc.cluster.local"
AUDIENCE = ISSUER
LIFETIME = timedelta(minutes=10)
CLOCK_TOLERANCE = timedelta(minutes=1)
LOOPBACK = "127.0.0.1"
COORDINATE_SIZE = 32  # bytes of P-256


class TokenSigner:
    """Signs ServiceAccount tokens (RFC 7519) by ES256 (RFC 7518, section 3.4)."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def public_key(self) -> str:
        """Give the public key in PEM form."""
        encoded = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return encoded.decode()

    def sign(self, namespace: str, service_account: str) -> str:
        """Make a token of a ServiceAccount."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": [AUDIENCE],
            "sub": name_subject(namespace, service_account),
            "iat": now,
            "nbf": now,
            "exp": now + int(LIFETIME.total_seconds()),
        }
        text = f"{encode({'alg': 'ES256', 'typ': 'JWT'})}.{encode(claims)}"
        numbers = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{encode_bytes(b''.join(number.to_bytes(COORDINATE_SIZE, 'big') for number in numbers))}"


def name_subject(namespace: str, service_account: str) -> str:
    """Give what a ServiceAccount is called in tokens."""
    return f"system:serviceaccount:{namespace}:{service_account}"


def encode(value: dict[str, Any]) -> str:
    return encode_bytes(json.dumps(value, separators=(",", ":")).encode())


def encode_bytes(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def write_certificate(certificate_file: Path, key_file: Path) -> None:
    """Write a certificate for loopback that is its own authority, and its key, in PEM form."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault-secrets-webhook demo")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - CLOCK_TOLERANCE).not_valid_after(now + LIFETIME)
    address = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
