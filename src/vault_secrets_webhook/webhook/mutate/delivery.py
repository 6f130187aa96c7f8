"""How vault-env gets into the containers of a pod: copied by an init container, or as a volume of its image.

An image volume (KEP-4639, https://kep.k8s.io/4639) needs no init container and none of the pod's memory. But nothing
can be added to it: a mount below `/vault/` needs its mount point in the image. Ours carries `IMAGE_POINTS`, empty
folders beside the executable. A pod that needs more has vault-env copied: one with a token to be copied, with other
mount points, with a mount of a sub path (a file or a folder, nobody knows), or with an image of its author's choice,
which may lack the folders. So has a pod into which vault-env is copied already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vault_secrets_webhook.webhook.values import IMAGE, MEMORY

from .copying import IMAGE_FOLDER, find_copier, is_image_of_operator
from .volume import CERTIFICATE_FOLDER, FOLDER, Supply, Volumes, list_mount_points, plan_volumes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.webhook.annotations import Options
    from vault_secrets_webhook.webhook.settings import Settings

    from .spec import Container, PodSpec

# As the image has them below `IMAGE_FOLDER`: for the certificate, and where agents of all kinds write.
IMAGE_POINTS = frozenset((CERTIFICATE_FOLDER, FOLDER + "/secrets"))


class Delivery(NamedTuple):
    """The volumes, the mount points that will be below `/vault/`, and whether an init container must copy vault-env."""

    volumes: Volumes
    points: frozenset[str]
    needs_copier: bool


def plan_delivery(
    spec: PodSpec, chosen: Sequence[Container], before: int, options: Options, settings: Settings
) -> Delivery:
    """Decide how vault-env gets into the chosen containers; `before` is the first init container that needs it."""
    copier = find_copier(spec, before)
    shared = copier or find_copier(spec, len(spec.init_containers or ()))
    is_mounted = shared is None and is_image_enough(chosen, options, settings)
    if is_mounted:
        supply = supply_image(spec, options)
    else:
        supply = Supply(shared.volume if shared else "", {"emptyDir": build_empty_dir(settings)})
    volumes = plan_volumes(spec, supply, options.vault_tls_secret, has_token=options.token_auth_mount is not None)
    if is_mounted:
        return Delivery(volumes, IMAGE_POINTS, needs_copier=False)
    if copier:
        return Delivery(volumes, copier.made, needs_copier=False)
    return Delivery(volumes, find_points(chosen, volumes), needs_copier=True)


def is_image_enough(chosen: Sequence[Container], options: Options, settings: Settings) -> bool:
    """Tell whether the pod gets vault-env as a volume of its image, and all that it needs below `/vault/`."""
    if settings.vault_env_volume_medium != IMAGE or options.token_auth_mount:
        return False
    return is_image_of_operator(options, settings) and all(
        can_be_made and point in IMAGE_POINTS
        for container in chosen
        for point, can_be_made in list_mount_points(container, None).items()
    )


def supply_image(spec: PodSpec, options: Options) -> Supply:
    """Give the image volume, which is known by its image: its name may be another one."""
    reference = options.vault_env_image
    existing = (volume.name for volume in spec.volumes or () if volume.image and volume.image.reference == reference)
    source = {"image": {"reference": reference, "pullPolicy": options.vault_env_pull_policy}}
    return Supply(next(existing, None) or "", source, IMAGE_FOLDER.removeprefix("/"))


def build_empty_dir(settings: Settings) -> dict[str, Any]:
    """Make the volume that vault-env is copied into; of a pod that cannot have the image, it is in memory."""
    kept = settings.vault_env_volume_medium
    medium = MEMORY if kept == IMAGE else kept
    return {**({"medium": medium} if medium else {}), "sizeLimit": settings.vault_env_volume_size_limit}


def find_points(chosen: Sequence[Container], volumes: Volumes) -> frozenset[str]:
    """Give the mount points that the copying container is to make for the chosen containers."""
    return frozenset(
        point
        for container in chosen
        for point, can_be_made in list_mount_points(container, volumes.certificate).items()
        if can_be_made
    )
