"""Sprig's keys and certificates.

Source: Sprig v3.3.0, group "crypto": `genPrivateKey`, `genCA`, `genSelfSignedCert`, `genSignedCert` and
`buildCustomCert`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto import openssl
from vault_secrets_webhook.gotemplate.crypto.base64 import decode_base64
from vault_secrets_webhook.gotemplate.crypto.certificate import Request, estimate_size, issue_certificate
from vault_secrets_webhook.gotemplate.crypto.issuer import Issuer, read_certificate
from vault_secrets_webhook.gotemplate.crypto.keys import PrivateKey, generate_rsa_key, read_private_key
from vault_secrets_webhook.gotemplate.crypto.pem import decode_pem, encode_pem
from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT
from vault_secrets_webhook.gotemplate.values import define_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import ClassVar, TypeVar

    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry
    from vault_secrets_webhook.gotemplate.values import Type

    T = TypeVar("T")

# Kind of a key in templates -> in OpenSSL, label of its PEM, steps: with some 80,000 a second, what a template may have
# lasts for a minute.
KEYS = {
    b"": ("rsa-4096", "RSA PRIVATE KEY", 400_000),
    b"rsa": ("rsa-4096", "RSA PRIVATE KEY", 400_000),
    b"dsa": ("dsa-2048", "DSA PRIVATE KEY", 400_000),
    b"ecdsa": ("ecdsa-p256", "EC PRIVATE KEY", 1_000),
    b"ed25519": ("ed25519", "PRIVATE KEY", 1_000),
}
RSA_COST, READING_COST = 40_000, 2_000
STEP_SIZE = 8  # bytes of DER that are read in the time of a step; there may be an element in every two of them

CERTIFICATE = define_type("sprig.certificate", "struct")


class Certificate:
    """What the functions give: a struct of a certificate and its private key, in PEM."""

    __slots__ = ("cert", "key")
    go_type: ClassVar[Type] = CERTIFICATE

    def __init__(self, cert: bytes, key: bytes) -> None:
        self.cert = cert
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and (self.cert, self.key) == (other.cert, other.key)

    def __hash__(self) -> int:
        return hash((self.cert, self.key))

    @property
    def go_fields(self) -> Mapping[str, object]:
        """`Cert` and `Key`."""
        return {"Cert": self.cert, "Key": self.key}


def generate_private_key(budget: Budget, kind: bytes) -> bytes:
    """Make a private key; an unknown kind makes a text that says so."""
    if kind not in KEYS:
        return b"Unknown type " + kind
    name, label, cost = KEYS[kind]
    budget.spend_steps(cost)
    return encode_pem(label, openssl.generate_key(name))


def make_key(budget: Budget) -> PrivateKey:
    budget.spend_steps(RSA_COST)
    return generate_rsa_key()


def read_key(budget: Budget, pem: bytes, prefix: str = "parsing private key") -> PrivateKey:
    """Read a key that a template gave. Raises FunctionError with Sprig's text."""
    budget.spend_steps(READING_COST + len(pem) // STEP_SIZE)
    return explain(prefix, lambda: read_private_key(pem))


def read_issuer(budget: Budget, pem: bytes, prefix: str) -> Issuer:
    """Read a certificate that a template gave. Raises FunctionError with Sprig's text."""
    budget.spend_steps(READING_COST + len(pem) // STEP_SIZE)
    found = decode_pem(pem)
    if found is None:
        raise FunctionError("unable to decode certificate", is_constant=True)
    return explain(f"error parsing certificate: {prefix}", lambda: read_certificate(found[1]))


def explain(prefix: str, act: Callable[[], T]) -> T:
    """Put Sprig's words in front of those of an error."""
    try:
        return act()
    except FunctionError as problem:
        raise FunctionError(f"{prefix}: {problem}", is_constant=problem.is_constant) from None


def issue(
    budget: Budget, request: Request, key: PrivateKey, signer: PrivateKey, issuer: Issuer | None = None
) -> Certificate:
    size = estimate_size(request, issuer)
    if size > OUTPUT_LIMIT:
        budget.reserve(size)  # it raises, before memory is taken
    der = explain("error creating certificate", lambda: issue_certificate(request, key, signer, issuer))
    made = Certificate(encode_pem("CERTIFICATE", der), key.encode())
    budget.reserve(len(made.cert) + len(made.key))
    return made


def generate_authority(budget: Budget, name: bytes, days: int) -> Certificate:
    key = make_key(budget)
    return issue(budget, Request(budget, name, days, is_authority=True), key, key)


def generate_authority_with_key(budget: Budget, name: bytes, days: int, pem: bytes) -> Certificate:
    key = read_key(budget, pem)
    return issue(budget, Request(budget, name, days, is_authority=True), key, key)


def generate_self_signed(
    budget: Budget, name: bytes, ips: Sequence[object], domains: Sequence[object], days: int
) -> Certificate:
    request = Request(budget, name, days, ips, domains)
    key = make_key(budget)
    return issue(budget, request, key, key)


def generate_self_signed_with_key(
    budget: Budget, name: bytes, ips: Sequence[object], domains: Sequence[object], days: int, pem: bytes
) -> Certificate:
    key = read_key(budget, pem)
    return issue(budget, Request(budget, name, days, ips, domains), key, key)


def read_authority(budget: Budget, authority: Certificate) -> tuple[Issuer, PrivateKey]:
    issuer = read_issuer(budget, authority.cert, "decodedSignerCert.Bytes")
    return issuer, read_key(budget, authority.key, "error parsing private key")


def generate_signed(
    budget: Budget, name: bytes, ips: Sequence[object], domains: Sequence[object], days: int, authority: Certificate
) -> Certificate:
    issuer, signer = read_authority(budget, authority)
    request = Request(budget, name, days, ips, domains)
    return issue(budget, request, make_key(budget), signer, issuer)


def generate_signed_with_key(  # templates know them by position
    budget: Budget,
    name: bytes,
    ips: Sequence[object],
    domains: Sequence[object],
    days: int,
    authority: Certificate,
    pem: bytes,
) -> Certificate:
    key = read_key(budget, pem)
    issuer, signer = read_authority(budget, authority)
    return issue(budget, Request(budget, name, days, ips, domains), key, signer, issuer)


def decode_argument(text: bytes, what: str) -> bytes:
    try:
        return decode_base64(text)
    except FunctionError:
        raise FunctionError(f"unable to decode base64 {what}", is_constant=True) from None


def build_custom(budget: Budget, cert: bytes, key: bytes) -> Certificate:
    """Check a certificate and a key, both PEM in base64. They need not belong together."""
    budget.reserve(len(cert) + len(key))
    certificate = Certificate(decode_argument(cert, "certificate"), decode_argument(key, "private key"))
    read_issuer(budget, certificate.cert, "decodedCert.Bytes")
    read_key(budget, certificate.key, "error parsing private key")
    return certificate


NAMES = "string, []interface {}, []interface {}, int"
FUNCTIONS: dict[str, Entry] = {
    "buildCustomCert": ("budget, string, string -> sprig.certificate", build_custom),
    "genCA": ("budget, string, int -> sprig.certificate", generate_authority),
    "genCAWithKey": ("budget, string, int, string -> sprig.certificate", generate_authority_with_key),
    "genPrivateKey": ("budget, string -> string", generate_private_key),
    "genSelfSignedCert": (f"budget, {NAMES} -> sprig.certificate", generate_self_signed),
    "genSelfSignedCertWithKey": (f"budget, {NAMES}, string -> sprig.certificate", generate_self_signed_with_key),
    "genSignedCert": (f"budget, {NAMES}, sprig.certificate -> sprig.certificate", generate_signed),
    "genSignedCertWithKey": (
        f"budget, {NAMES}, sprig.certificate, string -> sprig.certificate",
        generate_signed_with_key,
    ),
}
