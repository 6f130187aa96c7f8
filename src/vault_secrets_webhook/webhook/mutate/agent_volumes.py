"""What agents are put together from: volumes that the pod has, and those that are added to it.

Names are given so that none is there twice; a volume of the pod's author that only has the name of ours is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.message import show
from vault_secrets_webhook.webhook.values import MEMORY

from . import agent, consul_template
from .agent_config import CONFIG_KEY
from .copying import list_container_names
from .delivery import build_empty_dir
from .flavour import find_flavour
from .volume import (
    Mount,
    build_certificate_volume,
    find_free_name,
    find_volume_at,
    normalize_path,
    plan_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.settings import Settings

    from .flavour import Flavour
    from .spec import Container, PodSpec
    from .volume import Volumes

DEFAULT_TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a folder
CONFIGFILE_PATH = "annotation vault-configfile-path (or vault-ct-secrets-mount-path)"


class Store:
    """The names of a pod's volumes and containers, and the volumes that are added for agents.

    `present` are the containers of the pod that are agents already.
    """

    def __init__(self, spec: PodSpec, volumes: Volumes | None, present: Sequence[Container]) -> None:
        planned = volumes.added if volumes else []
        self.spec = spec
        self.volumes = volumes
        self.present = present
        self.taken = {*(volume.name or "" for volume in spec.volumes or ()), *(one["name"] for one in planned)}
        self.container_names = set(list_container_names(spec))
        self.added: list[dict[str, Any]] = []

    def add(self, wanted: str, source: dict[str, Any]) -> str:
        """Add a volume; gives its name."""
        name = find_free_name(wanted, self.taken)
        self.taken.add(name)
        self.added.append({"name": name, **source})
        return name

    def add_config(self, wanted: str, config_map: str, *, has_more: bool = False) -> str:
        """Add a volume with the configuration in a ConfigMap, if that `has_more` with all of it; gives its name."""
        items = {} if has_more else {"items": [{"key": CONFIG_KEY, "path": CONFIG_KEY}]}
        return self.add(wanted, {"configMap": {"name": config_map, **items}})

    def name_container(self, wanted: str) -> str:
        """Give the name of a container that is added."""
        name = find_free_name(wanted, self.container_names)
        self.container_names.add(name)
        return name

    def find_volume(self, folder: str) -> str:
        """Give the volume that an agent has at a folder already, empty when there is none."""
        return next((volume for one in self.present if (volume := find_volume_at(one, folder))), "")

    def plan_shared(self, flavour: Flavour, settings: Settings) -> Mount:
        """Decide on the volume that agents write tokens to: the one with the executable, if that can be written to."""
        if self.volumes and not self.volumes.executable.sub_path:
            return self.volumes.executable
        there = self.find_volume(flavour.folder)
        return Mount(there or self.add(flavour.volume, {"emptyDir": build_empty_dir(settings)}), flavour.folder)

    def plan_certificate(self, options: Options) -> Mount | None:
        """Decide on the mount of the certificate's authorities."""
        if self.volumes or not options.vault_tls_secret:
            return self.volumes.certificate if self.volumes else None
        mount, is_there = plan_certificate(self.spec, self.taken, find_flavour(options), options.vault_tls_secret)
        if not is_there:
            self.taken.add(mount.volume)
            self.added.append(build_certificate_volume(mount.volume, options.vault_tls_secret))
        return mount

    def plan_secrets(self, wanted: str, folder: str) -> Mount:
        """Decide on the volume that files are written to; it is in memory."""
        return Mount(self.find_volume(folder) or self.add(wanted, {"emptyDir": {"medium": MEMORY}}), folder)


def find_token_mount(containers: Iterable[Container], folder: str) -> dict[str, Any] | None:
    """Find where a container has the ServiceAccount's token, and give the same mount for an agent.

    None where it is for the API server to add it: at the usual place its admission plugin ServiceAccount does, also to
    containers that a webhook has added. Raises Refused for another place that no container has.
    """
    wanted = normalize_path(folder)
    for container in containers:
        for mount in container.volume_mounts or ():
            if normalize_path(mount.mount_path or "") == wanted and not mount.sub_path_expr:
                entry: dict[str, Any] = {"name": mount.name or "", "mountPath": mount.mount_path, "readOnly": True}
                return {**entry, "subPath": mount.sub_path} if mount.sub_path else entry
    if wanted == DEFAULT_TOKEN_FOLDER:
        return None
    raise Refused(
        f"annotation service-account-token-volume-name: no container of the pod mounts a volume at {show(folder)}, from"
        " where an agent could have the ServiceAccount's token"
    )


def read_secrets_folder(options: Options, flavour: Flavour) -> str:
    """Give the folder that agents write files to. Raises Refused where something else must be."""
    text = options.vault_configfile_path
    folder = normalize_path(text)
    reserved = (
        flavour.executable,
        flavour.token_file,
        flavour.certificate_folder,
        flavour.other_certificate_folder,
        f"{flavour.folder}/{agent.LOGIN_FOLDER}",
        f"{flavour.folder}/{agent.RENDERING_FOLDER}/{CONFIG_KEY}",
        f"{flavour.folder}/{consul_template.FOLDER}/{CONFIG_KEY}",
        normalize_path(options.service_account_token_path or DEFAULT_TOKEN_FOLDER),
    )
    is_path = text.startswith("/") and ".." not in text.split("/") and ":" not in text and text.isprintable()
    if not is_path:
        raise Refused(f"{CONFIGFILE_PATH}: {show(text)} is not an absolute path without `..` and `:`")
    if folder in {"/", flavour.folder, consul_template.HOME} or any(
        folder == one or folder.startswith(one + "/") for one in reserved
    ):
        raise Refused(f"{CONFIGFILE_PATH}: {show(text)} is where something else must be: choose another folder")
    return folder
