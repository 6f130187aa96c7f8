"""What the webhook tells Prometheus about itself.

The names `kubewebhook_*`, their labels and the webhook's id are those that dashboards for Bank-Vaults' webhook ask for
(CONTRACT, section 9; github.com/slok/kubewebhook). Labels that come out of a request are bounded: whoever can send
reviews must not be able to make us remember names of his choice without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from .admission import OPERATIONS

if TYPE_CHECKING:
    from .admission import AdmissionRequest, Verdict

WEBHOOK_ID = "vault-secrets-pods"
KINDS = {("", "v1", "Pod"): "v1/Pod"}
OTHER = "other"
MOST_NAMESPACES = 1000
LONGEST_NAMESPACE = 63  # an RFC 1123 label
# The buckets of Go's client, which are enough for look-ups, and finer ones for reviews without.
BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REGISTRY_CODES = frozenset(map(str, (200, 301, 302, 303, 307, 308, 401, 403, 404, 405, 408, 429, 500, 502, 503, 504)))
REVIEW_LABELS = (
    "webhook_id",
    "webhook_version",
    "resource_namespace",
    "resource_kind",
    "operation",
    "dry_run",
    "success",
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which Go's client does not have


class ReviewKey(NamedTuple):
    """What the children of the review metrics are found by; values as they come, not yet bounded."""

    version: str
    namespace: str
    kind: tuple[str, str, str]
    operation: str
    dry_run: bool
    success: bool
    mutated: bool


class ReviewChildren(NamedTuple):
    """The metrics of one combination of labels, found once."""

    duration: Histogram
    warnings: Counter


class Metrics:
    """One set of metrics in a registry of its own, so that several servers fit into one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.duration = Histogram(
            "kubewebhook_mutating_webhook_review_duration_seconds",
            "The duration of the admission review handled by a mutating webhook.",
            (*REVIEW_LABELS, "mutated"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.warnings = Counter(
            "kubewebhook_webhook_review_warnings_total",
            "The number of warnings that were returned with reviews.",
            REVIEW_LABELS,
            registry=self.registry,
        )
        self.outcomes = Counter(
            "vault_secrets_webhook_reviews_total",
            "Reviews by how they ended: injected, skipped for some reason, refused, or failed.",
            ("reason",),
            registry=self.registry,
        )
        self.rejected = Counter(
            "vault_secrets_webhook_rejected_requests_total",
            "HTTP requests that were answered with an error, by its status.",
            ("code",),
            registry=self.registry,
        )
        self.unread = Counter(
            "vault_secrets_webhook_unread_objects_total",
            "Optional Secrets and ConfigMaps that could not be read, so that a reference in them was not seen.",
            registry=self.registry,
        )
        self.registry_requests = Histogram(
            "vault_secrets_webhook_registry_request_duration_seconds",
            "The duration of requests to image registries, by the status of the answer.",
            ("code",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.certificate_expiry = Gauge(
            "vault_secrets_webhook_certificate_expiry_timestamp_seconds",
            "When the serving certificate expires, in seconds since the epoch; 0 without TLS.",
            registry=self.registry,
        )
        self.certificate_failures = Counter(
            "vault_secrets_webhook_certificate_reload_failures_total",
            "Times that a changed certificate could not be loaded and the old one was kept.",
            registry=self.registry,
        )
        self._children: dict[ReviewKey, ReviewChildren] = {}
        self._namespaces: set[str] = set()

    def observe_review(self, version: str, request: AdmissionRequest, verdict: Verdict, seconds: float) -> None:
        """Count a review that was answered."""
        self.outcomes.labels(verdict.reason).inc()
        children = self.find_children(version, request, success=True, mutated=verdict.mutated)
        children.duration.observe(seconds)
        children.warnings.inc(verdict.warnings)

    def observe_failure(self, version: str, request: AdmissionRequest, reason: str, seconds: float) -> None:
        """Count a review that could not be answered."""
        self.outcomes.labels(reason).inc()
        self.find_children(version, request, success=False, mutated=False).duration.observe(seconds)

    def observe_registry(self, code: str, seconds: float) -> None:
        """Count a request to an image registry. `code` is the status of its answer, or a word where there was none."""
        known = code if code in REGISTRY_CODES or not code.isdigit() else OTHER
        self.registry_requests.labels(known).observe(seconds)

    def find_children(self, version: str, request: AdmissionRequest, *, success: bool, mutated: bool) -> ReviewChildren:
        """Find the metrics for a review. Finding them by their labels each time costs more than counting."""
        kind = (request.kind.group, request.kind.version, request.kind.kind)
        key = ReviewKey(version, request.namespace, kind, request.operation, request.dry_run is True, success, mutated)
        children = self._children.get(key)
        return self.make_children(key) if children is None else children

    def make_children(self, key: ReviewKey) -> ReviewChildren:
        """Make the metrics of a combination, and remember them if the combination is one of a bounded number."""
        bounded = key._replace(
            namespace=self.bound_namespace(key.namespace),
            operation=key.operation if key.operation in OPERATIONS else OTHER,
        )
        labels = (
            WEBHOOK_ID,
            key.version,
            bounded.namespace,
            KINDS.get(key.kind, OTHER),
            bounded.operation.lower(),
            format_bool(key.dry_run),
            format_bool(key.success),
        )
        children = ReviewChildren(
            self.duration.labels(*labels, format_bool(key.mutated)), self.warnings.labels(*labels)
        )
        if bounded == key and key.kind in KINDS:
            self._children[key] = children
        return children

    def bound_namespace(self, namespace: str) -> str:
        """Keep the names of the first namespaces, and take the others, and what cannot be one, together."""
        if namespace not in self._namespaces:
            if len(self._namespaces) >= MOST_NAMESPACES or len(namespace) > LONGEST_NAMESPACE:
                return OTHER
            self._namespaces.add(namespace)
        return namespace

    def render(self) -> bytes:
        """Write all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


def format_bool(value: bool) -> str:  # noqa: FBT001 - a formatter's one argument
    """Write a boolean as Go does."""
    return "true" if value else "false"
