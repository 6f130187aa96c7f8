"""A caBundle: the authorities that an API server accepts a webhook's certificate from, as certificates in PEM form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from .mint import ORGANIZATION, encode, fingerprint
from .storage import Damaged, find_term, read_authority

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .state import Authority


def read_bundle(text: bytes) -> dict[str, x509.Certificate]:
    """Read a bundle by the ids of its certificates. One that cannot be read is as good as an empty one."""
    try:
        return {fingerprint(each): each for each in x509.load_pem_x509_certificates(text)}
    except ValueError:
        return {}


def write_bundle(authorities: Iterable[Authority], others: Iterable[x509.Certificate]) -> bytes:
    """Write a bundle of our authorities and of those of others."""
    return b"".join([authority.certificate for authority in authorities] + [encode(other) for other in others])


def find_own(bundle: Iterable[x509.Certificate]) -> tuple[Authority, ...]:
    """Find the authorities that this webhook once made, without keys, the newest first."""
    found = []
    for certificate in bundle:
        if is_own(certificate):
            try:
                found.append(read_authority(certificate, None))
            except Damaged:
                continue
    return tuple(sorted(found, key=lambda authority: -authority.begin))


def find_others(bundle: Iterable[x509.Certificate], now: float) -> Sequence[x509.Certificate]:
    """Find the authorities of others that have not expired."""
    return [each for each in bundle if not is_own(each) and now < find_term(each)[1]]


def is_own(certificate: x509.Certificate) -> bool:
    organizations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [attribute.value for attribute in organizations] == [ORGANIZATION]
