"""What a mutation may ask of the cluster, as a protocol: how it is asked is the business of `kube`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

# The kinds of object that variables of a container can be taken from.
SECRET = "Secret"  # noqa: S105 - a kind of object
CONFIG_MAP = "ConfigMap"


class ObjectLookup(Protocol):
    """Reads objects of the cluster. Anything but an answer or a 404 raises `kube.errors.KubernetesError`."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Give the data of a Secret, decoded from base64; None when there is no such Secret."""

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Give the data of a ConfigMap, without its `binaryData`; None when there is no such ConfigMap."""
