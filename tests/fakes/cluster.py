"""The cluster as far as a mutation asks it: objects in memory, and a record of what was asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.webhook.mutate.pod import PodMutation, mutate_pod
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vault_secrets_webhook.webhook.lookup import ImageLookup

NAMESPACE = "shop"


class FakeCluster:
    """`failures` maps names of objects to what reading them raises; `asked` records each read in order.

    `pull_secrets` are those of ServiceAccounts, by their names.
    """

    def __init__(
        self,
        secrets: Mapping[str, Mapping[str, bytes]] | None = None,
        config_maps: Mapping[str, Mapping[str, str]] | None = None,
        failures: Mapping[str, BaseException] | None = None,
        pull_secrets: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.secrets = secrets or {}
        self.config_maps = config_maps or {}
        self.failures = failures or {}
        self.service_accounts = pull_secrets or {}
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

    def note(self, kind: str, namespace: str, name: str) -> None:
        self.asked.append((kind, namespace, name))
        if name in self.failures:
            raise self.failures[name]


def mutate(
    pod: Any,
    cluster: FakeCluster | None = None,
    environ: Mapping[str, str] | None = None,
    images: ImageLookup | None = None,
) -> PodMutation:
    """Mutate a pod (its JSON as Python values) with the settings of an environment."""
    settings = Settings.from_environment(environ or {})
    return asyncio.run(mutate_pod(msgspec.json.encode(pod), NAMESPACE, settings, cluster or FakeCluster(), images))


def apply(pod: Any, mutation: PodMutation) -> Any:
    """Apply a mutation's patch as the API server does, from what goes over the wire."""
    import jsonpatch

    operations = msgspec.json.decode(msgspec.json.encode(mutation.patch))
    # A copy without shared parts, as JSON has none.
    return jsonpatch.JsonPatch(operations).apply(msgspec.json.decode(msgspec.json.encode(pod)), in_place=True)
