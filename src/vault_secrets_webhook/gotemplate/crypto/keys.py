"""Private keys in PEM: read and written as Go does, and made by OpenSSL.

Sources: Sprig's `parsePrivateKeyPEM` and `pemBlockForKey`; package crypto/x509, `ParsePKCS1PrivateKey`,
`ParseECPrivateKey`, `ParsePKCS8PrivateKey`; RFC 5915, RFC 8410, RFC 8017.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto import der, openssl, rsa
from vault_secrets_webhook.gotemplate.crypto.asn1 import Field, Struct, make_syntax_error, unmarshal
from vault_secrets_webhook.gotemplate.crypto.curves import CURVES, Curve
from vault_secrets_webhook.gotemplate.crypto.pem import decode_pem, encode_pem
from vault_secrets_webhook.gotemplate.values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RSA, DSA, ECDSA = "1.2.840.113549.1.1.1", "1.2.840.10040.4.1", "1.2.840.10045.2.1"
X25519, ED25519 = "1.3.101.110", "1.3.101.112"
SEED_SIZE = 32
SUFFIX = b" PRIVATE KEY"

PRIME = Struct("pkcs1AdditionalRSAPrime", Field("big"), Field("big"), Field("big"))
PKCS1 = Struct(
    "pkcs1PrivateKey",
    *(Field("int"), Field("big"), Field("int"), Field("big"), Field("big"), Field("big")),
    *(Field("big", optional=True), Field("big", optional=True), Field("big", optional=True)),
    Field(PRIME, optional=True, repeated=True),
)
SEC1 = Struct(
    "ecPrivateKey",
    *(Field("int"), Field("octets")),
    *(Field("identifier", optional=True, explicit=0), Field("bits", optional=True, explicit=1)),
)
ALGORITHM = Struct("AlgorithmIdentifier", Field("identifier"), Field("any", optional=True))
PKCS8 = Struct("pkcs8", Field("int"), Field(ALGORITHM), Field("octets"))
DSA_KEY = Struct("DSAKeyFormat", Field("int"), *(Field("big") for _ in range(5)))

# What is tried if a key has not the form that its label says, in Go's order, and what Go then says.
FORMS = {
    "ParseECPrivateKey": SEC1,
    "ParsePKCS8PrivateKey": PKCS8,
    "ParsePKCS1PrivateKey": PKCS1,
}


class PublicKey:
    """A public key: the identifier of its algorithm, that algorithm's parameters in DER, and the key as bits.

    `values` tells two keys apart that are the same otherwise: numbers, as Go compares these.
    """

    __slots__ = ("algorithm", "bits", "go_type", "parameters", "values")

    def __init__(self, go_type: str, algorithm: str, parameters: bytes, bits: bytes, *values: object) -> None:
        self.go_type = go_type
        self.algorithm = algorithm
        self.parameters = parameters
        self.bits = bits
        self.values = values

    def equals(self, other: PublicKey) -> bool:
        return (self.algorithm, self.values) == (other.algorithm, other.values)


class PrivateKey:
    """A private key: label and content of its PEM, and its public key.

    `signature` is how Go signs certificates with it, as digest and DER of the algorithm; None for a key that cannot.
    `exponent` is an RSA key's if it is to be signed with that alone.
    """

    __slots__ = ("der", "exponent", "label", "public", "signature")

    def __init__(self, label: str, content: bytes, public: PublicKey, signature: tuple[str, bytes] | None) -> None:
        self.label = label
        self.der = content
        self.public = public
        self.signature = signature
        self.exponent: int | None = None

    def sign(self, data: bytes) -> bytes:
        """Sign data. Raises FunctionError with Go's text if the key is too small, or not consistent."""
        assert self.signature is not None
        if self.public.algorithm == RSA:
            n, e = self.public.values
            assert isinstance(n, int)
            assert isinstance(e, int)
            rsa.check_size(n)
            if self.exponent is not None:
                return rsa.sign_by_exponent(n, e, self.exponent, data)
        return openssl.sign(self.der, self.signature[0], data)

    def encode(self) -> bytes:
        """Write it as PEM."""
        return encode_pem(self.label, self.der)


def generate_rsa_key() -> PrivateKey:
    """Make a key for a certificate."""
    return read_pkcs1(openssl.generate_key("rsa-2048"))


def read_private_key(text: bytes) -> PrivateKey:
    """Read the first block of PEM. Raises FunctionError with Sprig's text."""
    found = decode_pem(text)
    if found is None:
        raise FunctionError("no PEM data in input", is_constant=True)
    label, content = found
    if label not in READERS:
        if not label.endswith(SUFFIX):
            raise FunctionError(f"no private key data in PEM block of type {decode(label)}")
        raise FunctionError(f"invalid private key type {decode(label)}")
    read, what = READERS[label]
    try:
        return read(content)
    except FunctionError as problem:
        raise FunctionError(f"{what}: {problem}", is_constant=problem.is_constant) from None


def parse(content: bytes, form: Struct, hints: tuple[str, ...], prefix: str = "") -> tuple[list[Any], bytes]:
    """Read a structure. If it has not that form but another, the error says so as Go's does."""
    try:
        values, rest = unmarshal(content, form)
    except FunctionError as problem:
        for name in hints:
            if is_form(content, FORMS[name]):
                text = f"x509: failed to parse private key (use {name} instead for this key format)"
                raise FunctionError(text, is_constant=True) from None
        raise FunctionError(f"{prefix}{problem}", is_constant=problem.is_constant) from None
    assert isinstance(values, list)
    return values, rest


def is_form(content: bytes, form: Struct) -> bool:
    try:
        unmarshal(content, form)
    except FunctionError:
        return False
    return True


def read_pkcs1(content: bytes) -> PrivateKey:
    """Read an RSA key. What is written again has dp, dq and qinv as Go computes them."""
    values, rest = parse(content, PKCS1, ("ParseECPrivateKey", "ParsePKCS8PrivateKey"))
    if rest:
        raise make_syntax_error("trailing data")
    version, n, e, d, p, q, dp, dq, qinv, further = values
    rsa.require(version <= 1, "x509: unsupported private key version")
    numbers = [number for number in (n, d, p, q, dp, dq, qinv) if number is not None]
    rsa.require(min(numbers) > 0, "x509: private key contains zero or negative value")
    primes = [p, q, *(prime for prime, _, _ in further or ())]
    rsa.require(min(primes) > 0, "x509: private key contains zero or negative prime")
    dp, dq, qinv = rsa.check_numbers(n, e, d, primes, dp, dq, qinv)
    others = [
        der.encode(der.SEQUENCE, *map(der.encode_integer, other)) for other in rsa.compute_coefficients(d, primes)
    ]
    parts = [der.encode_integer(number) for number in (int(bool(others)), n, e, d, p, q, dp, dq, qinv)]
    written = der.encode(der.SEQUENCE, *parts, *([der.encode(der.SEQUENCE, *others)] if others else []))
    signature = "SHA256", encode_algorithm("1.2.840.113549.1.1.11", der.encode(der.NULL))
    key = PrivateKey("RSA PRIVATE KEY", written, make_rsa_public_key(n, e), signature)
    key.exponent = d if others else None
    return key


def make_rsa_public_key(n: int, e: int) -> PublicKey:
    bits = der.encode(der.SEQUENCE, der.encode_integer(n), der.encode_integer(e))
    return PublicKey("*rsa.PublicKey", RSA, der.encode(der.NULL), bits, n, e)


def encode_algorithm(identifier: str, parameters: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.encode_identifier(identifier), parameters)


def read_sec1(content: bytes, known: str | None = None) -> PrivateKey:
    """Read an ECDSA key. `known` is the curve that is named outside of it."""
    hints = "ParsePKCS8PrivateKey", "ParsePKCS1PrivateKey"
    (version, scalar, named, _), _ = parse(content, SEC1, hints, "x509: failed to parse EC private key: ")
    if version != 1:
        raise FunctionError(f"x509: unknown EC private key version {version}")
    name = named if known is None else known
    curve = CURVES.get(name)
    if curve is None:
        raise FunctionError("x509: unknown elliptic curve", is_constant=True)
    excess = len(scalar) - curve.size
    rsa.require(not any(scalar[: max(excess, 0)]), "x509: invalid private key length")
    number = int.from_bytes(scalar, "big")
    rsa.require(number % curve.order, "ecdsa: invalid public key encoding")  # the point at infinity
    rsa.require(number < curve.order, "input overflows the modulus")
    return make_ecdsa_key(number, name, curve)


def make_ecdsa_key(number: int, name: str, curve: Curve) -> PrivateKey:
    identifier = der.encode_identifier(name)
    parts = (
        der.encode_integer(1),
        der.encode(der.OCTET_STRING, number.to_bytes(curve.size, "big")),
        der.encode(der.CONTEXT | der.CONSTRUCTED, identifier),
    )
    # The point is the last thing of the public key's DER, and always uncompressed.
    point = openssl.derive_public_key(der.encode(der.SEQUENCE, *parts))[-1 - 2 * curve.size :]
    written = der.encode(der.SEQUENCE, *parts, der.encode(der.CONTEXT | der.CONSTRUCTED | 1, der.encode_bits(point)))
    suffix = {"SHA256": "2", "SHA384": "3", "SHA512": "4"}[curve.digest]
    signature = curve.digest, encode_algorithm(f"1.2.840.10045.4.3.{suffix}", b"")
    return PrivateKey("EC PRIVATE KEY", written, make_ecdsa_public_key(name, point), signature)


def make_ecdsa_public_key(name: str, point: bytes) -> PublicKey:
    return PublicKey("*ecdsa.PublicKey", ECDSA, der.encode_identifier(name), point, name, point)


def read_dsa(content: bytes) -> PrivateKey:
    """Read a DSA key, which Go signs no certificates with, and makes none for; it is never written again."""
    parse(content, DSA_KEY, ())
    return PrivateKey("DSA PRIVATE KEY", content, PublicKey("*dsa.PublicKey", DSA, b"", b""), None)


def read_pkcs8(content: bytes) -> PrivateKey:
    """Read a key whose kind is told within."""
    hints = "ParseECPrivateKey", "ParsePKCS1PrivateKey"
    (_, (algorithm, parameters), key), _ = parse(content, PKCS8, hints)
    match algorithm:
        case "1.2.840.113549.1.1.1":
            return read_embedded("RSA", lambda: read_pkcs1(key))
        case "1.2.840.10045.2.1":
            return read_embedded("EC", lambda: read_sec1(key, find_curve(parameters)))
        case "1.3.101.112":
            return read_curve25519("Ed25519", "ed25519.PublicKey", algorithm, parameters, key)
        case "1.3.101.110":
            return read_curve25519("X25519", "*ecdh.PublicKey", algorithm, parameters, key)
    raise FunctionError(f"x509: PKCS#8 wrapping contained private key with unknown algorithm: {algorithm}")


def read_embedded(kind: str, read: Callable[[], PrivateKey]) -> PrivateKey:
    try:
        return read()
    except FunctionError as problem:
        text = f"x509: failed to parse {kind} private key embedded in PKCS#8: {problem}"
        raise FunctionError(text, is_constant=problem.is_constant) from None


def find_curve(parameters: bytes | None) -> str | None:
    """Give the identifier that the parameters are, or None."""
    try:
        identifier, _ = unmarshal(parameters or b"", "identifier")
    except FunctionError:
        return None
    return str(identifier)


def read_curve25519(name: str, go_type: str, algorithm: str, parameters: bytes | None, content: bytes) -> PrivateKey:
    """Read a key of Curve25519: a seed, or an exponent."""
    rsa.require(not parameters, f"x509: invalid {name} private key parameters")
    try:
        seed, _ = unmarshal(content, "octets")
    except FunctionError as problem:
        raise FunctionError(f"x509: invalid {name} private key: {problem}", is_constant=problem.is_constant) from None
    assert isinstance(seed, bytes)
    if len(seed) != SEED_SIZE:
        fault = f"x509: invalid {name} private key length: {len(seed)}"
        raise FunctionError("crypto/ecdh: invalid private key size" if algorithm == X25519 else fault)
    key = der.encode(der.OCTET_STRING, der.encode(der.OCTET_STRING, seed))
    written = der.encode(der.SEQUENCE, der.encode_integer(0), encode_algorithm(algorithm, b""), key)
    bits = openssl.derive_public_key(written)[-SEED_SIZE:]
    signature = ("", encode_algorithm(algorithm, b"")) if algorithm == ED25519 else None
    return PrivateKey("PRIVATE KEY", written, PublicKey(go_type, algorithm, b"", bits, bits), signature)


# Label -> what reads it, and what an error starts with.
READERS: dict[bytes, tuple[Callable[[bytes], PrivateKey], str]] = {
    b"PRIVATE KEY": (read_pkcs8, "decoding PEM as PKCS#8"),
    b"RSA PRIVATE KEY": (read_pkcs1, "parsing RSA private key from PEM"),
    b"EC PRIVATE KEY": (read_sec1, "parsing EC private key from PEM"),
    b"DSA PRIVATE KEY": (read_dsa, "parsing DSA private key from PEM"),
}
