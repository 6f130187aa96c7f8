"""What the webhook tells Prometheus about its own requests: to Vault, to the Kubernetes API and to image registries.

The names `vault_client_*` and their labels are those of Bank-Vaults' first webhook
(github.com/bank-vaults/vault-secrets-webhook, pkg/webhook/client_metrics.go), `secrets_webhook_provider_*` those of its
second one (github.com/bank-vaults/secrets-webhook, pkg/provider/common/metrics.go), with buckets that fit what is
measured. Every request counts in both, whatever the object asked for, so that dashboards for either go on working.
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
# Why a request or a login failed, for the label `reason`: what is known of it is in the log.
FAILED, UNKNOWN = "failed", "unknown"


class ProviderMetrics:
    """What the second webhook counts, by provider."""

    def __init__(self, make: Instruments) -> None:
        prefix, by = "secrets_webhook_provider_", ("provider",)
        self.seconds = make.histogram(prefix + "request_duration_seconds", "The duration of requests to providers.", by)
        self.bytes = make.histogram(
            prefix + "request_size_bytes", "The size of the bodies of requests to providers.", by, SIZES
        )
        self.under_way = make.gauge(
            prefix + "in_flight_requests", "The number of requests to providers under way.", labels=by
        )
        self.requests = make.counter(
            prefix + "requests_total", "Requests to providers that were answered.", (*by, "code", "method")
        )
        self.errors = make.counter(
            prefix + "requests_errors_total", "Requests to providers that were not answered.", (*by, "reason")
        )
        self.logins = make.counter(prefix + "auth_attempts_total", "Attempts to log in to providers.", by)
        self.login_errors = make.counter(
            prefix + "auth_attempts_errors_total", "Attempts to log in to providers that failed.", (*by, "reason")
        )


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
        self.providers = ProviderMetrics(make)
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

    def begin_request(self, provider: str) -> None:
        """Note that a request to a provider is on its way."""
        self.vault_under_way.inc()
        self.providers.under_way.labels(provider).inc()

    def end_request(self, provider: str, method: str, code: str, seconds: float, sent_bytes: int) -> None:
        """Note how a request ended. `code` is the status of its answer, or words where there was none."""
        self.vault_under_way.dec()
        self.vault_seconds.observe(seconds)
        self.vault_bytes.observe(sent_bytes)
        self.providers.under_way.labels(provider).dec()
        self.providers.seconds.labels(provider).observe(seconds)
        self.providers.bytes.labels(provider).observe(sent_bytes)
        if code.isdigit():
            code, method = bound(code, CODES), bound(method, METHODS).lower()
            self.vault_requests.labels(code, method).inc()
            self.providers.requests.labels(provider, code, method).inc()
        else:
            self.vault_errors.inc()
            self.providers.errors.labels(provider, UNKNOWN).inc()

    def note_login(self, provider: str, *, is_successful: bool) -> None:
        """Note an attempt to log in to a provider."""
        self.logins.inc()
        self.providers.logins.labels(provider).inc()
        if not is_successful:
            self.login_errors.labels(FAILED).inc()
            self.providers.login_errors.labels(provider, FAILED).inc()

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
