"""What the webhook would make in a cluster for the pods of `mutate`: collected, and never made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vault_secrets_webhook.manifest.yamltext import JSON
    from vault_secrets_webhook.webhook.lookup import PodCluster
    from vault_secrets_webhook.webhook.mutate.agent_config import GeneratedConfigMap


class MadeObjects:
    """Implements `webhook.lookup.PodCluster`: objects that are to be made are only noted, each once.

    `cluster` tells the server's version; None where there is none to ask.
    """

    def __init__(self, cluster: PodCluster | None) -> None:
        self.cluster = cluster
        self.objects: list[JSON] = []

    async def server_version(self) -> tuple[int, int] | None:
        """Give the API server's version of Kubernetes, None where it is not known."""
        return None if self.cluster is None else await self.cluster.server_version()

    async def ensure_config_map(self, namespace: str, config_map: GeneratedConfigMap) -> None:
        """Note the ConfigMap. Its owner is left out: that is in a cluster."""
        metadata: JSON = {"name": config_map.name, "namespace": namespace}
        made: JSON = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "immutable": True,
            "data": dict(config_map.data),
        }
        if made not in self.objects:
            self.objects.append(made)
