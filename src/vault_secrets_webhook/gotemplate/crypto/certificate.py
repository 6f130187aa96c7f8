"""X.509 certificates as `x509.CreateCertificate` makes them of Sprig's template.

Sources: Sprig's `getBaseCertTemplate` and `getCertAndKey`; package crypto/x509, `CreateCertificate`; RFC 5280.
"""

from __future__ import annotations

from os import urandom
from time import time_ns

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto import der
from vault_secrets_webhook.gotemplate.crypto.addresses import parse_address
from vault_secrets_webhook.gotemplate.crypto.digest import sha256
from vault_secrets_webhook.gotemplate.crypto.keys import X25519, PrivateKey, PublicKey, encode_algorithm
from vault_secrets_webhook.gotemplate.values import decode, wrap_int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.gotemplate.crypto.issuer import Issuer
    from vault_secrets_webhook.gotemplate.limits import Budget

COMMON_NAME = "2.5.4.3"
EMPTY_NAME = der.encode(der.SEQUENCE)
SERIAL_BYTES = 16
KEY_ID_BYTES = 20
NAME_STEPS = 2  # to read one of the other names
DAY = 24 * 3600 * der.NANOSECONDS
TRUE = der.encode(der.BOOLEAN, b"\xff")

# Bits of the key usage from the highest one on: digital signature, (1), key encipherment, (2), certificate signing.
USAGE_OF_ANY, USAGE_OF_AUTHORITY = (0b1010_0000, 5), (0b1010_0100, 2)
SERVER_AND_CLIENT = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"


class Request:
    """What a template asks to be certified: name, other names, days, and whether it may sign others itself."""

    __slots__ = ("days", "is_authority", "name", "others")

    def __init__(
        self,
        budget: Budget,
        name: bytes,
        days: int,
        addresses: Sequence[object] = (),
        domains: Sequence[object] = (),
        *,
        is_authority: bool = False,
    ) -> None:
        """Check the names. Raises FunctionError with Sprig's text, or LimitError."""
        budget.spend_steps(NAME_STEPS * (len(addresses) + len(domains)))
        ips = [read_address(budget, address) for address in addresses]
        self.name = name
        self.others = [*(read_domain(budget, domain) for domain in domains), *ips]
        self.days = days
        self.is_authority = is_authority


def read_address(budget: Budget, value: object) -> tuple[int, bytes]:
    """Give an IP address as it stands among alternative names: tag and content."""
    if type(value) is not bytes:
        raise FunctionError(f"error parsing ip: {show(budget, value)} is not a string")
    address = parse_address(value)
    if address is None:
        raise FunctionError(f"error parsing ip: {decode(value)}")
    return der.CONTEXT | 7, address


def read_domain(budget: Budget, value: object) -> tuple[int, bytes]:
    """Give a domain as it stands among alternative names: tag and content."""
    if type(value) is not bytes:
        raise FunctionError(f"error processing alternate dns name: {show(budget, value)} is not a string")
    return der.CONTEXT | 2, value


def show(budget: Budget, value: object) -> str:
    from vault_secrets_webhook.gotemplate.fmt import write_value

    return decode(write_value(value, budget))


def estimate_size(request: Request, issuer: Issuer | None) -> int:
    """Give the bytes that the names of a request take in PEM; of a certificate signed by itself the issuer's are those too."""
    names = len(request.name) * (1 if issuer else 2) + sum(len(content) for _, content in request.others)
    return names * 4 // 3


def issue_certificate(request: Request, key: PrivateKey, signer: PrivateKey, issuer: Issuer | None = None) -> bytes:
    """Make the certificate of a key, signed by that of an issuer, or by itself. Gives DER.

    Raises FunctionError with the text of `x509.CreateCertificate`.
    """
    if signer.signature is None:
        text = "x509: certificate private key does not implement crypto.Signer"
        raise FunctionError(text, is_constant=True)
    check_public_key(key.public)
    name = encode_name(request.name)
    _, algorithm = signer.signature
    if issuer is not None and issuer.public is not None and not signer.public.equals(issuer.public):
        raise FunctionError("x509: provided PrivateKey doesn't match parent's PublicKey", is_constant=True)
    contents = der.encode(
        der.SEQUENCE,
        der.encode(der.CONTEXT | der.CONSTRUCTED, der.encode_integer(2)),
        der.encode_integer(int.from_bytes(urandom(SERIAL_BYTES), "big")),
        algorithm,
        name if issuer is None else issuer.name,
        encode_validity(request.days),
        name,
        encode_public_key(key.public),
        der.encode(der.CONTEXT | der.CONSTRUCTED | 3, encode_extensions(request, key.public, name, issuer)),
    )
    return der.encode(der.SEQUENCE, contents, algorithm, der.encode_bits(signer.sign(contents)))


def check_public_key(public: PublicKey) -> None:
    if not public.bits or public.algorithm == X25519:
        raise FunctionError(f"x509: unsupported public key type: {public.go_type}", is_constant=True)


def encode_name(common_name: bytes) -> bytes:
    if not common_name:
        return EMPTY_NAME
    attribute = der.encode(der.SEQUENCE, der.encode_identifier(COMMON_NAME), der.encode_text(common_name))
    return der.encode(der.SEQUENCE, der.encode(der.SET, attribute))


def encode_validity(days: int) -> bytes:
    """Write from now on for so many days; as a Go Duration is an int64 of nanoseconds, too many days come out as few."""
    now = time_ns()
    return der.encode(der.SEQUENCE, der.encode_time(now), der.encode_time(now + wrap_int64(days * DAY)))


def encode_public_key(public: PublicKey) -> bytes:
    return der.encode(der.SEQUENCE, encode_algorithm(public.algorithm, public.parameters), der.encode_bits(public.bits))


def encode_extensions(request: Request, public: PublicKey, name: bytes, issuer: Issuer | None) -> bytes:
    usage, unused = USAGE_OF_AUTHORITY if request.is_authority else USAGE_OF_ANY
    parts = [
        encode_extension("2.5.29.15", der.encode_bits(bytes((usage,)), unused), is_critical=True),
        encode_extension("2.5.29.37", der.encode(der.SEQUENCE, *map(der.encode_identifier, SERVER_AND_CLIENT))),
        encode_extension("2.5.29.19", der.encode(der.SEQUENCE, TRUE * request.is_authority), is_critical=True),
    ]
    if request.is_authority:
        key_id = sha256(public.bits).digest()[:KEY_ID_BYTES]
        parts.append(encode_extension("2.5.29.14", der.encode(der.OCTET_STRING, key_id)))
    if issuer is not None and issuer.key_id and issuer.name != name:
        authority = der.encode(der.SEQUENCE, der.encode(der.CONTEXT, issuer.key_id))
        parts.append(encode_extension("2.5.29.35", authority))
    if request.others:
        parts.append(encode_extension("2.5.29.17", encode_others(request), is_critical=name == EMPTY_NAME))
    return der.encode(der.SEQUENCE, *parts)


def encode_extension(identifier: str, value: bytes, *, is_critical: bool = False) -> bytes:
    return der.encode(
        der.SEQUENCE, der.encode_identifier(identifier), TRUE * is_critical, der.encode(der.OCTET_STRING, value)
    )


def encode_others(request: Request) -> bytes:
    for tag, content in request.others:
        if tag == der.CONTEXT | 2 and not content.isascii():
            from vault_secrets_webhook.gotemplate.quote import quote

            raise FunctionError(f"x509: {decode(quote(content))} cannot be encoded as an IA5String")
    return der.encode(der.SEQUENCE, *(der.encode(tag, content) for tag, content in request.others))
