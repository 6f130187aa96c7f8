"""The cluster as far as a mutation asks it: objects in memory, and a record of what was asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.webhook.mutate.pod import mutate_pod
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vault_secrets_webhook.webhook.lookup import ImageLookup
    from vault_secrets_webhook.webhook.mutate.agent_config import GeneratedConfigMap
    from vault_secrets_webhook.webhook.mutation import Mutation

NAMESPACE = "shop"


class FakeCluster:
    """`failures` maps names of objects to what reading them raises; `asked` records each read in order.

    `pull_secrets` are those of ServiceAccounts, by their names. `version` is what the API server says of itself, and
    `written` are the ConfigMaps that were made, with their namespaces.
    """

    def __init__(
        self,
        secrets: Mapping[str, Mapping[str, bytes]] | None = None,
        config_maps: Mapping[str, Mapping[str, str]] | None = None,
        failures: Mapping[str, BaseException] | None = None,
        pull_secrets: Mapping[str, Sequence[str]] | None = None,
        version: tuple[int, int] | None = None,
    ) -> None:
        self.secrets = secrets or {}
        self.config_maps = config_maps or {}
        self.failures = failures or {}
        self.service_accounts = pull_secrets or {}
        self.version = version
        self.written: list[tuple[str, GeneratedConfigMap]] = []
        self.asked: list[tuple[str, str, str]] = []

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        self.note("Secret", namespace, name)
        return self.secrets.get(name)

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        self.note("ConfigMap", namespace, name)
        return self.config_maps.get(name)

    async def pull_secrets(self, namespace: str, service_account: str) -> Sequence[str] | None:
        self.note("ServiceAccount", namespace, service_account)
        return self.service_accounts.get(service_account)

    async def server_version(self) -> tuple[int, int] | None:
        self.note("version", "", "")
        return self.version

    async def ensure_config_map(self, namespace: str, config_map: GeneratedConfigMap) -> None:
        self.written.append((namespace, config_map))

    def note(self, kind: str, namespace: str, name: str) -> None:
        self.asked.append((kind, namespace, name))
        if name in self.failures:
            raise self.failures[name]


def mutate(
    pod: Any,
    cluster: FakeCluster | None = None,
    environ: Mapping[str, str] | None = None,
    images: ImageLookup | None = None,
    *,
    dry_run: bool = False,
) -> Mutation:
    """Mutate a pod (its JSON as Python values) with the settings of an environment."""
    settings = Settings.from_environment(environ or {})
    cluster = cluster or FakeCluster()
    text = msgspec.json.encode(pod)
    return asyncio.run(mutate_pod(text, NAMESPACE, settings, cluster, images, dry_run=dry_run, cluster=cluster))


def apply(pod: Any, mutation: Mutation) -> Any:
    """Apply a mutation's patch as the API server does, from what goes over the wire."""
    import jsonpatch

    operations = msgspec.json.decode(msgspec.json.encode(mutation.patch))
    # A copy without shared parts, as JSON has none.
    return jsonpatch.JsonPatch(operations).apply(msgspec.json.decode(msgspec.json.encode(pod)), in_place=True)
