"""Metrics: the names that dashboards ask for, and that no request makes them grow without end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from vault_secrets_webhook.webhook.admission import AdmissionRequest, GroupVersionKind, Verdict
from vault_secrets_webhook.webhook.client_metrics import OTHER
from vault_secrets_webhook.webhook.metrics import MOST_COMBINATIONS, MOST_KINDS, MOST_NAMESPACES, Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

ID = "vault-secrets-pods"
POD = AdmissionRequest("uid", GroupVersionKind("", "v1", "Pod"), "CREATE", namespace="shop")
LABELS = {
    "webhook_id": ID,
    "webhook_version": "v1",
    "resource_namespace": "shop",
    "resource_kind": "v1/Pod",
    "operation": "create",
    "dry_run": "false",
    "success": "true",
}
DURATION = "kubewebhook_mutating_webhook_review_duration_seconds"
WARNINGS = "kubewebhook_webhook_review_warnings_total"
INJECTED = Verdict(b"", "injected", mutated=True, warnings=2)
LEFT = Verdict(b"", "no-references")


def count(metrics: Metrics, name: str, labels: Mapping[str, str]) -> float | None:
    return metrics.registry.get_sample_value(name, dict(labels))


def test_review() -> None:
    metrics = Metrics()
    for verdict in (INJECTED, INJECTED, LEFT):
        metrics.observe_review(ID, "v1", POD, verdict, 0.003)
    assert count(metrics, f"{DURATION}_count", {**LABELS, "mutated": "true"}) == 2.0
    assert count(metrics, f"{DURATION}_sum", {**LABELS, "mutated": "true"}) == pytest.approx(0.006)
    assert count(metrics, f"{DURATION}_bucket", {**LABELS, "mutated": "true", "le": "0.005"}) == 2.0
    assert count(metrics, f"{DURATION}_bucket", {**LABELS, "mutated": "true", "le": "0.0025"}) == 0.0
    assert count(metrics, f"{DURATION}_count", {**LABELS, "mutated": "false"}) == 1.0
    assert count(metrics, WARNINGS, LABELS) == 4.0
    assert count(metrics, "vault_secrets_webhook_reviews_total", {"reason": "injected", "kind": "v1/Pod"}) == 2.0
    assert count(metrics, "vault_secrets_webhook_reviews_total", {"reason": "no-references", "kind": "v1/Pod"}) == 1.0


def test_failure() -> None:
    metrics = Metrics()
    metrics.observe_failure(ID, "v1", POD, "timeout", 9.0)
    labels = {**LABELS, "success": "false", "mutated": "false"}
    assert count(metrics, f"{DURATION}_count", labels) == 1.0
    assert count(metrics, "vault_secrets_webhook_reviews_total", {"reason": "timeout", "kind": "v1/Pod"}) == 1.0


def test_registry() -> None:
    metrics = Metrics()
    for code in ("200", "200", "unreachable", "418", "999"):
        metrics.clients.observe_registry(code, 0.1)
    name = "vault_secrets_webhook_registry_request_duration_seconds_count"
    codes = ("200", "unreachable", "other", "418")
    assert [count(metrics, name, {"code": code}) for code in codes] == [2.0, 1.0, 2.0, None]


VARIANTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("dry run", {"dry_run": True}, {"dry_run": "true"}),
    ("update", {"operation": "UPDATE"}, {"operation": "update"}),
    ("unknown operation", {"operation": "FROB"}, {"operation": "other"}),
    ("a kind of a group", {"kind": GroupVersionKind("x", "v1", "Frob")}, {"resource_kind": "x/v1/Frob"}),
]


@pytest.mark.parametrize(("fields", "labels"), [row[1:] for row in VARIANTS], ids=[row[0] for row in VARIANTS])
def test_labels(fields: dict[str, Any], labels: dict[str, str]) -> None:
    metrics = Metrics()
    metrics.observe_review(ID, "v1", msgspec.structs.replace(POD, **fields), LEFT, 0.001)
    assert count(metrics, f"{DURATION}_count", {**LABELS, "mutated": "false", **labels}) == 1.0


def test_names_from_requests_do_not_add_up() -> None:
    metrics = Metrics()
    for number in range(MOST_NAMESPACES + 10):
        fields = {
            "namespace": f"n{number}",
            "operation": f"o{number}",
            "kind": GroupVersionKind(f"g{number}", "v1", "Pod"),
        }
        metrics.observe_review(ID, "v1", msgspec.structs.replace(POD, **fields), LEFT, 0.001)
    labels = {**LABELS, "operation": "other", "resource_kind": "other", "mutated": "false"}
    first = {**labels, "resource_namespace": "n0", "resource_kind": "g0/v1/Pod"}
    assert count(metrics, f"{DURATION}_count", first) == 1.0
    assert count(metrics, f"{DURATION}_count", {**labels, "resource_namespace": f"n{MOST_KINDS}"}) == 1.0
    assert count(metrics, f"{DURATION}_count", {**labels, "resource_namespace": "other"}) == 10.0
    assert len(metrics._children) == 0
    metrics = Metrics()
    for number in range(MOST_NAMESPACES + 10):
        metrics.observe_review(ID, "v1", msgspec.structs.replace(POD, namespace=f"n{number}"), LEFT, 0.001)
    assert len(metrics._children) == MOST_NAMESPACES


def test_combinations_of_names_do_not_add_up() -> None:
    metrics = Metrics()
    for number in range(MOST_COMBINATIONS + 50):
        fields = {"namespace": f"n{number % 500}", "kind": GroupVersionKind(f"g{number // 500}", "v1", "Frob")}
        metrics.observe_review(ID, "v1", msgspec.structs.replace(POD, **fields), LEFT, 0.001)
    labels = {**LABELS, "resource_kind": OTHER, "resource_namespace": OTHER, "mutated": "false"}
    assert count(metrics, f"{DURATION}_count", labels) == 50.0
    assert len(metrics._children) == MOST_COMBINATIONS


def test_what_cannot_be_a_namespace_is_not_kept() -> None:
    metrics = Metrics()
    for namespace in ("n" * 63, "n" * 64, "n" * 1_000_000):
        metrics.observe_review(ID, "v1", msgspec.structs.replace(POD, namespace=namespace), LEFT, 0.001)
    labels = {**LABELS, "mutated": "false"}
    assert count(metrics, f"{DURATION}_count", {**labels, "resource_namespace": "n" * 63}) == 1.0
    assert count(metrics, f"{DURATION}_count", {**labels, "resource_namespace": "other"}) == 2.0
    assert len(metrics.render()) < 100_000


def test_text() -> None:
    metrics = Metrics()
    metrics.observe_review(ID, "v1beta1", POD, INJECTED, 0.001)
    text = metrics.render().decode()
    assert f'{DURATION}_bucket{{dry_run="false",le="0.005",mutated="true",operation="create",' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


def test_two_sets_in_one_process() -> None:
    first, second = Metrics(), Metrics()
    first.observe_review(ID, "v1", POD, INJECTED, 0.001)
    assert count(second, f"{DURATION}_count", {**LABELS, "mutated": "true"}) is None
