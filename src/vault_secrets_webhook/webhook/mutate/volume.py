"""The volumes that bring the executable and a certificate into the containers, and where they are mounted.

Which of them a pod needs, and whether the executable is copied into its volume, is not decided here but in `delivery`.

The volume is mounted at `/vault/`, or where else the flavour has it, and read-only: an application must not change what
another container of the pod runs. A mount below a read-only one needs its mount point to be there already, so the
copying container makes them. For a mount with `subPath` it cannot know whether a file or a folder is wanted; a
container with such a mount below that folder gets the volume writable, with a warning.
"""

from __future__ import annotations

from posixpath import normpath
from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.message import show

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .flavour import Flavour
    from .patch import Patch
    from .spec import Container, PodSpec, Volume, VolumeMount

CERTIFICATE_KEY = "ca.crt"


class Mount(msgspec.Struct, frozen=True):
    """A volume and the folder, without a slash at the end, where containers see it, or `sub_path` of it."""

    volume: str
    folder: str
    sub_path: str = ""


class Supply(msgspec.Struct, frozen=True):
    """A volume with the executable. `existing` is its name when the pod has it from an earlier pass, else empty.

    `source` is what a new one is made of, `sub_path` the folder in it that containers see.
    """

    existing: str
    source: dict[str, Any]
    sub_path: str = ""


class Volumes(msgspec.Struct, frozen=True):
    """The mounts that a wrapped container gets, and the volumes that the pod must get for them.

    `files` are the paths of what will be in the volume with the executable.
    """

    flavour: Flavour
    executable: Mount
    certificate: Mount | None
    added: list[dict[str, Any]]
    files: tuple[str, ...]

    def certificate_file(self) -> str:
        """Give the path of the certificate in containers, empty when there is none."""
        return f"{self.certificate.folder}/{CERTIFICATE_KEY}" if self.certificate else ""


def plan_volumes(
    spec: PodSpec, supply: Supply, flavour: Flavour, certificate_secret: str, *, has_token: bool
) -> Volumes:
    """Decide on the volumes of a pod. A volume that only has the name of ours is its author's: ours gets another one.

    `certificate_secret` is the Secret with Vault's certificate authority, or empty; `has_token` tells that a token is
    beside the executable.
    """
    names = {volume.name or "" for volume in spec.volumes or ()}
    added = []
    name = supply.existing or find_free_name(flavour.volume, names)
    if not supply.existing:
        added.append({"name": name, **supply.source})
    certificate = None
    if certificate_secret:
        certificate, is_there = plan_certificate(spec, names, flavour, certificate_secret)
        if not is_there:
            added.append(build_certificate_volume(certificate.volume, certificate_secret))
    files = (flavour.executable, flavour.token_file) if has_token else (flavour.executable,)
    return Volumes(flavour, Mount(name, flavour.folder, supply.sub_path), certificate, added, files)


def plan_certificate(spec: PodSpec, names: Collection[str], flavour: Flavour, secret: str) -> tuple[Mount, bool]:
    """Decide on the mount of the certificate; True when the pod has the volume already."""
    for volume in spec.volumes or ():
        if holds_certificate(volume, secret):
            return mount_certificate(volume.name or "", flavour), True
    if flavour.certificate_volume not in names:
        return mount_certificate(flavour.certificate_volume, flavour), False
    return mount_certificate(find_free_name(flavour.other_certificate_volume, names), flavour), False


def mount_certificate(volume: str, flavour: Flavour) -> Mount:
    is_usual = volume == flavour.certificate_volume
    return Mount(volume, flavour.certificate_folder if is_usual else flavour.other_certificate_folder)


def holds_certificate(volume: Volume, secret: str) -> bool:
    """Tell whether a volume is what `build_certificate_volume` makes of a Secret."""
    sources = (volume.projected.sources if volume.projected else None) or ()
    if len(sources) != 1 or sources[0].secret is None or sources[0].secret.name != secret:
        return False
    items = sources[0].secret.items or ()
    return [(item.key, item.path) for item in items] == [(CERTIFICATE_KEY, CERTIFICATE_KEY)]


def build_certificate_volume(name: str, secret: str) -> dict[str, Any]:
    items = [{"key": CERTIFICATE_KEY, "path": CERTIFICATE_KEY}]
    return {"name": name, "projected": {"sources": [{"secret": {"name": secret, "items": items}}]}}


def list_mount_points(container: Container, folder: str, certificate: Mount | None) -> dict[str, bool]:
    """Give the folders below `folder` that the container needs as mount points, `certificate` among them.

    True stands for those that can be made beforehand.
    """
    below = folder + "/"
    points: dict[str, bool] = {}
    for mount in container.volume_mounts or ():
        point = normalize_path(mount.mount_path or "")
        if point.startswith(below):
            points[point] = not (mount.sub_path or mount.sub_path_expr)
    if certificate and certificate.folder.startswith(below):
        points.setdefault(certificate.folder, True)
    return points


def add_mounts(
    patch: Patch,
    path: str,
    container: Container,
    volumes: Volumes,
    made: Collection[str],
    more: Sequence[dict[str, Any]] = (),
) -> str | None:
    """Mount the volumes in the container at `path`; `made` are the mount points in the one with the executable.

    `more` are mounts to be added that others have checked. Returns a warning when that one had to be writable. Raises
    Refused when another volume is where ours, or a file in it, must be.
    """
    points = list_mount_points(container, volumes.flavour.folder, volumes.certificate)
    if more:
        folders = (normalize_path(mount["mountPath"]) for mount in more)
        points.update((folder, True) for folder in folders if folder.startswith(volumes.flavour.folder + "/"))
    for point in points:
        check_mount_point(point, container, volumes)
    missing = sorted(point for point, can_be_made in points.items() if not (can_be_made and point in made))
    mounts = [(volumes.executable, not missing)]
    if volumes.certificate:
        mounts.append((volumes.certificate, True))
    present = [(normalize_path(one.mount_path or ""), one) for one in container.volume_mounts or ()]
    added = []
    for mount, read_only in mounts:
        there = [one for folder, one in present if folder == mount.folder]
        if there:
            check_mounts(there, mount, container, volumes)
        else:
            added.append(build_mount(mount, read_only=read_only))
    added += more
    patch.append(f"{path}/volumeMounts", container.volume_mounts, added)
    if not missing:
        return None
    return (
        f"container {show(container.name or '')} mounts {show(missing[0])} inside of the volume with"
        f" {volumes.flavour.name}, which is therefore writable: mount it somewhere else"
    )


def check_mounts(there: Iterable[VolumeMount], mount: Mount, container: Container, volumes: Volumes) -> None:
    """Raise Refused when one of the mounts that a container has in the place of ours is another one.

    The API takes two mounts at one place if they are written differently, with a slash at the end and without.
    """
    for one in there:
        if (one.name, one.sub_path or one.sub_path_expr or "") != (mount.volume, mount.sub_path):
            raise Refused(
                f"container {show(container.name or '')} mounts the volume {show(one.name or '')} at {mount.folder}/, which"
                f" is needed for {volumes.flavour.name}: mount it somewhere else"
            )


def build_mount(mount: Mount, *, read_only: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": mount.volume, "mountPath": mount.folder + "/"}
    if mount.sub_path:
        entry["subPath"] = mount.sub_path
    if read_only:
        entry["readOnly"] = True
    return entry


def check_mount_point(point: str, container: Container, volumes: Volumes) -> None:
    """Raise Refused for a mount that would hide a file of ours, or needs a folder in its place."""
    for file in volumes.files:
        if point == file or point.startswith(file + "/"):
            raise Refused(
                f"container {show(container.name or '')} mounts a volume at {show(point)}, where {file} must be: mount"
                " it somewhere else"
            )


def normalize_path(path: str) -> str:
    """Give a mount path as kubelet takes it: absolute, without a slash at the end and without `..`."""
    if path.startswith("/") and "//" not in path and "/." not in path:  # nearly all; `normpath` is slow
        return path.removesuffix("/") or "/"
    return normpath("/" + path.strip("/"))


def find_volume_at(container: Container, folder: str) -> str:
    """Find the volume that a container has at a folder, empty when there is none."""
    mounts = container.volume_mounts or ()
    return next((one.name or "" for one in mounts if normalize_path(one.mount_path or "") == folder), "")


def find_free_name(wanted: str, taken: Collection[str]) -> str:
    """Give the name, or with the first number that makes it free."""
    number, name = 0, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
