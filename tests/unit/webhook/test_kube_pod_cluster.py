"""What a pod's mutation asks of the API server, and what it leaves there."""

from __future__ import annotations

import contextlib
import json
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.fakes.apiserver import Given, fake_api_server
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials
from vault_secrets_webhook.webhook.kube.pod_cluster import KubernetesPodCluster
from vault_secrets_webhook.webhook.mutate.agent_config import GeneratedConfigMap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.apiserver import FakeApiServer

OURS = GeneratedConfigMap("app-vault-agent-config", {"config.hcl": "x"}, [{"name": "app", "uid": "1"}])


@contextlib.asynccontextmanager
async def asking(*answers: Given) -> AsyncIterator[tuple[KubernetesPodCluster, FakeApiServer]]:
    async with fake_api_server(*answers) as server:
        cluster = Cluster(server.url, ssl.create_default_context(), FixedCredentials(Access({})), "the test")
        async with open_client(cluster) as client:
            yield KubernetesPodCluster(client, Log("error")), server


@in_loop
async def test_version() -> None:
    async with asking(Given(body=b'{"major":"1","minor":"37"}')) as (cluster, server):
        assert await cluster.server_version() == (1, 37)
        assert await cluster.server_version() == (1, 37)
    assert [(one.method, one.path) for one in server.asked] == [("GET", "/version")]


@in_loop
async def test_a_config_map_is_made() -> None:
    async with asking(Given(201, b"{}")) as (cluster, server):
        await cluster.ensure_config_map("shop", OURS)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/namespaces/shop/configmaps")
    body = json.loads(asked.body)
    assert (body["metadata"]["name"], body["data"]) == (OURS.name, OURS.data)
    assert body["metadata"]["ownerReferences"] == OURS.owner_references


@pytest.mark.parametrize("namespace", ["", "a/../kube-system", "a?b", "A", "a" * 64])
def test_what_is_no_namespace_never_becomes_part_of_a_path(namespace: str) -> None:
    async def check() -> None:
        async with asking(Given(201, b"{}")) as (cluster, server):
            with pytest.raises(Refused, match=r"is not the name of a namespace$"):
                await cluster.ensure_config_map(namespace, OURS)
            assert server.asked == []

    in_loop(check)()
