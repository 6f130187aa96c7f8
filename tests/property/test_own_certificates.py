"""Own certificates over time: several replicas in any order, and API servers that are late, never lose a review.

The real loop runs against objects in memory, with clocks of the test. Its requests are where replicas take turns, so
that hypothesis may let another one in between any two of them. An API server is taken to know the caBundle as it was at
any moment of the last few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.objects import CONFIGURATION, FakeObjects
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.certificates.bundle import read_bundle
from vault_secrets_webhook.webhook.certificates.keeper import Keeper
from vault_secrets_webhook.webhook.certificates.serving import OwnCertificate
from vault_secrets_webhook.webhook.certificates.state import RENEWAL_SHARE
from vault_secrets_webhook.webhook.certificates.wish import Wish
from vault_secrets_webhook.webhook.kube.secrets import SecretName
from vault_secrets_webhook.webhook.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

NAMES = frozenset({"webhook.system.svc"})
WISH = Wish(SecretName("system", "certificate"), CONFIGURATION, NAMES, 400.0, 1200.0, keeps_others=False)
START = 1_800_000_000.0
REPLICAS = 3
METRICS, QUIET = Metrics(), Log("error")
STEP = 1.0  # seconds from one turn to the next
# After somebody's doing, until he does something again: who deletes the Secret over and over for the third of a life
# that is left when a certificate is renewed gets what he wants.
RESPITE = WISH.lifetime / 3
LATENESS = WISH.settle() / 2  # of an API server


class Turn(NamedTuple):
    """Who goes on, and what happens before."""

    replica: int
    event: str


def list_turns(*events: str) -> st.SearchStrategy[list[Turn]]:
    """Make lists of turns, in few of which something happens."""
    event = st.sampled_from([*([""] * 5 * len(events)), *events])
    return st.lists(st.builds(Turn, st.integers(0, REPLICAS - 1), event), min_size=20, max_size=250)


class Replica:
    """A process: its loop, where it is in a round, and when it begins the next one."""

    def __init__(self, world: World) -> None:
        self.certificate = OwnCertificate()
        self.keeper = Keeper(world.objects.client(), WISH, self.certificate, METRICS, QUIET)
        self.keeper.clock = self.keeper.monotonic = lambda: world.now
        self.round: Coroutine[None, None, float] | None = None
        self.next_round = self.looked_at = self.began = world.now

    def go_on(self, now: float) -> None:
        """Go on to the next request, or begin a round when it is time."""
        if self.round is None:
            if now < self.next_round:
                return
            self.round, self.began = self.keeper.take_turn(), now
        try:
            self.round.send(None)
        except StopIteration as end:
            self.round, self.next_round, self.looked_at = None, now + end.value, now


class World:
    """A cluster, its replicas, and the caBundles of the last seconds."""

    def __init__(self) -> None:
        self.now = START
        self.objects = FakeObjects()
        self.replicas = [Replica(self) for _ in range(REPLICAS)]
        self.bundles: list[tuple[float, frozenset[str]]] = []
        self.authorities: set[str] = set()
        self.next_event = self.stored_since = self.now

    def take(self, turn: Turn) -> None:
        self.now += STEP
        if turn.event and self.now >= self.next_event:
            getattr(self, f"make_{turn.event}")(turn.replica)
            self.next_event = self.now + (0.0 if turn.event == "restart" else RESPITE)
        was_stored = self.objects.secret is not None
        self.replicas[turn.replica].go_on(self.now)
        if self.objects.secret is not None and not was_stored:
            self.stored_since = self.now
        self.note_bundle()

    def make_restart(self, replica: int) -> None:
        if (under_way := self.replicas[replica].round) is not None:
            under_way.close()
        self.replicas[replica] = Replica(self)

    def make_loss(self, _: int) -> None:
        """Delete the Secret, unless somebody is still about to create it who has not seen that it is there.

        He would do so at once, with an authority that knows nothing of the one in between. A request ends after seconds,
        so this is about who deletes the Secret just when it was made; here a replica may be kept waiting for minutes.
        """
        if all(one.round is None or one.began >= self.stored_since for one in self.replicas):
            self.objects.secret = None

    def make_damage(self, _: int) -> None:
        if self.objects.secret is not None:
            self.objects.set_entries(tls_key=b"nonsense")

    def make_reset(self, _: int) -> None:
        """Somebody puts an empty bundle there: reviews are lost until it is written again, and that is his doing."""
        self.objects.set_bundle(b"")

    def note_bundle(self) -> None:
        (bundle,) = self.objects.bundles()
        ids = frozenset(read_bundle(bundle))
        self.authorities |= ids
        self.bundles = [*((moment, known) for moment, known in self.bundles if moment >= self.now - LATENESS), (self.now, ids)]  # fmt: skip

    def check(self) -> None:
        """Check that what each replica serves is accepted by each API server, however late it is."""
        losses = [
            (replica.certificate.serving.issuer, known)
            for replica in self.replicas
            if replica.certificate.serving is not None and self.now < replica.certificate.serving.end
            for _, known in self.bundles
            if known and replica.certificate.serving.issuer not in known  # nobody is accepted by an empty one
        ]
        assert losses == []
        self.check_terms()

    def agrees(self) -> bool:
        """Tell whether all serve what is stored, and the bundle is the stored one."""
        entries = self.objects.entries() if self.objects.secret else {}
        wanted = [entries.get("tls.crt")] * REPLICAS
        served = [replica.certificate.serving and replica.certificate.serving.certificate for replica in self.replicas]
        return served == wanted and self.objects.bundles() == [entries.get("ca.crt")]

    def check_terms(self) -> None:
        """Check that nobody serves what has expired, unless he did not get a turn for long."""
        for replica in self.replicas:
            serving = replica.certificate.serving
            if serving is not None and self.now < replica.looked_at + RESPITE:
                assert serving.begin <= self.now < serving.end


def settle(world: World) -> Iterator[None]:
    """Let all go on undisturbed, for so long that nothing is left to be done about the last event."""
    for number in range(400):
        world.take(Turn(number % REPLICAS, ""))
        world.check()
        yield


@settings(max_examples=40)
@given(st.one_of(list_turns("restart", "loss", "damage"), list_turns("restart", "reset")), st.booleans())
def test_no_review_is_lost(turns: list[Turn], is_old: bool) -> None:
    """Only the Secret and the bundle may not be lost at the same time: then nobody knows what another one serves."""
    world = World()
    while is_old and world.now < START + WISH.authority_lifetime * RENEWAL_SHARE:  # soon there is another authority
        world.take(Turn(round(world.now / STEP) % REPLICAS, ""))
    for turn in turns:
        world.take(turn)
        world.check()
    assert any(world.agrees() for _ in settle(world))


def test_years_without_an_event() -> None:
    """Each authority and each certificate is replaced in time, by one of the replicas, and the bundle stays small."""
    world = World()
    assert any(world.agrees() for _ in settle(world))
    served: set[bytes] = set()
    while world.now < START + 5 * WISH.authority_lifetime:
        for replica in range(REPLICAS):
            world.take(Turn(replica, ""))
            world.check()
        served.update(one.certificate.serving.certificate for one in world.replicas if one.certificate.serving)
        assert all(replica.certificate.serving for replica in world.replicas)
        assert len(world.bundles[-1][1]) <= 2
    # In 5 lives there are 7 times two thirds, and in a third of one 5 certificates.
    assert 7 <= len(world.authorities) <= 8
    assert 22 <= len(served) <= 34
