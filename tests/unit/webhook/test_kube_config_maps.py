"""Making a ConfigMap that may be there already."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import pytest

from tests.fakes.apiserver import HTML, Asked, Given, fake_api_server
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.deadline import set_deadline
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.config_maps import ensure_config_map
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials
from vault_secrets_webhook.webhook.kube.errors import KubernetesError

DATA = {"config.hcl": 'a = "b"\n'}
OWNERS = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-7d", "uid": "u"}]
PATH = "/api/v1/namespaces/shop/configmaps"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


def ensure(*answers: Given) -> list[Asked]:
    """Make the ConfigMap at a server that gives these answers; what it was asked."""

    async def run() -> list[Asked]:
        set_deadline("timeout=10s")
        async with fake_api_server(*answers) as server:
            cluster = Cluster(server.url, ssl.create_default_context(), FixedCredentials(Access({})), "the test")
            async with open_client(cluster) as client:
                await ensure_config_map(client, "shop", "app-config", DATA, OWNERS)
            return server.asked

    return asyncio.run(run())


def stored(**fields: Any) -> Given:
    return Given(200, json.dumps({"kind": "ConfigMap", "metadata": {"name": "app-config"}, **fields}).encode())


def test_it_is_made_with_our_label_and_the_owners_of_the_pod() -> None:
    (asked,) = ensure(Given(201, b"{}"))
    assert (asked.method, asked.path) == ("POST", PATH)
    assert json.loads(asked.body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "app-config",
            "labels": {"app.kubernetes.io/managed-by": "vault-secrets-webhook"},
            "ownerReferences": OWNERS,
        },
        "immutable": True,
        "data": DATA,
    }


@pytest.mark.parametrize("first", [Given(409), Given(cuts=True)], ids=["conflict", "no answer"])
def test_one_that_is_there_with_the_same_content_is_right(first: Given) -> None:
    asked = ensure(first, stored(data=DATA))
    assert [(one.method, one.path) for one in asked] == [("POST", PATH), ("GET", f"{PATH}/app-config")]


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("other", {"data": {"config.hcl": "canary"}}),
    ("more", {"data": {**DATA, "other": "canary"}}),
    ("none", {}),
    ("binary", {"data": DATA, "binaryData": {"canary": ""}}),
]


@pytest.mark.parametrize("fields", [row[1] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_one_with_another_content_is_never_written_over(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"ConfigMap app-config, .* another content") as error:
        ensure(Given(409), stored(**fields))
    assert "canary" not in str(error.value)


FAILURES: list[tuple[str, tuple[Given, ...], str]] = [
    ("forbidden", (Given(403),), "cannot create configmaps shop/app-config: .*verb create for configmaps in namespace"),
    ("broken", (Given(500),), "cannot create configmaps shop/app-config"),
    ("may not read", (Given(409), Given(403)), "cannot read configmaps shop/app-config: .*the verb get"),
    ("gone again", (Given(409), Given(404)), "cannot create configmaps shop/app-config"),
    ("cut, and not made", (Given(cuts=True), Given(404)), "cannot create configmaps shop/app-config"),
    ("a proxy", (Given(409), Given(200, HTML)), "configmaps shop/app-config: what answered is no API server"),
]


@pytest.mark.parametrize(("answers", "message"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_failures(answers: tuple[Given, ...], message: str) -> None:
    with pytest.raises(KubernetesError, match=message):
        ensure(*answers)
