"""The table of who reviews what, by the path that the webhook configuration sends it to.

Paths and ids are those of Bank-Vaults' webhook, so that its configurations and dashboards go on working.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .mutate.objects import Objects
from .mutate.pod import mutate_pod
from .mutation import Reviewer

if TYPE_CHECKING:
    from .admission import AdmissionRequest
    from .lookup import ImageLookup, ObjectLookup, PodCluster
    from .mutate.objects import FindDefaults, Reader
    from .mutate.paths import PathChecker
    from .mutation import Mutate, Mutation
    from .settings import Settings

CREATION = frozenset(("CREATE",))
# A Secret that is applied again comes as an update, and holds references again.
CREATION_AND_UPDATE = frozenset(("CREATE", "UPDATE"))
SECRET, CONFIG_MAP = frozenset((("", "Secret"),)), frozenset((("", "ConfigMap"),))


def build_reviewers(
    settings: Settings,
    lookup: ObjectLookup,
    images: ImageLookup | None = None,
    reader: Reader | None = None,
    pod_cluster: PodCluster | None = None,
    find_defaults: FindDefaults | None = None,
    checker: PathChecker | None = None,
) -> list[Reviewer]:
    """List who reviews what. `lookup` answers what mutations ask of the cluster, `images` of registries.

    `reader` reads from Vault; without it only pods are reviewed. `pod_cluster` is for what a pod needs of the cluster
    as a whole, `find_defaults` gives the annotations that hold for a namespace, `checker` asks Vault about what pods
    name.
    """

    async def mutate(pod: bytes, request: AdmissionRequest) -> Mutation:
        return await mutate_pod(
            pod,
            request.namespace,
            settings,
            lookup,
            images,
            namespace_defaults=await find_defaults(request.namespace) if find_defaults else None,
            dry_run=bool(request.dry_run),
            cluster=pod_cluster,
            checker=checker,
        )

    others = [] if reader is None else review_objects(Objects(settings, reader, find_defaults))
    return [review_pods(mutate), *others]


def review_pods(mutate: Mutate) -> Reviewer:
    """Say what comes to `/pods`. A pod's containers cannot be changed after its creation."""
    return Reviewer("/pods", "pod", "vault-secrets-pods", frozenset((("", "Pod"),)), CREATION, mutate)


def review_objects(objects: Objects) -> list[Reviewer]:
    """Say what comes to the other paths."""
    return [
        Reviewer("/secrets", "Secret", "vault-secrets-secret", SECRET, CREATION_AND_UPDATE, objects.mutate_secret),
        Reviewer(
            "/configmaps",
            "ConfigMap",
            "vault-secrets-configmap",
            CONFIG_MAP,
            CREATION_AND_UPDATE,
            objects.mutate_config_map,
        ),
        Reviewer("/objects", "object", "vault-secrets-object", None, CREATION_AND_UPDATE, objects.mutate_custom),
    ]
