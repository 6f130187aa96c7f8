"""The init containers that we put before all others: they copy vault-env, and a token, into the shared volume.

Their commands are fixed; what a pod's author chose comes in as an argument of the shell, never as part of its script.
They pass the PodSecurity level `restricted` unless an annotation says otherwise
(https://kubernetes.io/docs/concepts/security/pod-security-standards/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .volume import FOLDER, TOKEN_FILE, find_free_name, normalize_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vault_secrets_webhook.webhook.annotations import Options
    from vault_secrets_webhook.webhook.settings import Settings

    from .spec import Container, PodSpec

COPY_EXECUTABLE_NAME = "copy-vault-env"
COPY_EXECUTABLE = "cp /usr/local/bin/vault-env /vault/"
COPY_EXECUTABLE_AND_MAKE_POINTS = COPY_EXECUTABLE + ' && mkdir -p "$@"'
COPY_TOKEN_NAME = "copy-vault-token"  # noqa: S105 - the name of a container
COPY_TOKEN = f'cp "/token/$1" {TOKEN_FILE}'
TOKEN_FOLDER = "/token"  # noqa: S105 - a folder
# What the copying containers of those webhooks run that we may be installed beside; whole scripts only.
FOREIGN_COPYING = re.compile(
    r"cp /usr/local/bin/(vault-env|secret-init) /(vault|bao|aws)/|cp /token/\S+ /(vault|bao)/\.(vault|bao)-token"
)
OWN_COPYING = frozenset((COPY_EXECUTABLE, COPY_EXECUTABLE_AND_MAKE_POINTS, COPY_TOKEN))
TOKEN_LIMITS = {"cpu": "50m", "memory": "64Mi"}
SCRIPT, POINTS = 2, 4  # in the command: sh, -c, script, name, points


class Copier(NamedTuple):
    """An init container that copies vault-env: its volume, and the mount points below `/vault/` that it makes."""

    volume: str
    made: frozenset[str]


def get_script(container: Container) -> str:
    """Give the script of a container that runs `sh -c SCRIPT`, empty for others."""
    command = container.command or ()
    return command[SCRIPT] if len(command) > SCRIPT and list(command[:SCRIPT]) == ["sh", "-c"] else ""


def is_copying(container: Container) -> bool:
    """Tell whether a container is one of the copying ones, which run before vault-env is there."""
    script = get_script(container)
    return bool(script) and (script in OWN_COPYING or FOREIGN_COPYING.fullmatch(script) is not None)


def find_copier(spec: PodSpec, before: int) -> Copier | None:
    """Find the container that copies vault-env among the init containers before an index.

    It is known by what it does, not by its name: it may be another webhook's, and a name may be anybody's.
    """
    volumes = {volume.name for volume in spec.volumes or ()}
    for container in (spec.init_containers or ())[:before]:
        if get_script(container) in {COPY_EXECUTABLE, COPY_EXECUTABLE_AND_MAKE_POINTS}:
            volume = find_shared_volume(container)
            if volume and volume in volumes:
                return Copier(volume, read_points(container.command or []))
    return None


def copies_token(spec: PodSpec, volume: str, before: int) -> bool:
    """Tell whether an init container before an index copies a token into the volume."""
    return any(
        is_copying(container)
        and get_script(container).endswith(" " + TOKEN_FILE)
        and find_shared_volume(container) == volume
        for container in (spec.init_containers or ())[:before]
    )


def find_shared_volume(container: Container) -> str:
    """Give the volume that the container has at `/vault`, empty when there is none."""
    mounts = container.volume_mounts or ()
    return next((one.name or "" for one in mounts if normalize_path(one.mount_path or "") == FOLDER), "")


def build_executable_copier(
    spec: PodSpec, volume: str, points: Iterable[str], options: Options, settings: Settings
) -> dict[str, Any]:
    """Make the init container that copies vault-env to the volume and makes mount points in it."""
    arguments = [COPY_EXECUTABLE_NAME, *map(escape_dollars, sorted(points))]
    has_points = len(arguments) > 1
    return {
        "name": find_free_name(COPY_EXECUTABLE_NAME, list_container_names(spec)),
        "image": options.vault_env_image,
        "imagePullPolicy": options.vault_env_pull_policy,
        "command": ["sh", "-c", COPY_EXECUTABLE_AND_MAKE_POINTS, *arguments]
        if has_points
        else ["sh", "-c", COPY_EXECUTABLE],
        "resources": {
            "requests": {"cpu": settings.vault_env_cpu_request, "memory": settings.vault_env_memory_request},
            "limits": {"cpu": settings.vault_env_cpu_limit, "memory": settings.vault_env_memory_limit},
        },
        "securityContext": build_security_context(spec, options),
        "volumeMounts": [{"name": volume, "mountPath": FOLDER + "/"}],
    }


def build_token_copier(spec: PodSpec, volume: str, source: tuple[str, str], options: Options) -> dict[str, Any]:
    """Make the init container that copies a token file; `source` is the volume that holds it, and its name."""
    token_volume, file = source
    return {
        "name": find_free_name(COPY_TOKEN_NAME, list_container_names(spec)),
        "image": options.vault_image,
        "imagePullPolicy": options.vault_image_pull_policy,
        "command": ["sh", "-c", COPY_TOKEN, COPY_TOKEN_NAME, escape_dollars(file)],
        "resources": {"limits": TOKEN_LIMITS},
        "securityContext": build_security_context(spec, options),
        "volumeMounts": [
            {"name": volume, "mountPath": FOLDER + "/"},
            {"name": token_volume, "mountPath": TOKEN_FOLDER, "readOnly": True},
        ],
    }


def build_security_context(spec: PodSpec, options: Options) -> dict[str, Any]:
    """Make the security context of an injected container."""
    pod_user = spec.security_context.run_as_user if spec.security_context else None
    user = options.run_as_user or pod_user
    context: dict[str, Any] = {
        "allowPrivilegeEscalation": options.allow_privilege_escalation,
        "readOnlyRootFilesystem": options.readonly_root_fs,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if user is not None:
        context["runAsUser"] = user
    if options.run_as_group:
        context["runAsGroup"] = options.run_as_group
    if options.run_as_non_root or user:
        context["runAsNonRoot"] = True
    return context


def list_container_names(spec: PodSpec) -> Collection[str]:
    return {one.name or "" for one in (*(spec.init_containers or ()), *(spec.containers or ()))}


def read_points(command: list[str]) -> frozenset[str]:
    """Give the mount points that a copying container makes, as `build_executable_copier` wrote them."""
    if command[SCRIPT] != COPY_EXECUTABLE_AND_MAKE_POINTS:
        return frozenset()
    return frozenset(point.replace("$$", "$") for point in command[POINTS:])


def escape_dollars(text: str) -> str:
    """Write an element of a command so that kubelet's expansion of $(NAME) gives the text back."""
    return text.replace("$", "$$")
