"""The annotations that hold for all objects of a namespace: charts of others need none of their own then.

They stand on the Namespace object, or in a ConfigMap of the namespace whose keys are the names of annotations without
what is before the slash. Whoever may write these decides for the whole namespace; the operator's policy holds for them
as for annotations of objects. Each is asked for at most once in `KEPT` seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import ConfigurationError

from .annotation_table import NEW_PREFIX, PREFIX
from .annotations import QUESTIONS, merge_defaults
from .cache import Cache, Fresh
from .kube.namespaces import read_namespace_annotations
from .values import ANNOTATIONS_SOURCE, CONFIG_MAP_SOURCE, is_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .kube.objects import KubernetesCluster

KEPT = 10.0
MOST_NAMESPACES = 10_000
NOTHING: Mapping[str, str] = {}


class NamespaceDefaults:
    """Finds the annotations that hold for a namespace. Without sources there are none."""

    def __init__(self, sources: tuple[str, ...], cluster: KubernetesCluster, *, kept: float = KEPT) -> None:
        """Take what `NAMESPACE_DEFAULTS` says. Raises ConfigurationError when it needs a cluster and there is none."""
        if sources and cluster.client is None:
            raise ConfigurationError("NAMESPACE_DEFAULTS needs a cluster: set KUBECONFIG or run the webhook in a pod")
        self.sources = sources
        self.cluster = cluster
        self.kept = kept
        self.cache: Cache[Mapping[str, str]] = Cache(MOST_NAMESPACES)

    async def of(self, namespace: str) -> Mapping[str, str]:
        """Give the annotations of a namespace's objects that have none of their own. Raises KubernetesError."""
        if not self.sources or not is_label(namespace):  # objects without namespace, and what is not validated yet
            return NOTHING
        return await self.cache.get(namespace, lambda: self.find(namespace))

    async def find(self, namespace: str) -> Fresh[Mapping[str, str]]:
        """Ask all sources; the first one that answers a question wins, by whichever of its names."""
        found = NOTHING
        for source in self.sources:
            found = merge_defaults(await self.read(source, namespace), found)
        return Fresh(found, self.kept)

    async def read(self, source: str, namespace: str) -> Mapping[str, str]:
        """Ask one source."""
        if source == ANNOTATIONS_SOURCE and self.cluster.client is not None:
            annotations = await read_namespace_annotations(self.cluster.client, namespace)
            return {key: text for key, text in annotations.items() if key.startswith((PREFIX, NEW_PREFIX))}
        data = await self.cluster.lookup.config_map(namespace, source.removeprefix(CONFIG_MAP_SOURCE)) or {}
        return {complete_key(suffix): text for suffix, text in data.items()}


def complete_key(suffix: str) -> str:
    """Give the annotation that a key of a ConfigMap stands for: of the first family where it has that one."""
    return PREFIX + suffix if PREFIX + suffix in QUESTIONS else NEW_PREFIX + suffix
