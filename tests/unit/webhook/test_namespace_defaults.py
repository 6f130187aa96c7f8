"""Annotations that hold for a whole namespace: where they come from, and how often they are asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.cluster import FakeCluster
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.annotations import NEW_PREFIX, PREFIX
from vault_secrets_webhook.webhook.kube.client import Answer
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.objects import KubernetesCluster
from vault_secrets_webhook.webhook.namespace_defaults import NamespaceDefaults
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.kube.client import Call

BODY = b'{"kind":"Namespace","metadata":{"annotations":{"vault.security.banzaicloud.io/vault-role":"n","other/vault-role":"x"}}}'


class Client:
    """Answers each call in the same way, or raises."""

    def __init__(self, answer: Answer | KubernetesError) -> None:
        self.answer = answer
        self.calls: list[Call] = []

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        if isinstance(self.answer, KubernetesError):
            raise self.answer
        return self.answer


def make_defaults(sources: str, client: Any, config_maps: dict[str, dict[str, str]] | None = None) -> NamespaceDefaults:
    settings = Settings.from_environment({"NAMESPACE_DEFAULTS": sources})
    return NamespaceDefaults(
        settings.namespace_defaults, KubernetesCluster(FakeCluster(config_maps=config_maps), client)
    )


def read(defaults: NamespaceDefaults, namespace: str = "shop") -> dict[str, str]:
    return dict(asyncio.run(defaults.of(namespace)))


@pytest.mark.parametrize(
    ("sources", "config_map", "expected"),
    [
        ("", {}, {}),
        ("off", {}, {}),
        ("annotations", {}, {PREFIX + "vault-role": "n"}),
        ("configmap:vault", {"vault-role": "c"}, {PREFIX + "vault-role": "c"}),
        ("configmap:vault", {"provider": "bao"}, {NEW_PREFIX + "provider": "bao"}),
        ("configmap:vault", {"bao-role": "b"}, {NEW_PREFIX + "bao-role": "b"}),
        ("configmap:absent", {"vault-role": "c"}, {}),
        ("annotations,configmap:vault", {"vault-role": "c"}, {PREFIX + "vault-role": "n"}),
        ("configmap:vault, annotations", {"vault-role": "c"}, {PREFIX + "vault-role": "c"}),
        (
            "annotations,configmap:vault",
            {"bao-role": "c", "vault-path": "k"},
            {PREFIX + "vault-role": "n", PREFIX + "vault-path": "k"},
        ),
        ("configmap:vault, annotations", {"bao-role": "c"}, {NEW_PREFIX + "bao-role": "c"}),
    ],
)
def test_sources(sources: str, config_map: dict[str, str], expected: dict[str, str]) -> None:
    defaults = make_defaults(sources, Client(Answer(200, "application/json", BODY, None)), {"vault": config_map})
    assert read(defaults) == expected


def test_nothing_is_asked_for_objects_without_namespace() -> None:
    client = Client(Answer(200, "application/json", BODY, None))
    defaults = make_defaults("annotations", client)
    assert (read(defaults, ""), read(defaults, "../../x")) == ({}, {})
    assert client.calls == []


def test_a_namespace_is_asked_for_once_in_a_while() -> None:
    client = Client(Answer(200, "application/json", BODY, None))
    defaults = make_defaults("annotations", client)

    async def ask() -> None:
        await asyncio.gather(*(defaults.of("shop") for _ in range(5)))
        await defaults.of("shop")
        await defaults.of("other")

    asyncio.run(ask())
    assert [call.path for call in client.calls] == ["/api/v1/namespaces/shop", "/api/v1/namespaces/other"]


def test_a_namespace_that_is_not_there_has_none() -> None:
    assert read(make_defaults("annotations", Client(KubernetesError("no", status=404)))) == {}


def test_what_cannot_be_read_is_not_taken_for_nothing() -> None:
    with pytest.raises(KubernetesError, match="403"):
        read(make_defaults("annotations", Client(KubernetesError("RBAC (403)", status=403))))


def test_an_answer_of_somebody_else() -> None:
    with pytest.raises(KubernetesError, match="namespace shop"):
        read(make_defaults("annotations", Client(Answer(200, "text/html", b"<html>", None))))


@pytest.mark.parametrize("text", ["yes", "configmap:", "configmap:A_b", "annotations,secret:x"])
def test_wrong_sources(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^NAMESPACE_DEFAULTS: .* is no place of defaults: write annotations"):
        Settings.from_environment({"NAMESPACE_DEFAULTS": text})


def test_without_a_cluster() -> None:
    with pytest.raises(ConfigurationError, match=r"^NAMESPACE_DEFAULTS needs a cluster"):
        make_defaults("annotations", None)
