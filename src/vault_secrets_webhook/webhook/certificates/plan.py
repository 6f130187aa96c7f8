"""What is to become of the certificates: a function of what there is, what is trusted, and the time.

No clock, no cryptography and no I/O here: a `Mint` makes what is new. All that promises that no review is lost in a
rotation is in `advance`, and the property test of it plays years.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from .state import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from .state import Authority, Serving

# Two are usual in a rotation; each loss of the Secret adds one. A caBundle is no place for more.
MOST_AUTHORITIES = 8


class Trust(NamedTuple):
    """Ids of authorities in the caBundle.

    `present` are those of now, `settled` those that are there for so long that every API server knows, and `found`
    those that were there when this process began. `is_known` is false when nothing can be seen of the caBundle.
    """

    present: AbstractSet[str] = frozenset()
    settled: AbstractSet[str] = frozenset()
    found: AbstractSet[str] = frozenset()
    is_known: bool = True


class Mint(Protocol):
    """Makes what is new."""

    def make_authority(self, now: float) -> Authority:
        """Make an authority."""

    def make_serving(self, authority: Authority, names: AbstractSet[str], now: float) -> Serving:
        """Sign a serving certificate, which does not outlive its authority."""


def advance(state: State, trust: Trust, names: AbstractSet[str], now: float, mint: Mint) -> State:
    """Make of a state what it should be now; the same state when nothing is to be done.

    `names` are those that the serving certificate has to have.
    """
    authorities = [authority for authority in state.authorities if now < authority.end]
    if not authorities or authorities[0].key is None or not authorities[0].begin <= now < authorities[0].renewal():
        authorities.insert(0, mint.make_authority(now))
    serving = state.serving
    if serving is not None and not is_usable(serving, authorities, now):
        serving = None
    signer = choose_signer([one for one in authorities if one.begin <= now], serving, trust)
    if signer is not None and is_due(serving, signer, names, now):
        serving = mint.make_serving(signer, collect_names(serving, names, now), now)
    return State(trim(authorities, serving), serving)


def may_serve(state: State, current: Serving | None, trust: Trust, now: float) -> bool:
    """Tell whether to serve what is stored, instead of what is served now (None for nothing)."""
    serving = state.serving
    if serving is None or not serving.begin <= now < serving.end:
        return False
    if serving.issuer in trust.settled or (current is not None and current.issuer == serving.issuer):
        return True
    holds = current is not None and now < current.end
    if not trust.is_known:
        return not holds
    if serving.issuer not in trust.present or (holds and current is not None and current.issuer in trust.present):
        return False
    # There is nothing to lose here. But where another replica may serve what another authority has signed, being called
    # too early does lose something.
    return holds or serving.issuer in trust.found or trust.present == {serving.issuer}


def is_usable(serving: Serving, authorities: Sequence[Authority], now: float) -> bool:
    """Tell whether somebody may accept a certificate. One that begins later is of a replica whose clock is ahead."""
    return serving.begin <= now < serving.end and any(authority.id == serving.issuer for authority in authorities)


def choose_signer(authorities: Sequence[Authority], serving: Serving | None, trust: Trust) -> Authority | None:
    """Choose the newest authority that may sign: one that all API servers trust, or the one that has signed already.

    Where nothing is served there is nothing to lose, and the newest one is taken if no better one is in the caBundle.
    """
    able = [authority for authority in authorities if authority.key is not None]
    if serving is None:
        return next((authority for authority in able if authority.id in trust.present), authorities[0])
    accepted = {*trust.settled, serving.issuer}
    return next((authority for authority in able if authority.id in accepted), None)


def is_due(serving: Serving | None, signer: Authority, names: AbstractSet[str], now: float) -> bool:
    """Tell whether another certificate is to be signed."""
    if serving is None or signer.id != serving.issuer:
        return True
    # One that already lives as long as its authority gains nothing by another one of the same.
    is_old = now >= serving.renewal() and serving.end < signer.end
    return is_old or not names <= serving.names


def collect_names(serving: Serving | None, names: AbstractSet[str], now: float) -> AbstractSet[str]:
    """Collect the names for a certificate.

    A roll-out may run replicas that want different names. If each made a certificate without the other's names, they
    would go on like that for ever; so names go only when the certificate has had its time.
    """
    if serving is None or now >= serving.renewal():
        return names
    return names | serving.names


def trim(authorities: Sequence[Authority], serving: Serving | None) -> tuple[Authority, ...]:
    """Take the keys from authorities that are older than the one that signs, and bound their number."""
    issuer = next((index for index, one in enumerate(authorities) if serving and one.id == serving.issuer), 0)
    kept = [one if index <= issuer else one._replace(key=None) for index, one in enumerate(authorities)]
    newest = kept[:MOST_AUTHORITIES]
    return tuple(newest if issuer < MOST_AUTHORITIES else [*newest[:-1], kept[issuer]])
