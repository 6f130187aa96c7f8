"""A certificate that is read because it shall sign another one, or because a template gives it.

All of it is checked as Go does, though only three things are used of it.

Source: package crypto/x509, `ParseCertificate`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.curves import CURVES
from vault_secrets_webhook.gotemplate.crypto.der import (
    BMP_STRING,
    BOOLEAN,
    CONSTRUCTED,
    CONTEXT,
    IA5_STRING,
    NULL,
    NUMERIC_STRING,
    OCTET_STRING,
    PRINTABLE,
    PRINTABLE_STRING,
    SEQUENCE,
    SET,
    T61_STRING,
    UTF8_STRING,
)
from vault_secrets_webhook.gotemplate.crypto.extensions import INT64, check_extension
from vault_secrets_webhook.gotemplate.crypto.keys import (
    DSA,
    ECDSA,
    ED25519,
    RSA,
    SEED_SIZE,
    PublicKey,
    make_ecdsa_public_key,
    make_rsa_public_key,
)
from vault_secrets_webhook.gotemplate.crypto.reader import Reader, align_right
from vault_secrets_webhook.gotemplate.crypto.validity import read_validity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NEWEST_VERSION = 2
NO_CHARACTERS = ((0xD800, 0xDFFF), (0xFDD0, 0xFDEF), (0xFFFE, 0xFFFF))


class Issuer:
    """What a certificate that signs another leaves in it."""

    __slots__ = ("key_id", "name", "public")

    def __init__(self, name: bytes, key_id: bytes, public: PublicKey | None) -> None:
        self.name = name  # in DER
        self.key_id = key_id  # may be empty
        self.public = public  # None if the algorithm is none that Go knows


def read_certificate(data: bytes) -> Issuer:
    """Read a certificate. Raises FunctionError with Go's text."""
    outer = Reader(data)
    whole = outer.read(SEQUENCE, "x509: malformed certificate")
    issuer = read_contents(Reader(whole))
    if outer.has_more():
        raise FunctionError("x509: trailing data", is_constant=True)
    return issuer


def read_contents(reader: Reader) -> Issuer:
    inner = Reader(reader.read(SEQUENCE, "x509: malformed tbs certificate"))
    version = read_version(inner)
    if inner.read_integer("x509: malformed serial number") < 0:
        raise FunctionError("x509: negative serial number", is_constant=True)
    algorithm = inner.read(SEQUENCE, "x509: malformed signature algorithm identifier")
    if algorithm != reader.read(SEQUENCE, "x509: malformed algorithm identifier"):
        text = "x509: inner and outer signature algorithm identifiers don't match"
        raise FunctionError(text, is_constant=True)
    read_algorithm(algorithm)
    check_name(Reader(inner.read(SEQUENCE, "x509: malformed issuer")))
    read_validity(Reader(inner.read(SEQUENCE, "x509: malformed validity")))
    name = inner.read_whole(SEQUENCE, "x509: malformed issuer")  # Go says so of the subject, too
    check_name(Reader(Reader(name).read(SEQUENCE, "x509: invalid RDNSequence")))
    public = read_public_key(Reader(inner.read(SEQUENCE, "x509: malformed spki")))
    key_id = read_extensions(inner, version)
    reader.read_bits("x509: malformed signature")
    return Issuer(name, key_id, public)


def read_version(reader: Reader) -> int:
    content = reader.read_optional(CONTEXT | CONSTRUCTED, "x509: malformed version")
    if content is None:
        return 0
    explicit = Reader(content)
    version = explicit.read_integer("x509: malformed version", INT64)
    if version < 0 or explicit.has_more():
        raise FunctionError("x509: malformed version", is_constant=True)
    if version > NEWEST_VERSION:
        raise FunctionError("x509: invalid version", is_constant=True)
    return version


def read_algorithm(content: bytes) -> tuple[str, bytes]:
    """Give the identifier of an algorithm and its parameters, in DER, or nothing."""
    reader = Reader(content)
    identifier = reader.read_identifier("x509: malformed OID")
    return identifier, reader.read_any("x509: malformed parameters")[2] if reader.has_more() else b""


def check_name(reader: Reader) -> None:
    while reader.has_more():
        attributes = Reader(reader.read(SET, "x509: invalid RDNSequence"))
        while attributes.has_more():
            attribute = Reader(attributes.read(SEQUENCE, "x509: invalid RDNSequence: invalid attribute"))
            attribute.read_identifier("x509: invalid RDNSequence: invalid attribute type")
            problem = "x509: invalid RDNSequence: invalid attribute value"
            tag, value, _ = attribute.read_any(problem)
            fault = find_fault(tag, value)
            if fault:
                raise FunctionError(f"{problem}: {fault}")


def find_fault(tag: int, value: bytes) -> str:
    """Give what is wrong with a string of a name; nothing if it is right."""
    if tag not in STRINGS:
        return f"unsupported string type: {tag}"
    name, is_valid = STRINGS[tag]
    return "" if is_valid(value) else f"invalid {name}"


def is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_bmp(value: bytes) -> bool:
    if len(value) % 2:
        return False
    numbers = [value[start] << 8 | value[start + 1] for start in range(0, len(value.removesuffix(b"\0\0")), 2)]
    return not any(first <= number <= last for number in numbers for first, last in NO_CHARACTERS)


STRINGS: dict[int, tuple[str, Callable[[bytes], bool]]] = {
    T61_STRING: ("", lambda value: True),  # noqa: ARG005 # Latin-1 in fact, in which every byte is a character
    PRINTABLE_STRING: ("PrintableString", lambda value: not value.translate(None, PRINTABLE + b"*&")),
    UTF8_STRING: ("UTF-8 string", is_utf8),
    BMP_STRING: ("BMPString", is_bmp),
    IA5_STRING: ("IA5String", bytes.isascii),
    NUMERIC_STRING: ("NumericString", lambda value: not value.translate(None, b"0123456789 ")),
}


def read_public_key(reader: Reader) -> PublicKey | None:
    content = reader.read(SEQUENCE, "x509: malformed public key algorithm identifier")
    algorithm, parameters = read_algorithm(content)
    bits = align_right(*reader.read_bits("x509: malformed subjectPublicKey"))
    return PUBLIC_KEYS[algorithm](bits, parameters) if algorithm in PUBLIC_KEYS else None


def read_rsa(bits: bytes, parameters: bytes) -> PublicKey:
    if parameters != bytes((NULL, 0)):
        raise FunctionError("x509: RSA key missing NULL parameters", is_constant=True)
    reader = Reader(Reader(bits).read(SEQUENCE, "x509: invalid RSA public key"))
    n = reader.read_integer("x509: invalid RSA modulus")
    e = reader.read_integer("x509: invalid RSA public exponent", INT64)
    if n <= 0:
        raise FunctionError("x509: RSA modulus is not a positive number", is_constant=True)
    if e <= 0:
        raise FunctionError("x509: RSA public exponent is not a positive number", is_constant=True)
    return make_rsa_public_key(n, e)


def read_ecdsa(bits: bytes, parameters: bytes) -> PublicKey:
    name = Reader(parameters).read_identifier("x509: invalid ECDSA parameters")
    if name not in CURVES:
        raise FunctionError("x509: unsupported elliptic curve", is_constant=True)
    CURVES[name].check_point(bits)
    return make_ecdsa_public_key(name, bits)


def read_ed25519(bits: bytes, parameters: bytes) -> PublicKey:
    if parameters:
        raise FunctionError("x509: Ed25519 key encoded with illegal parameters", is_constant=True)
    if len(bits) != SEED_SIZE:
        raise FunctionError("x509: wrong Ed25519 public key size", is_constant=True)
    return PublicKey("ed25519.PublicKey", ED25519, b"", bits, bits)


def read_dsa(bits: bytes, parameters: bytes) -> PublicKey:
    y = Reader(bits).read_integer("x509: invalid DSA public key")
    problem = "x509: invalid DSA parameters"
    reader = Reader(Reader(parameters).read(SEQUENCE, problem))
    numbers = [y, *(reader.read_integer(problem) for _ in range(3))]
    if min(numbers) <= 0:
        raise FunctionError("x509: zero or negative DSA parameter", is_constant=True)
    return PublicKey("*dsa.PublicKey", DSA, parameters, bits, *numbers)


PUBLIC_KEYS: dict[str, Callable[[bytes, bytes], PublicKey]] = {
    RSA: read_rsa,
    ECDSA: read_ecdsa,
    ED25519: read_ed25519,
    DSA: read_dsa,
}


def read_extensions(reader: Reader, version: int) -> bytes:
    """Check what follows the public key. Gives the key's id, if there is one."""
    if version == 0:
        return b""
    reader.read_optional(CONTEXT | 1, "x509: malformed issuerUniqueID")
    reader.read_optional(CONTEXT | 2, "x509: malformed subjectUniqueID")
    problem = "x509: malformed extensions"
    content = reader.read_optional(CONTEXT | CONSTRUCTED | 3, problem) if version == NEWEST_VERSION else None
    if content is None:
        return b""
    extensions = split_extensions(Reader(Reader(content).read(SEQUENCE, problem)))
    ids = [check_extension(name, value, is_critical=is_critical) for name, (is_critical, value) in extensions.items()]
    return next(filter(None, ids), b"")


def split_extensions(reader: Reader) -> dict[str, tuple[bool, bytes]]:
    found: dict[str, tuple[bool, bytes]] = {}
    while reader.has_more():
        extension = Reader(reader.read(SEQUENCE, "x509: malformed extension"))
        name = extension.read_identifier("x509: malformed extension OID field")
        is_critical = False
        if extension.starts_with(BOOLEAN):
            is_critical = extension.read_boolean("x509: malformed extension critical field")
        value = extension.read(OCTET_STRING, "x509: malformed extension value field")
        if name in found:
            raise FunctionError(f'x509: certificate contains duplicate extension with OID "{name}"')
        found[name] = (is_critical, value)
    return found
