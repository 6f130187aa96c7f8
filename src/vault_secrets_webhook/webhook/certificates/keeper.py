"""Looks after own certificates as long as the process runs: read, decide, store, announce, serve; and again.

One round does all that can be done now, and each step is safe to repeat and safe to be interrupted at. The
configuration is read before the Secret: whoever added an authority has stored it first, so a bundle that is newer than
what we know of the Secret cannot be overwritten by us (its `resourceVersion` is not the one we read). Where the Secret
holds nothing, the configuration is read once more: what was announced is then all that is known.

A loss of the Secret is taken for the wish for a new authority. The old ones stay trusted until they expire, those of
the caBundle too, and so no review is lost.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import Error
from vault_secrets_webhook.webhook.faults import log_fault
from vault_secrets_webhook.webhook.kube.client import CONFLICT, NOT_FOUND
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.secrets import change_secret, create_secret, read_secret
from vault_secrets_webhook.webhook.kube.webhook_configurations import change_bundles, read_configuration

from .bundle import find_others, find_own, read_bundle, write_bundle
from .mint import CertificateMint, fingerprint
from .plan import Trust, advance, may_serve
from .state import State
from .storage import Damaged, read_entries, write_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from vault_secrets_webhook.textlog import Log
    from vault_secrets_webhook.webhook.kube.client import Client
    from vault_secrets_webhook.webhook.kube.secrets import StoredSecret
    from vault_secrets_webhook.webhook.kube.webhook_configurations import Configuration, Webhook
    from vault_secrets_webhook.webhook.metrics import Metrics

    from .serving import OwnCertificate
    from .wish import Wish

# What tells our Secret from one that somebody else keeps: such a one is never written to.
LABELS = {"vault-secrets-webhook": "certificates"}
# Seconds until the next round: where something was just changed, and after the first failure.
SOON = 0.5
FIRST_PAUSE = 1.0
MOST_DOUBLED = 10
SHOWN = 12  # characters of an id


class View(NamedTuple):
    """The webhooks of the configuration that call us, with their places in it, and what their bundles hold."""

    configuration: Configuration
    webhooks: Sequence[tuple[int, Webhook]]
    bundles: Sequence[dict[str, x509.Certificate]]

    def present(self) -> frozenset[str]:
        """Give the ids of what all bundles hold."""
        return frozenset.intersection(*map(frozenset, self.bundles))

    def certificates(self) -> dict[str, x509.Certificate]:
        """Give what any bundle holds, by its id."""
        return {key: certificate for bundle in self.bundles for key, certificate in bundle.items()}


class Keeper:
    """Looks after the certificate of one process."""

    def __init__(self, client: Client, wish: Wish, certificate: OwnCertificate, metrics: Metrics, log: Log) -> None:
        self.client = client
        self.wish = wish
        self.certificate = certificate
        self.metrics = metrics
        self.log = log
        self.clock, self.monotonic = time.time, time.monotonic
        self.mint = CertificateMint(wish.lifetime, wish.authority_lifetime)
        self.state = State()  # as it was last in the Secret
        self.seen: dict[str, float] = {}  # since when an authority is in all bundles, by its id
        self.found: frozenset[str] | None = None  # the authorities that were in all bundles at the first look
        self.faults: set[str] = set()  # of this round
        self.known_faults: set[str] = set()
        self.known_damage = ""
        self.failures = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            pause = await self.take_turn()
            await asyncio.sleep(pause)

    async def take_turn(self) -> float:
        """Do one round, whatever comes of it; gives the seconds until the next one."""
        self.faults = set()
        hurries = False
        try:
            hurries = await self.look_after()
        except Error as error:
            self.faults.add(str(error))
        except Exception as error:  # noqa: BLE001 - the certificate must be looked after, whatever happened
            self.faults.add(type(error).__qualname__)
            log_fault(self.log, "a fault of our own in looking after the certificate", error)
        self.report()
        apart = random.uniform(0.8, 1.2)  # noqa: S311 - keeps replicas apart, and no secret
        return self.choose_pause(hurries=hurries) * apart

    def choose_pause(self, *, hurries: bool) -> float:
        """Choose the seconds until the next round: more after each one that failed."""
        self.failures = min(self.failures + 1, MOST_DOUBLED) if self.faults else 0
        if self.faults:
            return min(self.wish.poll(), FIRST_PAUSE * float(2 ** (self.failures - 1)))
        return min(self.wish.poll(), SOON) if hurries else self.wish.poll()

    def report(self) -> None:
        """Log each fault once, and when there are none any more."""
        for fault in sorted(self.faults - self.known_faults):
            self.metrics.certificate_failures.inc()
            is_served = self.certificate.serving is not None
            consequence = "the one at hand is served on" if is_served else "not ready, trying again"
            self.log.error("the certificate cannot be looked after", error=fault, consequence=consequence)
        if self.known_faults and not self.faults:
            self.log.info("the certificate is looked after again")
        self.known_faults = self.faults

    async def look_after(self) -> bool:
        """Do one round; tells whether to come back soon. Raises KubernetesError and ConfigurationError."""
        view = await self.look_at_bundles()
        trust = self.note_trust(view)
        stored = await read_secret(self.client, self.wish.secret)
        if stored is not None and stored.entries() and not LABELS.items() <= stored.labels().items():
            raise KubernetesError(
                f"{self.wish.secret} is not the webhook's own: name another one in CERTIFICATE_SECRET, or delete it"
            )
        state, is_whole = self.read_state(stored, view)
        if not is_whole:  # an authority may be trusted since then that the Secret has lost
            view = await self.look_at_bundles()
            trust = self.note_trust(view)
            state, _ = self.read_state(stored, view)
        wanted = advance(state, trust, self.wish.names, self.clock(), self.mint)
        if wanted != state:
            try:
                await self.store(stored, wanted)
            except KubernetesError as error:
                if error.status == CONFLICT or (stored is not None and error.status == NOT_FOUND):
                    return True  # somebody was faster: look again
                if not is_whole:
                    raise
                self.faults.add(str(error))  # what is stored is good for a while
            else:
                self.tell(state, wanted)
                state = wanted
        self.state = state
        has_changed = view is not None and await self.announce(view, state)
        if may_serve(state, self.certificate.serving, trust, self.clock()):
            self.serve(state)
        return has_changed or self.certificate.serving is None

    async def look_at_bundles(self) -> View | None:
        """Look at the bundles of the webhooks that call us; None where there are none to be seen."""
        name = self.wish.configuration
        try:
            configuration = await read_configuration(self.client, name)
        except KubernetesError as error:
            self.faults.add(str(error))
            return None
        webhooks = configuration.find_own(self.wish.names) if configuration else []
        if configuration is None or not webhooks:
            reason = "does not exist" if configuration is None else "has no webhook that calls the CERTIFICATE_SERVICE"
            self.faults.add(f"nobody trusts the certificate: mutatingwebhookconfigurations {name} {reason}")
            return None
        bundles = [read_bundle(webhook.client_config.ca_bundle) for _, webhook in webhooks]
        return View(configuration, webhooks, bundles)

    def note_trust(self, view: View | None) -> Trust:
        """Note since when authorities are in the bundles; tells which are."""
        if view is None:
            self.seen = {}
            return Trust(is_known=False)
        moment, present = self.monotonic(), view.present()
        self.seen = {key: self.seen.get(key, moment) for key in present}
        if self.found is None:
            self.found = present
        latest = moment - self.wish.settle()
        settled = frozenset(key for key, first in self.seen.items() if first <= latest)
        return Trust(present, settled, self.found)

    def read_state(self, stored: StoredSecret | None, view: View | None) -> tuple[State, bool]:
        """Read what is stored, or what is left where it was lost; tells whether it was there."""
        if stored is not None and stored.entries():
            try:
                state = read_entries(stored.entries())
            except Damaged as error:
                self.note_damage(str(error))
            else:
                self.known_damage = ""
                return state, True
        known = {authority.id: authority._replace(key=None) for authority in self.state.authorities}
        for authority in find_own(view.certificates().values()) if view else ():
            known.setdefault(authority.id, authority)
        return State(tuple(known.values()), self.state.serving), False

    def note_damage(self, reason: str) -> None:
        """Log what is wrong with the Secret; once, if it cannot be made anew."""
        if reason != self.known_damage:
            self.log.warning("the Secret was damaged", secret=str(self.wish.secret), reason=reason)
        self.known_damage = reason

    async def store(self, stored: StoredSecret | None, wanted: State) -> None:
        """Store a state. Raises KubernetesError, of status 409 when another replica did so before."""
        if stored is None:
            await create_secret(self.client, self.wish.secret, LABELS, write_entries(wanted))
        else:
            await change_secret(self.client, self.wish.secret, stored, LABELS, write_entries(wanted))

    def tell(self, old: State, new: State) -> None:
        """Log what is new."""
        known = {authority.id for authority in old.authorities}
        for authority in new.authorities:
            if authority.id not in known:
                self.log.info("a new authority was made", id=authority.id[:SHOWN], expires=write_time(authority.end))
        if new.serving is not None and new.serving != old.serving:
            names, issuer = sorted(new.serving.names), new.serving.issuer[:SHOWN]
            expires = write_time(new.serving.end)
            self.log.info("a new certificate was made", names=names, authority=issuer, expires=expires)

    async def announce(self, view: View, state: State) -> bool:
        """Write our authorities into the bundles that lack some, or hold others; tells whether they may change now."""
        others = find_others(view.certificates().values(), self.clock()) if self.wish.keeps_others else []
        wanted = {authority.id for authority in state.authorities} | set(map(fingerprint, others))
        differing = [
            webhook for webhook, bundle in zip(view.webhooks, view.bundles, strict=True) if bundle.keys() != wanted
        ]
        if not differing:
            return False
        name, bundle = self.wish.configuration, write_bundle(state.authorities, others)
        try:
            await change_bundles(self.client, name, view.configuration, differing, bundle)
        except KubernetesError as error:
            if error.status not in {CONFLICT, NOT_FOUND}:
                self.faults.add(str(error))
                return False
        else:
            webhooks = [webhook.name for _, webhook in differing]
            self.log.info("caBundle changed", configuration=name, webhooks=webhooks, authorities=len(wanted))
        return True

    def serve(self, state: State) -> None:
        """Serve what is stored. Raises ConfigurationError."""
        serving = state.serving
        if serving is None or serving == self.certificate.serving:
            return
        self.certificate.use(serving)
        ends = [authority.end for authority in state.authorities if authority.id == serving.issuer]
        self.metrics.certificate_expiry.set(serving.end)
        self.metrics.certificate_authority_expiry.set(max(ends))
        self.log.info("certificate in use", expires=write_time(serving.end), authority=serving.issuer[:SHOWN])


def write_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
