"""How the executable gets into the containers of a pod: copied by an init container, or as a volume of its image.

An image volume (KEP-4639, https://kep.k8s.io/4639) needs no init container and none of the pod's memory. But nothing
can be added to it: a mount below `/vault/` needs its mount point in the image. Ours carries those of the flavours
(`image_points`), empty folders beside the executable. A pod that needs more has it copied: one with a token in the
volume, with other mount points, with a mount of a sub path (a file or a folder, nobody knows), or with an image of its
author's choice, which may lack the folders. So has a pod into which it is copied already.

Whether the cluster has image volumes, which the setting `Auto` asks, is found out before (`mutate.pod`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.webhook.values import AUTO, IMAGE, MEMORY

from .copying import find_copier, has_volume, is_image_of_operator, list_token_volumes
from .flavour import IMAGE_FOLDER, find_flavour
from .volume import Supply, Volumes, list_mount_points, plan_volumes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.settings import Settings

    from .flavour import Flavour
    from .spec import Container, PodSpec

IMAGE_VOLUMES_SINCE = (1, 35)  # the first version of Kubernetes that has them without a feature gate


class Delivery(msgspec.Struct, frozen=True):
    """The volumes, the mount points that will be in the one with the executable, and whether it must be copied."""

    volumes: Volumes
    points: frozenset[str]
    needs_copier: bool


class Demand(msgspec.Struct, frozen=True):
    """What the executable is needed for: the chosen containers, and the first init container among them by its index.

    `points` are folders at which they will have mounts that they do not have yet. `certificate` is the Secret with the
    server's authorities, or empty; `has_token` tells that a token is to be beside the executable. `allows_image` tells
    that the cluster has image volumes, the operator wants them, and nobody has to write to the volume.
    """

    containers: Sequence[Container]
    before: int
    points: frozenset[str]
    certificate: str
    has_token: bool
    allows_image: bool


def plan_delivery(spec: PodSpec, demand: Demand, options: Options, settings: Settings) -> Delivery:
    """Decide how the executable gets into the chosen containers."""
    flavour = find_flavour(options)
    copier = find_copier(spec, demand.before, flavour)
    shared = copier or find_copier(spec, len(spec.init_containers or ()), flavour)
    is_mounted = shared is None and is_image_enough(demand, flavour, options, settings)
    if is_mounted:
        supply = supply_image(spec, options)
    else:
        existing = shared.volume if shared else find_token_volume(spec, flavour) if demand.has_token else ""
        supply = Supply(existing, {"emptyDir": build_empty_dir(settings)})
    volumes = plan_volumes(spec, supply, flavour, demand.certificate, has_token=demand.has_token)
    if is_mounted:
        return Delivery(volumes, flavour.image_points, needs_copier=False)
    if copier:
        return Delivery(volumes, copier.made, needs_copier=False)
    return Delivery(volumes, find_points(demand, volumes), needs_copier=True)


def find_token_volume(spec: PodSpec, flavour: Flavour) -> str:
    """Find the volume that a token is copied into; empty when there is none."""
    of_tokens = list_token_volumes(spec, len(spec.init_containers or ()), flavour)
    return next((volume for volume in of_tokens if has_volume(spec, volume)), "")


def is_image_enough(demand: Demand, flavour: Flavour, options: Options, settings: Settings) -> bool:
    """Tell whether the pod gets a volume of the image, with all that it needs below `/vault/`."""
    if not demand.allows_image or demand.has_token or not is_image_of_operator(options, settings):
        return False
    return all(
        can_be_made and point in flavour.image_points
        for container in demand.containers
        for point, can_be_made in list_mount_points(container, flavour.folder, None).items()
    )


def supply_image(spec: PodSpec, options: Options) -> Supply:
    """Give the image volume, which is known by its image: its name may be another one."""
    reference = options.vault_env_image
    existing = (volume.name for volume in spec.volumes or () if volume.image and volume.image.reference == reference)
    source = {"image": {"reference": reference, "pullPolicy": options.vault_env_pull_policy}}
    return Supply(next(existing, None) or "", source, IMAGE_FOLDER.removeprefix("/"))


def build_empty_dir(settings: Settings) -> dict[str, Any]:
    """Make the volume that the executable is copied into; of a pod that cannot have the image, it is in memory."""
    kept = settings.vault_env_volume_medium
    medium = MEMORY if kept in {IMAGE, AUTO} else kept
    return {**({"medium": medium} if medium else {}), "sizeLimit": settings.vault_env_volume_size_limit}


def find_points(demand: Demand, volumes: Volumes) -> frozenset[str]:
    """Give the mount points that the copying container is to make for the chosen containers."""
    folder = volumes.flavour.folder
    of_containers = frozenset(
        point
        for container in demand.containers
        for point, can_be_made in list_mount_points(container, folder, volumes.certificate).items()
        if can_be_made
    )
    return of_containers.union(point for point in demand.points if point.startswith(folder + "/"))
