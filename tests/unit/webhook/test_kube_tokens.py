"""TokenRequest: what is asked, what is understood, and what is said."""

from __future__ import annotations

import json

import pytest

from tests.fakes.apiserver import HTML, Given
from tests.unit.webhook.serving import in_loop
from tests.unit.webhook.test_kube_client import talking
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.tokens import ServiceAccountToken, request_token

GOOD = Given(201, b'{"status":{"token":"eyJ","expirationTimestamp":"2026-08-01T12:10:00Z"},"spec":{}}')


@in_loop
async def test_what_is_asked_and_given() -> None:
    async with talking(GOOD) as (client, server):
        token = await request_token(client, "shop", "app", ("a", "b"), 600)
    assert token == ServiceAccountToken("eyJ", "2026-08-01T12:10:00Z")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/namespaces/shop/serviceaccounts/app/token")
    assert json.loads(asked.body)["spec"] == {"audiences": ["a", "b"], "expirationSeconds": 600}
    assert "eyJ" not in repr(token)


WRONG = [
    pytest.param(Given(403, b"{}"), "the verb create for serviceaccounts/token in namespace shop", id="RBAC"),
    pytest.param(Given(404, b"{}"), "create a token of serviceaccounts shop/app", id="no such account"),
    pytest.param(Given(201, HTML), "no API server", id="HTML"),
    pytest.param(Given(201, b'{"status":{"token":7}}'), "no API server", id="wrong type"),
]


@pytest.mark.parametrize(("given", "words"), WRONG)
@in_loop
async def test_failures(given: Given, words: str) -> None:
    async with talking(given) as (client, _):
        with pytest.raises(KubernetesError, match=words) as caught:
            await request_token(client, "shop", "app", (), 600)
    assert caught.value.status == (given.status if given.status >= 400 else None)
