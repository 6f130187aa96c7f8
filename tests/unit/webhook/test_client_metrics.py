"""What is counted of our own requests, under the names that dashboards know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault_secrets_webhook.webhook.metrics import Metrics

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.vaultaccess.transports import Observer


PROVIDER = "secrets_webhook_provider_"


def count(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_vault() -> None:
    metrics = Metrics()
    observer: Observer = metrics.clients
    for method, code in (("GET", "200"), ("GET", "404"), ("PUT", "200"), ("FROB", "299"), ("GET", "no answer")):
        observer.begin_request("vault")
        assert count(metrics, "vault_client_in_flight_requests") == 1.0
        observer.end_request("vault", method, code, 0.1, 100)
    assert count(metrics, "vault_client_in_flight_requests") == 0.0
    assert count(metrics, "vault_client_requests_total", method="get", code="200") == 1.0
    assert count(metrics, "vault_client_requests_total", method="get", code="404") == 1.0
    assert count(metrics, "vault_client_requests_total", method="put", code="200") == 1.0
    assert count(metrics, "vault_client_requests_total", method="other", code="other") == 1.0
    assert count(metrics, "vault_client_requests_errors_total") == 1.0
    assert count(metrics, "vault_client_request_duration_seconds_count") == 5.0
    assert count(metrics, "vault_client_request_size_bytes_sum") == 500.0


def test_logins() -> None:
    metrics = Metrics()
    for is_successful in (True, False, True):
        metrics.clients.note_login("vault", is_successful=is_successful)
    assert count(metrics, "vault_client_auth_attempts_total") == 3.0
    assert count(metrics, "vault_client_auth_attempts_errors_total", reason="failed") == 1.0


def test_providers() -> None:
    metrics = Metrics()
    for provider, code in (("vault", "200"), ("bao", "200"), ("bao", "no answer")):
        metrics.clients.begin_request(provider)
        assert count(metrics, PROVIDER + "in_flight_requests", provider=provider) == 1.0
        metrics.clients.end_request(provider, "GET", code, 0.1, 100)
        assert count(metrics, PROVIDER + "in_flight_requests", provider=provider) == 0.0
    metrics.clients.note_login("bao", is_successful=False)
    assert count(metrics, PROVIDER + "requests_total", provider="vault", code="200", method="get") == 1.0
    assert count(metrics, PROVIDER + "requests_total", provider="bao", code="200", method="get") == 1.0
    assert count(metrics, PROVIDER + "requests_errors_total", provider="vault", reason="unknown") is None
    assert count(metrics, PROVIDER + "requests_errors_total", provider="bao", reason="unknown") == 1.0
    assert count(metrics, PROVIDER + "request_duration_seconds_count", provider="bao") == 2.0
    assert count(metrics, PROVIDER + "request_size_bytes_sum", provider="bao") == 200.0
    assert count(metrics, PROVIDER + "auth_attempts_total", provider="bao") == 1.0
    assert count(metrics, PROVIDER + "auth_attempts_errors_total", provider="bao", reason="failed") == 1.0


def test_kubernetes() -> None:
    metrics = Metrics()
    for method, code in (("GET", "200"), ("GET", "unreachable"), ("FROB", "999")):
        metrics.clients.observe_kubernetes(method, code, 0.1)
    name = "vault_secrets_webhook_kubernetes_request_duration_seconds_count"
    assert count(metrics, name, method="GET", code="200") == 1.0
    assert count(metrics, name, method="GET", code="unreachable") == 1.0
    assert count(metrics, name, method="other", code="other") == 1.0
