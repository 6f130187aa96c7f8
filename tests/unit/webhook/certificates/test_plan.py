"""What becomes of certificates, case by case. Certificates here are names and times, made by a stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.webhook.certificates.plan import MOST_AUTHORITIES, Trust, advance, may_serve
from vault_secrets_webhook.webhook.certificates.state import Authority, PrivateKey, Serving, State

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

LIFE, AUTHORITY_LIFE = 90, 360
NAMES = frozenset({"webhook.system.svc"})
KEY = PrivateKey(b"key")


def authority(name: str, begin: int, *, end: int | None = None, has_key: bool = True) -> Authority:
    return Authority(name, begin, begin + AUTHORITY_LIFE if end is None else end, b"", KEY if has_key else None)


def serving(issuer: str, begin: int, *, end: int | None = None, names: AbstractSet[str] = NAMES) -> Serving:
    return Serving(issuer, frozenset(names), begin, begin + LIFE if end is None else end, b"", KEY)


class CountingMint:
    """Makes certificates named `new`, `new2`, and so on."""

    def __init__(self) -> None:
        self.made = 0

    def make_authority(self, now: float) -> Authority:
        self.made += 1
        return authority("new" if self.made == 1 else f"new{self.made}", int(now))

    def make_serving(self, authority: Authority, names: AbstractSet[str], now: float) -> Serving:
        assert authority.key is not None
        return serving(authority.id, int(now), end=min(int(now) + LIFE, authority.end), names=names)


def trust(*settled: str, present: tuple[str, ...] = (), found: tuple[str, ...] = ()) -> Trust:
    return Trust(frozenset((*settled, *present)), frozenset(settled), frozenset(found))


A, B, B_ONLY_TRUSTED = authority("a", 0), authority("b", 240), authority("b", 240, has_key=False)
OLD_A = authority("a", 0, has_key=False)

# What there is, what is trusted, the time; ids and keys of the authorities then, issuer and begin of what is served.
CASES: list[tuple[str, State, Trust, int, str, str]] = [
    ("nothing at all", State(), trust(), 0, "new+", "new 0"),
    ("nothing to do", State((A,), serving("a", 0)), trust("a"), 59, "a+", "a 0"),
    ("a certificate is old", State((A,), serving("a", 0)), trust("a"), 60, "a+", "a 60"),
    ("and nothing is known of the bundle", State((A,), serving("a", 0)), trust(), 60, "a+", "a 60"),
    ("a certificate has expired", State((A,), serving("a", 0)), trust(), 90, "a+", "a 90"),
    ("an authority is old", State((A,), serving("a", 200)), trust("a"), 240, "new+ a+", "a 200"),
    ("the next one is not trusted", State((B, A), serving("a", 200)), trust("a"), 241, "b+ a+", "a 200"),
    ("only just", State((B, A), serving("a", 200)), trust("a", present=("b",)), 241, "b+ a+", "a 200"),
    ("for long enough", State((B, A), serving("a", 200)), trust("a", "b"), 242, "b+ a", "b 242"),
    ("never, and the certificate is old", State((B, A), serving("a", 200)), trust("a"), 260, "b+ a+", "a 260"),
    ("cut to the end", State((B, A), serving("a", 260)), trust("a"), 330, "b+ a+", "a 330"),
    ("no use in cutting more", State((B, A), serving("a", 330, end=360)), trust("a"), 355, "b+ a+", "a 330"),
    ("the end of an authority", State((B, A), serving("a", 330, end=360)), trust("a"), 360, "b+", "b 360"),
    ("an old one leaves", State((B, OLD_A), serving("b", 340)), trust("a", "b"), 360, "b+", "b 340"),
    ("not before it has expired", State((B, OLD_A), serving("b", 340)), trust("a", "b"), 359, "b+ a", "b 340"),
    ("lost", State((OLD_A,), serving("a", 0)), trust("a"), 30, "new+ a", "a 0"),
    ("lost, and trusted again", State((B, OLD_A), serving("a", 200)), trust("b"), 250, "b+ a", "b 250"),
    ("lost twice", State((B_ONLY_TRUSTED, OLD_A), serving("a", 200)), trust("a", "b"), 250, "new+ b a", "a 200"),
    ("lost, and forgotten", State((OLD_A,), None), trust("a"), 30, "new+ a", "new 30"),
    ("lost, and expired", State((OLD_A,), serving("a", 0)), trust("a"), 90, "new+ a", "new 90"),
    ("nothing served, one trusted", State((B, A), None), trust(present=("a",)), 250, "b+ a+", "a 250"),
    ("nothing served, none trusted", State((B, A), None), trust(), 250, "b+ a", "b 250"),
    ("signed by a stranger", State((A,), serving("x", 0)), trust("a"), 30, "a+", "a 30"),
    ("signed where the clock is ahead", State((A,), serving("a", 31)), trust("a"), 30, "a+", "a 30"),
    ("made where the clock is ahead", State((B, A), serving("b", 240)), trust("a", "b"), 30, "new+ b+ a+", "a 30"),
    ("asleep for years", State((B, A), serving("a", 200)), trust("a", "b"), 9999, "new+", "new 9999"),
]


@pytest.mark.parametrize(
    ("state", "trusted", "now", "authorities", "served"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_advance(state: State, trusted: Trust, now: int, authorities: str, served: str) -> None:
    after = advance(state, trusted, NAMES, now, CountingMint())
    assert after.serving is not None
    assert " ".join(f"{one.id}{'+' if one.key else ''}" for one in after.authorities) == authorities
    assert f"{after.serving.issuer} {after.serving.begin}" == served


def test_nothing_to_do_changes_nothing() -> None:
    state = State((A,), serving("a", 0))
    mint = CountingMint()
    assert advance(state, trust("a"), NAMES, 30, mint) == state
    assert mint.made == 0


def test_names_are_added_at_once_and_taken_away_in_time() -> None:
    """Replicas that want different names in a roll-out agree on one certificate, instead of taking turns."""
    mint, one, two = CountingMint(), frozenset({"x", "a"}), frozenset({"x", "b"})
    first = advance(State((A,), serving("a", 0, names=one)), trust("a"), two, 10, mint)
    assert first.serving is not None
    assert (first.serving.begin, first.serving.names) == (10, one | two)
    assert advance(first, trust("a"), one, 20, mint) == first
    assert advance(first, trust("a"), two, 20, mint) == first
    later = advance(first, trust("a"), two, 80, mint)
    assert later.serving is not None
    assert later.serving.names == two


def test_losses_without_end_do_not_fill_the_bundle() -> None:
    """The one that signed what is served stays, however many came after it."""
    state = State((A,), serving("a", 0))
    mint = CountingMint()
    for now in range(1, 30):
        lost = State(tuple(one._replace(key=None) for one in state.authorities), state.serving)
        state = advance(lost, trust("a"), NAMES, now, mint)
        assert len(state.authorities) <= MOST_AUTHORITIES
        assert state.authorities[0].key is not None
        assert state.serving is not None
        assert state.serving.issuer == "a"
        assert "a" in {one.id for one in state.authorities}


FROM_A, FROM_B = serving("a", 200), serving("b", 242)
ROTATED = State((B, OLD_A), FROM_B)
UNKNOWN = Trust(is_known=False)
# What is stored, what is served, what is trusted, the time, and whether to serve what is stored.
SERVING_CASES: list[tuple[str, State, Serving | None, Trust, int, bool]] = [
    ("nothing is stored", State((A,), None), None, trust("a"), 0, False),
    ("it has expired", State((A,), FROM_A), None, trust("a"), 290, False),
    ("it is trusted for long", ROTATED, FROM_A, trust("a", "b"), 243, True),
    ("only just, and the old one too", ROTATED, FROM_A, trust("a", present=("b",)), 243, False),
    ("only just, and the old one not", ROTATED, FROM_A, trust(present=("b",)), 243, True),
    ("only just, and the old one has expired", ROTATED, FROM_A, trust("a", present=("b",)), 290, False),
    ("not yet", ROTATED, FROM_A, trust("a"), 243, False),
    ("neither", ROTATED, FROM_A, trust(), 243, False),
    ("another one of the same authority", State((A,), serving("a", 210)), FROM_A, trust(), 211, True),
    ("a first start, not announced", State((A,), FROM_A), None, trust(), 201, False),
    ("a first start, announced", State((A,), FROM_A), None, trust(present=("a",)), 201, True),
    ("beside a stranger's", State((A,), FROM_A), None, trust(present=("a", "x")), 201, False),
    ("a start while another one may serve", ROTATED, None, trust(present=("a", "b")), 243, False),
    ("a start that found it", ROTATED, None, trust(present=("a", "b"), found=("a", "b")), 243, True),
    ("found, and gone again", ROTATED, None, trust(present=("a",), found=("a", "b")), 243, False),
    ("made where the clock is ahead", State((A,), serving("a", 210)), FROM_A, trust("a"), 209, False),
    ("the bundle cannot be seen", ROTATED, None, UNKNOWN, 243, True),
    ("not either, and there is one", ROTATED, FROM_A, UNKNOWN, 243, False),
    ("not either, and it has expired", ROTATED, FROM_A, UNKNOWN, 290, True),
]


@pytest.mark.parametrize(
    ("state", "current", "trusted", "now", "expected"),
    [row[1:] for row in SERVING_CASES],
    ids=[row[0] for row in SERVING_CASES],
)
def test_may_serve(state: State, current: Serving | None, trusted: Trust, now: int, expected: bool) -> None:
    assert may_serve(state, current, trusted, now) is expected


def test_keys_do_not_show() -> None:
    secret = PrivateKey(b"CANARY")
    shown = repr(State((A._replace(key=secret),), FROM_A._replace(key=secret)))
    assert "PrivateKey(...)" in shown
    assert "CANARY" not in shown
    assert {secret} == {PrivateKey(b"CANARY")} != {PrivateKey(b"other")}
