"""What the webhook tells Prometheus about itself.

The names `kubewebhook_*`, their labels and the webhook's id are those that dashboards for Bank-Vaults' webhook ask for
(github.com/slok/kubewebhook). Labels that come out of a request are bounded: whoever can send reviews must not be able
to make us remember names of his choice without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .admission import OPERATIONS
from .client_metrics import OTHER, ClientMetrics
from .instruments import Instruments

if TYPE_CHECKING:
    from collections.abc import Hashable

    from prometheus_client import Counter, Histogram

    from .admission import AdmissionRequest, Verdict

MOST_NAMESPACES, MOST_KINDS = 1000, 100
# Of labels with the name of a namespace and a kind: each is some twenty numbers, 5 KiB of text at each look. Those of
# several workers are written with their names into shared memory, 8 KiB for each combination; a container has 64 MiB.
MOST_COMBINATIONS, MOST_SHARED_COMBINATIONS = 2000, 500
LONGEST_NAMESPACE = 63  # an RFC 1123 label
LONGEST_KIND = 253 + 63 + 63  # group, version, kind
REVIEW_LABELS = (
    "webhook_id",
    "webhook_version",
    "resource_namespace",
    "resource_kind",
    "operation",
    "dry_run",
    "success",
)


class ReviewKey(NamedTuple):
    """What the metrics of a review are found by; values as they come, not yet bounded."""

    webhook_id: str
    version: str
    namespace: str
    group: str
    kind_version: str
    kind: str
    operation: str
    dry_run: bool | None
    reason: str
    success: bool
    mutated: bool


class ReviewChildren(NamedTuple):
    """The metrics of one combination of labels, found once: finding them each time costs more than counting."""

    duration: Histogram
    warnings: Counter
    outcomes: Counter


class Metrics:
    """One set of metrics. `clients` counts what is asked of Vault, of the Kubernetes API and of registries."""

    def __init__(self) -> None:
        make = Instruments()
        self.registry, self.render, self.rows = make.registry, make.render, make.rows
        self.duration = make.histogram(
            "kubewebhook_mutating_webhook_review_duration_seconds",
            "The duration of reviews.",
            (*REVIEW_LABELS, "mutated"),
        )
        self.warnings = make.counter(
            "kubewebhook_webhook_review_warnings_total", "Warnings that were returned with reviews.", REVIEW_LABELS
        )
        self.outcomes = make.counter(
            "vault_secrets_webhook_reviews_total",
            "Reviews by how they ended: injected, skipped for some reason, refused, or failed.",
            ("reason", "kind"),
        )
        self.rejected = make.counter(
            "vault_secrets_webhook_rejected_requests_total",
            "HTTP requests that were answered with an error, by its status.",
            ("code",),
        )
        self.unread = make.counter(
            "vault_secrets_webhook_unread_objects_total",
            "Optional Secrets and ConfigMaps that could not be read, so that a reference in them was not seen.",
        )
        self.certificate_expiry = make.gauge(
            "vault_secrets_webhook_certificate_expiry_timestamp_seconds",
            "When the serving certificate expires, in seconds since the epoch; 0 without TLS.",
            "livemin",
        )
        self.certificate_authority_expiry = make.gauge(
            "vault_secrets_webhook_certificate_authority_expiry_timestamp_seconds",
            "When the authority of the own serving certificate expires, in seconds since the epoch; 0 without one.",
            "livemin",
        )
        self.certificate_failures = make.counter(
            "vault_secrets_webhook_certificate_reload_failures_total",
            "Times that a changed certificate could not be loaded, or an own one not be looked after; the old one was kept.",
        )
        self.events = make.counter(
            "vault_secrets_webhook_events_total",
            "Events about refused objects: written, dropped because there were too many, or failed.",
            ("outcome",),
        )
        self.clients = ClientMetrics(make)
        self.most_combinations = MOST_SHARED_COMBINATIONS if make.folder else MOST_COMBINATIONS
        self._children: dict[tuple[Hashable, ...], ReviewChildren] = {}
        self._namespaces = Names(MOST_NAMESPACES, LONGEST_NAMESPACE)
        self._kinds = Names(MOST_KINDS, LONGEST_KIND)

    def observe_review(
        self, webhook_id: str, version: str, request: AdmissionRequest, verdict: Verdict, seconds: float
    ) -> None:
        """Count a review that was answered."""
        children = self.find_children(webhook_id, version, request, verdict.reason, mutated=verdict.mutated)
        children.duration.observe(seconds)
        children.outcomes.inc()
        if verdict.warnings:
            children.warnings.inc(verdict.warnings)
        if verdict.unread:
            self.unread.inc(len(verdict.unread))

    def observe_failure(
        self, webhook_id: str, version: str, request: AdmissionRequest, reason: str, seconds: float
    ) -> None:
        """Count a review that could not be answered."""
        children = self.find_children(webhook_id, version, request, reason, success=False)
        children.duration.observe(seconds)
        children.outcomes.inc()

    def note_event(self, outcome: str) -> None:
        """Count what became of an Event."""
        self.events.labels(outcome).inc()

    def find_children(
        self,
        webhook_id: str,
        version: str,
        request: AdmissionRequest,
        reason: str,
        *,
        success: bool = True,
        mutated: bool = False,
    ) -> ReviewChildren:
        """Find the metrics for a review."""
        kind = request.kind
        place = (webhook_id, version, request.namespace, kind.group, kind.version, kind.kind)
        key = (*place, request.operation, request.dry_run, reason, success, mutated)
        children = self._children.get(key)
        return self.make_children(ReviewKey(*key)) if children is None else children

    def make_children(self, key: ReviewKey) -> ReviewChildren:
        """Make the metrics of a combination, and remember them if the combination is one of a bounded number."""
        kind = f"{key.group}/{key.kind_version}/{key.kind}" if key.group else f"{key.kind_version}/{key.kind}"
        shown = (key.namespace, kind, key.operation)
        has_room = len(self._children) < self.most_combinations
        bounded = (
            self._namespaces.bound(key.namespace) if has_room else OTHER,
            self._kinds.bound(kind) if has_room else OTHER,
            key.operation if key.operation in OPERATIONS else OTHER,
        )
        namespace, kind, operation = bounded
        dry_run, success = format_bool(key.dry_run is True), format_bool(key.success)
        labels = (key.webhook_id, key.version, namespace, kind, operation.lower(), dry_run, success)
        children = ReviewChildren(
            self.duration.labels(*labels, format_bool(key.mutated)),
            self.warnings.labels(*labels),
            self.outcomes.labels(key.reason, kind),
        )
        if bounded == shown:
            self._children[key] = children
        return children


class Names:
    """Keeps the first of the names that come out of requests, and takes the others together."""

    def __init__(self, most: int, longest: int) -> None:
        self.most = most
        self.longest = longest
        self.known: set[str] = set()

    def bound(self, name: str) -> str:
        """Give the name, if it is one of the first and can be one at all."""
        if name not in self.known:
            if len(self.known) >= self.most or len(name) > self.longest:
                return OTHER
            self.known.add(name)
        return name


def format_bool(value: bool) -> str:  # noqa: FBT001 - a formatter's one argument
    """Write a boolean as Go does."""
    return "true" if value else "false"
