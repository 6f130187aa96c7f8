"""Secrets, ConfigMaps and ServiceAccounts of the cluster, as mutations ask for them: implements `webhook.lookup`."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple, Never, TypeVar

import msgspec

from vault_secrets_webhook.webhook.values import is_label, is_object_name

from .client import NO_API_SERVER, Client, Target, open_client
from .discovery import find_cluster
from .errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from vault_secrets_webhook.textlog import Log
    from vault_secrets_webhook.webhook.lookup import PullSecretLookup
    from vault_secrets_webhook.webhook.settings import Settings

SECRETS, CONFIG_MAPS, SERVICE_ACCOUNTS = "secrets", "configmaps", "serviceaccounts"


class Secret(msgspec.Struct, frozen=True):
    """What is used of a Secret. The data come as base64."""

    kind: str
    data: dict[str, bytes] | None = None


class ConfigMap(msgspec.Struct, frozen=True):
    """What is used of a ConfigMap; `binaryData` is never seen by an environment variable."""

    kind: str
    data: dict[str, str] | None = None


class LocalReference(msgspec.Struct, frozen=True):
    """The name of an object in the same namespace."""

    name: str = ""


class ServiceAccount(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of a ServiceAccount."""

    kind: str
    image_pull_secrets: list[LocalReference] | None = None


Object = TypeVar("Object", Secret, ConfigMap, ServiceAccount)

SECRET_DECODER = msgspec.json.Decoder(Secret)
CONFIG_MAP_DECODER = msgspec.json.Decoder(ConfigMap)
SERVICE_ACCOUNT_DECODER = msgspec.json.Decoder(ServiceAccount)


class ClusterLookup:
    """Reads from the API server. A `PullSecretLookup`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Give the data of a Secret, None when there is none. Raises KubernetesError."""
        found = await self.find(Target(SECRETS, namespace, name), SECRET_DECODER)
        return None if found is None else found.data or {}

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Give the data of a ConfigMap, None when there is none. Raises KubernetesError."""
        found = await self.find(Target(CONFIG_MAPS, namespace, name), CONFIG_MAP_DECODER)
        return None if found is None else found.data or {}

    async def pull_secrets(self, namespace: str, service_account: str) -> Sequence[str] | None:
        """Give the pull secrets of a ServiceAccount, None when there is none. Raises KubernetesError."""
        found = await self.find(Target(SERVICE_ACCOUNTS, namespace, service_account), SERVICE_ACCOUNT_DECODER)
        return None if found is None else [one.name for one in found.image_pull_secrets or ()]

    async def find(self, target: Target, decoder: msgspec.json.Decoder[Object]) -> Object | None:
        """Read and decode an object.

        A pod is not validated yet when it is mutated, so its names may be anything, `../../nodes` too. Under a name
        that no object can have there is none; the API server will tell the pod's author.
        """
        if not is_object_name(target.name) or not is_label(target.namespace):
            return None
        body = await self.client.read(target)
        if body is None:
            return None
        try:
            found = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None
        if found is None or found.kind != decoder.type.__name__:
            raise KubernetesError(f"cannot read {target}: {NO_API_SERVER}")
        return found


class NoCluster:
    """Stands in for a cluster: pods without Secrets and ConfigMaps can be reviewed. A `PullSecretLookup`."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Raise KubernetesError."""
        refuse(Target(SECRETS, namespace, name))

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Raise KubernetesError."""
        refuse(Target(CONFIG_MAPS, namespace, name))

    async def pull_secrets(self, namespace: str, service_account: str) -> Sequence[str] | None:
        """Raise KubernetesError."""
        refuse(Target(SERVICE_ACCOUNTS, namespace, service_account))


def refuse(target: Target) -> Never:
    """Raise the KubernetesError that says what is missing."""
    raise KubernetesError(f"cannot read {target}: there is no cluster; set KUBECONFIG or run the webhook in a pod")


class KubernetesCluster(NamedTuple):
    """The cluster as the webhook uses it: `lookup` for mutations, `client` for all else, None without a cluster."""

    lookup: PullSecretLookup
    client: Client | None


@contextlib.asynccontextmanager
async def open_cluster(
    settings: Settings, log: Log, environ: Mapping[str, str] = os.environ
) -> AsyncIterator[KubernetesCluster]:
    """Open the cluster that the settings and the environment describe. Raises ConfigurationError."""
    cluster = find_cluster(settings.kubeconfig, environ)
    if cluster is None:
        log.warning("there is no cluster: pods that name Secrets or ConfigMaps cannot be reviewed")
        yield KubernetesCluster(NoCluster(), None)
        return
    log.info("cluster", url=cluster.url, credentials=cluster.source)
    async with open_client(cluster) as client:
        yield KubernetesCluster(ClusterLookup(client), client)
