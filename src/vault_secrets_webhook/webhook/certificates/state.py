"""Authorities and the serving certificate as values. What is in a certificate is known here, how it is read is not.

Times are seconds since the epoch. Keys do not show in any `repr`.
"""

from __future__ import annotations

from typing import NamedTuple

# When so much of a life is over, what comes after it is made: a third is left for everything that may be in the way.
RENEWAL_SHARE = 2 / 3


class PrivateKey:
    """A private key in PEM form, which must not get into a log by way of `repr`."""

    __slots__ = ("pem",)

    def __init__(self, pem: bytes) -> None:
        self.pem = pem

    def __repr__(self) -> str:
        return "PrivateKey(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrivateKey) and self.pem == other.pem

    def __hash__(self) -> int:
        return hash(self.pem)


class Authority(NamedTuple):
    """A certificate that signs others. `id` is its fingerprint; without `key` it is trusted but signs no more."""

    id: str
    begin: int
    end: int
    certificate: bytes
    key: PrivateKey | None

    def renewal(self) -> float:
        """Tell when the next one is to be made."""
        return find_renewal(self.begin, self.end)


class Serving(NamedTuple):
    """A certificate that is served, with its key. `issuer` is the id of the authority that signed it."""

    issuer: str
    names: frozenset[str]
    begin: int
    end: int
    certificate: bytes
    key: PrivateKey

    def renewal(self) -> float:
        """Tell when the next one is to be made."""
        return find_renewal(self.begin, self.end)


class State(NamedTuple):
    """All there is: the authorities, the newest first, and what is served."""

    authorities: tuple[Authority, ...] = ()
    serving: Serving | None = None


def find_renewal(begin: int, end: int) -> float:
    return begin + (end - begin) * RENEWAL_SHARE
