"""What the webhook tells Prometheus about its own requests: to Vault, to the Kubernetes API and to image registries.

The names `vault_client_*` and their labels are those of Bank-Vaults' webhook
(github.com/bank-vaults/vault-secrets-webhook, pkg/webhook/client_metrics.go), with buckets that fit what is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .instruments import Instruments

OTHER = "other"
METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "LIST", "HEAD"))
# Which statuses are shown as they are; whatever else a server makes up counts as one.
CODES = frozenset(map(str, (
    200, 201, 202, 204, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 422, 429, 472, 473,
    500, 501, 502, 503, 504,
)))  # fmt: skip
SIZES = (64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)
FAILED = "failed"


class ClientMetrics:
    """Counts requests. All methods may be called from any thread."""

    def __init__(self, make: Instruments) -> None:
        self.vault_seconds = make.histogram(
            "vault_client_request_duration_seconds", "The duration of requests to Vault."
        )
        self.vault_bytes = make.histogram(
            "vault_client_request_size_bytes", "The size of the bodies of requests to Vault.", buckets=SIZES
        )
        self.vault_under_way = make.gauge(
            "vault_client_in_flight_requests", "The number of requests to Vault under way."
        )
        self.vault_requests = make.counter(
            "vault_client_requests_total", "Requests to Vault that were answered.", ("code", "method")
        )
        self.vault_errors = make.counter(
            "vault_client_requests_errors_total", "Requests to Vault that were not answered."
        )
        self.logins = make.counter("vault_client_auth_attempts_total", "Attempts to log in to Vault.")
        self.login_errors = make.counter(
            "vault_client_auth_attempts_errors_total", "Attempts to log in to Vault that failed.", ("reason",)
        )
        self.kubernetes = make.histogram(
            "vault_secrets_webhook_kubernetes_request_duration_seconds",
            "The duration of requests to the Kubernetes API, by the status of the answer, or `unreachable`.",
            ("method", "code"),
        )
        self.registries = make.histogram(
            "vault_secrets_webhook_registry_request_duration_seconds",
            "The duration of requests to image registries, by the status of the answer, or `unreachable`.",
            ("code",),
        )

    def begin_request(self) -> None:
        """Note that a request to Vault is on its way."""
        self.vault_under_way.inc()

    def end_request(self, method: str, code: str, seconds: float, sent_bytes: int) -> None:
        """Note how a request to Vault ended. `code` is the status of its answer, or words where there was none."""
        self.vault_under_way.dec()
        self.vault_seconds.observe(seconds)
        self.vault_bytes.observe(sent_bytes)
        if code.isdigit():
            self.vault_requests.labels(bound(code, CODES), bound(method, METHODS).lower()).inc()
        else:
            self.vault_errors.inc()

    def note_login(self, *, is_successful: bool) -> None:
        """Note an attempt to log in to Vault."""
        self.logins.inc()
        if not is_successful:
            self.login_errors.labels(FAILED).inc()

    def observe_kubernetes(self, method: str, code: str, seconds: float) -> None:
        """Note a request to the Kubernetes API. `code` is the status of its answer, or a word where there was none."""
        self.kubernetes.labels(bound(method, METHODS), bound_code(code)).observe(seconds)

    def observe_registry(self, code: str, seconds: float) -> None:
        """Note a request to an image registry. `code` is the status of its answer, or a word where there was none."""
        self.registries.labels(bound_code(code)).observe(seconds)


def bound(text: str, known: frozenset[str]) -> str:
    """Give a text if it is known."""
    return text if text in known else OTHER


def bound_code(code: str) -> str:
    """Give a status if it is known; our own words are all known."""
    return bound(code, CODES) if code.isdigit() else code
