"""What pods' mutations ask of the cluster as a whole, and leave in it: implements `webhook.lookup.PodCluster`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.message import show
from vault_secrets_webhook.webhook.values import is_label

from .config_maps import ensure_config_map
from .version import VersionCache

if TYPE_CHECKING:
    from vault_secrets_webhook.textlog import Log
    from vault_secrets_webhook.webhook.mutate.agent_config import GeneratedConfigMap

    from .client import Client
    from .objects import KubernetesCluster


class KubernetesPodCluster:
    """The API server, as pods need it. A `PodCluster`."""

    def __init__(self, client: Client, log: Log) -> None:
        self.client = client
        self.versions = VersionCache(client, log)

    async def server_version(self) -> tuple[int, int] | None:
        """Give the API server's version of Kubernetes, `(1, 35)`; None when it is not known."""
        return await self.versions.server_version()

    async def ensure_config_map(self, namespace: str, config_map: GeneratedConfigMap) -> None:
        """Have the ConfigMap that an agent is started with in the namespace. Raises Refused and KubernetesError."""
        if not is_label(namespace):  # it becomes part of a request's path
            raise Refused(f"{show(namespace)} is not the name of a namespace")
        name, data, owners = config_map
        await ensure_config_map(self.client, namespace, name, data, owners)


def open_pod_cluster(cluster: KubernetesCluster, log: Log) -> KubernetesPodCluster | None:
    """Give what pods need of a cluster; None where there is none."""
    return None if cluster.client is None else KubernetesPodCluster(cluster.client, log)
