"""The init containers that we put before all others: they copy vault-env, and a token, into the shared volume.

Their commands are fixed; what a pod's author chose comes in as an argument, never as part of a shell's script. A shell
copies from any image that has one; from an image of this project, vault-env can copy itself.
They pass the PodSecurity level `restricted` unless an annotation says otherwise
(https://kubernetes.io/docs/concepts/security/pod-security-standards/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotations import RUN_AS_NON_ROOT, RUN_AS_USER, TOKEN_AUTH_MOUNT
from vault_secrets_webhook.webhook.values import BY_ITSELF

from .spec import SecurityContext
from .volume import FOLDER, TOKEN_FILE, find_free_name, normalize_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from vault_secrets_webhook.webhook.annotations import Options
    from vault_secrets_webhook.webhook.settings import Settings

    from .spec import Container, PodSpec

IMAGE_FOLDER = "/usr/local/bin"  # of the executable, in its image
COPY_EXECUTABLE_NAME = "copy-vault-env"
COPY_EXECUTABLE = f"cp {IMAGE_FOLDER}/vault-env {FOLDER}/"
COPY_EXECUTABLE_AND_MAKE_POINTS = COPY_EXECUTABLE + ' && mkdir -p "$@"'
COPY_ITSELF = [IMAGE_FOLDER + "/vault-env", "copy", FOLDER + "/"]
COPY_TOKEN_NAME = "copy-vault-token"  # noqa: S105 - the name of a container
COPY_TOKEN = f'cp "/token/$1" {TOKEN_FILE}'
TOKEN_FOLDER = "/token"  # noqa: S105 - a folder
# What the copying containers of those webhooks run that we may be installed beside; whole scripts only.
FOREIGN_COPYING = re.compile(
    r"cp /usr/local/bin/(vault-env|secret-init) /(vault|bao|aws)/|cp /token/\S+ /(vault|bao)/\.(vault|bao)-token"
)
TOKEN_LIMITS = {"cpu": "50m", "memory": "64Mi"}
SAYS_NOTHING = SecurityContext()
NOBODY = 65534  # the user that owns nothing: `nobody` of most distributions, the overflow id of the kernel
SCRIPT, POINTS = 2, 4  # in the command: sh, -c, script, name, points


class Copier(NamedTuple):
    """An init container that copies vault-env: its volume, and the mount points below `/vault/` that it makes."""

    volume: str
    made: frozenset[str]


def get_script(container: Container) -> str:
    """Give the script of a container that runs `sh -c SCRIPT`, empty for others."""
    command = container.command or []
    return command[SCRIPT] if len(command) > SCRIPT and command[:SCRIPT] == ["sh", "-c"] else ""


def is_copying(container: Container) -> bool:
    """Tell whether a container is one of the copying ones, which run before vault-env is there."""
    if read_points(container) is not None:
        return True
    script = get_script(container)
    return bool(script) and (script == COPY_TOKEN or FOREIGN_COPYING.fullmatch(script) is not None)


def find_copier(spec: PodSpec, before: int) -> Copier | None:
    """Find the container that copies vault-env among the init containers before an index.

    It is known by what it does, not by its name: it may be another webhook's, and a name may be anybody's.
    """
    for container in (spec.init_containers or ())[:before]:
        points = read_points(container)
        if points is not None:
            volume = find_shared_volume(container)
            if volume and has_volume(spec, volume):
                return Copier(volume, points)
    return None


def copies_token(spec: PodSpec, volume: str, before: int) -> bool:
    """Tell whether an init container before an index copies a token into the volume."""
    return any(
        is_copying(container)
        and get_script(container).endswith(" " + TOKEN_FILE)
        and find_shared_volume(container) == volume
        for container in (spec.init_containers or ())[:before]
    )


def has_volume(spec: PodSpec, name: str) -> bool:
    return any(volume.name == name for volume in spec.volumes or ())


def find_shared_volume(container: Container) -> str:
    """Give the volume that the container has at `/vault`, empty when there is none."""
    mounts = container.volume_mounts or ()
    return next((one.name or "" for one in mounts if normalize_path(one.mount_path or "") == FOLDER), "")


class Circumstances(NamedTuple):
    """What the copying containers of a pod have in common: the pod, their volume, and whom they run as."""

    spec: PodSpec
    volume: str
    security_context: dict[str, Any]
    options: Options


def build_executable_copier(of: Circumstances, points: Iterable[str], settings: Settings) -> dict[str, Any]:
    """Make the init container that copies vault-env to the volume and makes mount points in it."""
    requests = {"cpu": settings.vault_env_cpu_request, "memory": settings.vault_env_memory_request}
    limits = {"cpu": settings.vault_env_cpu_limit, "memory": settings.vault_env_memory_limit}
    return {
        "name": find_free_name(COPY_EXECUTABLE_NAME, list_container_names(of.spec)),
        "image": of.options.vault_env_image,
        "imagePullPolicy": of.options.vault_env_pull_policy,
        "command": build_copying_command(points, is_by_itself=can_copy_itself(of.options, settings)),
        "resources": leave_out_shared({"requests": requests, "limits": limits}, of.spec),
        "securityContext": of.security_context,
        "volumeMounts": [{"name": of.volume, "mountPath": FOLDER + "/"}],
    }


def can_copy_itself(options: Options, settings: Settings) -> bool:
    """Tell whether vault-env copies itself: what an image that a pod's author chose can do is not known."""
    return settings.vault_env_copy == BY_ITSELF and is_image_of_operator(options, settings)


def is_image_of_operator(options: Options, settings: Settings) -> bool:
    return options.vault_env_image == settings.defaults.vault_env_image


def build_copying_command(points: Iterable[str], *, is_by_itself: bool) -> list[str]:
    """Make the command that copies vault-env and makes the mount points; `read_points` understands it."""
    arguments = [escape_dollars(point) for point in sorted(points)]
    if is_by_itself:
        return [*COPY_ITSELF, *arguments]
    if arguments:
        return ["sh", "-c", COPY_EXECUTABLE_AND_MAKE_POINTS, COPY_EXECUTABLE_NAME, *arguments]
    return ["sh", "-c", COPY_EXECUTABLE]


def build_token_copier(of: Circumstances, source: tuple[str, str]) -> dict[str, Any]:
    """Make the init container that copies a token file; `source` is the volume that holds it, and its name.

    Raises Refused when the pod has no such volume.
    """
    token_volume, file = source
    if not has_volume(of.spec, token_volume):
        raise Refused(
            f"annotation {TOKEN_AUTH_MOUNT}: the pod has no volume {token_volume}: add it, or name one of spec.volumes"
        )
    return {
        "name": find_free_name(COPY_TOKEN_NAME, list_container_names(of.spec)),
        "image": of.options.vault_image,
        "imagePullPolicy": of.options.vault_image_pull_policy,
        "command": ["sh", "-c", COPY_TOKEN, COPY_TOKEN_NAME, escape_dollars(file)],
        "resources": leave_out_shared({"limits": TOKEN_LIMITS}, of.spec),
        "securityContext": of.security_context,
        "volumeMounts": [
            {"name": of.volume, "mountPath": FOLDER + "/"},
            {"name": token_volume, "mountPath": TOKEN_FOLDER, "readOnly": True},
        ],
    }


def leave_out_shared(amounts: dict[str, dict[str, str]], spec: PodSpec) -> dict[str, dict[str, str]]:
    """Take out the resources that the pod has an amount of for all its containers together (KEP-2837).

    Those of a container must fit into that, so ours would have it refused; without, a container takes from the pod's.
    """
    if spec.resources is None:
        return amounts
    shared = {*(spec.resources.requests or ()), *(spec.resources.limits or ())}
    own = {kind: {name: of[name] for name in of if name not in shared} for kind, of in amounts.items()}
    return {kind: of for kind, of in own.items() if of}


def build_security_context(spec: PodSpec, served: Sequence[Container], options: Options) -> dict[str, Any]:
    """Make the security context of injected containers; `served` are those that they are injected for.

    Raises Refused when it would have to be root and must not.
    """
    contexts = [one.security_context or SAYS_NOTHING for one in served]
    user, is_non_root = choose_user(spec.security_context or SAYS_NOTHING, contexts, options)
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
    if is_non_root:
        context["runAsNonRoot"] = True
    return context


def choose_user(pod: SecurityContext, served: Sequence[SecurityContext], options: Options) -> tuple[int | None, bool]:
    """Choose the user, None for that of the image, and tell whether `runAsNonRoot` is to be set.

    The annotation's user wins, then the pod's, then the one that all served containers agree on. When these all say
    `runAsNonRoot` and the pod does not, PodSecurity `restricted` asks it of ours too: as no image promises that it
    does not start as root, and copying needs no user of a certain number, it is nobody then.
    """
    must_not_be_root = options.run_as_non_root or bool(pod.run_as_non_root)
    user = options.run_as_user or pod.run_as_user
    if user is None:
        user = find_agreed_user(served)
    if user is None and not must_not_be_root and all(one.run_as_non_root for one in served):
        user = NOBODY
    if user == 0 and must_not_be_root:
        demand = f"annotation {RUN_AS_NON_ROOT} (or RUN_AS_NON_ROOT of the webhook)"
        raise Refused(
            "injected containers would run as root, the runAsUser of the pod's securityContext, which"
            f" {demand if options.run_as_non_root else 'its runAsNonRoot'} forbids: set annotation {RUN_AS_USER}"
        )
    return user, options.run_as_non_root or bool(user)


def find_agreed_user(served: Sequence[SecurityContext]) -> int | None:
    """Find the user that all containers have; root is not passed on."""
    user = served[0].run_as_user
    return user if user and all(one.run_as_user == user for one in served) else None


def list_container_names(spec: PodSpec) -> Collection[str]:
    return {one.name or "" for one in (*(spec.init_containers or ()), *(spec.containers or ()))}


def read_points(container: Container) -> frozenset[str] | None:
    """Give the mount points that a container makes which copies vault-env, None for one that does not."""
    command, script = container.command or [], get_script(container)
    if script == COPY_EXECUTABLE:
        return frozenset()
    if script == COPY_EXECUTABLE_AND_MAKE_POINTS:
        points = command[POINTS:]
    elif command[: len(COPY_ITSELF)] == COPY_ITSELF:
        points = command[len(COPY_ITSELF) :]
    else:
        return None
    return frozenset(point.replace("$$", "$") for point in points)


def escape_dollars(text: str) -> str:
    """Write an element of a command so that kubelet's expansion of $(NAME) gives the text back."""
    return text.replace("$", "$$")
