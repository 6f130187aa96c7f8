"""The state as entries of a Secret: `tls.crt`, `tls.key` and `ca.crt` as everybody knows them, and `ca.key` of ours.

`ca.crt` holds all authorities, the newest first, and `ca.key` the keys of those that may still sign; which key belongs
to which certificate is found by the public key. Everything that is read is checked, as somebody may have edited it,
and no message holds anything that was read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .mint import encode, encode_key, fingerprint
from .state import Authority, PrivateKey, Serving, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CERTIFICATE, KEY, AUTHORITIES, AUTHORITY_KEYS = "tls.crt", "tls.key", "ca.crt", "ca.key"
KEY_BLOCK = re.compile(rb"-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END PRIVATE KEY-----\n?")


class Damaged(ValueError):
    """Entries that no webhook has written like this; the text says which, and nothing of what is in it."""


def write_entries(state: State) -> dict[str, bytes]:
    """Write a state that has something to serve."""
    if state.serving is None:
        raise ValueError("there is nothing to serve")
    keys = [authority.key.pem for authority in state.authorities if authority.key is not None]
    return {
        CERTIFICATE: state.serving.certificate,
        KEY: state.serving.key.pem,
        AUTHORITIES: b"".join(authority.certificate for authority in state.authorities),
        AUTHORITY_KEYS: b"".join(keys),
    }


def read_entries(entries: Mapping[str, bytes]) -> State:
    """Read a state. Raises Damaged."""
    try:
        return read_all(entries)
    except UnsupportedAlgorithm:
        raise Damaged("there is a key of a kind that this webhook does not make") from None


def read_all(entries: Mapping[str, bytes]) -> State:
    """Read a state. Raises Damaged and UnsupportedAlgorithm."""
    keys = dict(read_key(block, AUTHORITY_KEYS) for block in KEY_BLOCK.findall(entries.get(AUTHORITY_KEYS, b"")))
    certificates = read_certificates(entries.get(AUTHORITIES, b""))
    authorities = tuple(read_authority(each, keys.get(encode_public(each))) for each in certificates)
    return State(authorities, read_serving(entries, certificates))


def read_certificates(text: bytes) -> Sequence[x509.Certificate]:
    """Read the authorities. Raises Damaged."""
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        raise Damaged(f"{AUTHORITIES} holds no certificates in PEM form") from None


def read_authority(certificate: x509.Certificate, key: PrivateKey | None) -> Authority:
    """Read an authority. Raises Damaged."""
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        is_authority = False
    if not is_authority:
        raise Damaged(f"{AUTHORITIES} holds a certificate that may not sign others")
    return Authority(fingerprint(certificate), *find_term(certificate), encode(certificate), key)


def read_serving(entries: Mapping[str, bytes], authorities: Sequence[x509.Certificate]) -> Serving:
    """Read the serving certificate, which one of the authorities has to have signed. Raises Damaged."""
    public, key = read_key(entries.get(KEY, b""), KEY)
    try:
        certificate = x509.load_pem_x509_certificate(entries.get(CERTIFICATE, b""))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise Damaged(f"{CERTIFICATE} holds no certificate of a server in PEM form") from None
    if encode_public(certificate) != public:
        raise Damaged(f"{KEY} does not belong to {CERTIFICATE}")
    issuer = next((each for each in authorities if is_signed_by(certificate, each)), None)
    if issuer is None:
        raise Damaged(f"no authority in {AUTHORITIES} has signed {CERTIFICATE}")
    shown = frozenset(str(name.value) for name in names)
    return Serving(fingerprint(issuer), shown, *find_term(certificate), encode(certificate), key)


def read_key(pem: bytes, entry: str) -> tuple[bytes, PrivateKey]:
    """Read a private key; gives its public key, and itself. Raises Damaged."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError is for a key with a pass phrase
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Damaged(f"{entry} holds no key of an elliptic curve in PEM form, without a pass phrase")
    return encode_key_of(key.public_key()), encode_key(key)


def is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):  # another name, another kind of key, another signature
        return False
    return True


def find_term(certificate: x509.Certificate) -> tuple[int, int]:
    return int(certificate.not_valid_before_utc.timestamp()), int(certificate.not_valid_after_utc.timestamp())


def encode_public(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    return encode_key_of(key) if isinstance(key, ec.EllipticCurvePublicKey) else b""


def encode_key_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
