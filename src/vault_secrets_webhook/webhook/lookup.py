"""What a mutation may ask of the cluster and of image registries, as protocols.

How they are asked is the business of `kube` and `registry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .mutate.agent_config import GeneratedConfigMap

# The kinds of object that variables of a container can be taken from.
SECRET = "Secret"  # noqa: S105 - a kind of object
CONFIG_MAP = "ConfigMap"


class ObjectLookup(Protocol):
    """Reads objects of the cluster. Anything but an answer or a 404 raises `kube.errors.KubernetesError`."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Give the data of a Secret, decoded from base64; None when there is no such Secret."""

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Give the data of a ConfigMap, without its `binaryData`; None when there is no such ConfigMap."""


class PullSecretLookup(ObjectLookup, Protocol):
    """Reads what credentials for registries are found by, too."""

    async def pull_secrets(self, namespace: str, service_account: str) -> Sequence[str] | None:
        """Give the names of a ServiceAccount's `imagePullSecrets`; None when there is no such ServiceAccount."""


class PodCluster(Protocol):
    """What a pod's mutation asks of the cluster as a whole, and leaves in it."""

    async def server_version(self) -> tuple[int, int] | None:
        """Give the API server's version of Kubernetes, `(1, 35)`; None when it is not known."""

    async def ensure_config_map(self, namespace: str, config_map: GeneratedConfigMap) -> None:
        """Have the ConfigMap that an agent is started with in the namespace. Raises Refused and KubernetesError."""


class ImageQuestion(NamedTuple):
    """An image as a container names it, and what its pod says that matters for finding it.

    `architectures` are those that the pod is for, the dearest first; empty when it does not say.
    `unwanted_architectures` are those that it is not for.
    """

    image: str
    namespace: str
    pull_secrets: tuple[str, ...]
    service_account: str
    architectures: tuple[str, ...]
    skips_verification: bool
    unwanted_architectures: tuple[str, ...] = ()


class ImageStart(NamedTuple):
    """What an image starts: its ENTRYPOINT and CMD, each may be empty."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]


class ImageReview(Protocol):
    """Looks into the images of one object. What does not lead to an answer raises `registry.errors.RegistryError`."""

    async def find_start(self, question: ImageQuestion) -> ImageStart:
        """Give what an image starts."""


class ImageLookup(Protocol):
    """Looks into images."""

    def for_review(self) -> ImageReview:
        """Begin with an object: what its images need in common is read once for all of them."""
