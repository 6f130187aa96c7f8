"""The init containers that we put before all others: they copy the executable, and a token, into the shared volume.

Their commands are fixed; what a pod's author chose comes in as an argument, never as part of a shell's script. A shell
copies from any image that has one; from an image of this project, the executable can copy itself.
They pass the PodSecurity level `restricted` unless an annotation says otherwise
(https://kubernetes.io/docs/concepts/security/pod-security-standards/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotation_names import name_annotation
from vault_secrets_webhook.webhook.values import BY_ITSELF

from .flavour import FLAVOURS, VAULT_ENV
from .spec import SecurityContext, list_containers
from .volume import find_free_name, find_volume_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.settings import Settings

    from .flavour import Flavour
    from .spec import Container, PodSpec

# What copies an executable, ours or that of a webhook that we may be installed beside; whole scripts only.
COPYING = {one.copying: one for one in FLAVOURS.values()}
COPYING_WITH_POINTS = {one.copying_with_points: one for one in FLAVOURS.values()}
COPYING_ITSELF = {one.copying_itself: one for one in FLAVOURS.values()}
COPYING_TOKEN = frozenset(one.copying_token for one in FLAVOURS.values())
# The scripts of those webhooks that copy a token.
FOREIGN_COPYING_TOKEN = re.compile(r"cp /token/\S+ /(vault|bao)/\.(vault|bao)-token")
BANK_VAULTS = "ghcr.io/bank-vaults/"
TOKEN_FOLDER = "/token"  # noqa: S105 - a folder
TOKEN_LIMITS = {"cpu": "50m", "memory": "64Mi"}
SAYS_NOTHING = SecurityContext()
NOBODY = 65534  # the user that owns nothing: `nobody` of most distributions, the overflow id of the kernel
SCRIPT, POINTS = 2, 4  # in the command: sh, -c, script, name, points
POINTS_ITSELF = 3  # executable, copy, folder, points


class Copier(msgspec.Struct, frozen=True):
    """An init container that copies an executable: of which flavour, to which volume, and the mount points it makes."""

    flavour: Flavour
    volume: str
    made: frozenset[str]


def get_script(container: Container) -> str:
    """Give the script of a container that runs `sh -c SCRIPT`, empty for others."""
    command = container.command or []
    return command[SCRIPT] if len(command) > SCRIPT and command[:SCRIPT] == ["sh", "-c"] else ""


def is_copying(container: Container) -> bool:
    """Tell whether a container is one of the copying ones, which run before the executable is there."""
    if read_copier(container) is not None:
        return True
    script = get_script(container)
    return bool(script) and (script in COPYING_TOKEN or FOREIGN_COPYING_TOKEN.fullmatch(script) is not None)


def find_copier(spec: PodSpec, before: int, flavour: Flavour) -> Copier | None:
    """Find the container that copies the flavour's executable among the init containers before an index.

    It is known by what it does, not by its name: it may be another webhook's, and a name may be anybody's.
    """
    for container in (spec.init_containers or ())[:before]:
        copier = read_copier(container)
        if copier and copier.flavour is flavour and copier.volume and has_volume(spec, copier.volume):
            return copier
    return None


def copies_token(spec: PodSpec, volume: str, before: int, flavour: Flavour) -> bool:
    """Tell whether an init container before an index copies a token into the volume."""
    return volume in list_token_volumes(spec, before, flavour)


def list_token_volumes(spec: PodSpec, before: int, flavour: Flavour) -> list[str]:
    """Give the volumes that init containers before an index copy a token into."""
    return [
        find_volume_at(container, flavour.folder)
        for container in (spec.init_containers or ())[:before]
        if is_copying(container) and get_script(container).endswith(" " + flavour.token_file)
    ]


def has_volume(spec: PodSpec, name: str) -> bool:
    return any(volume.name == name for volume in spec.volumes or ())


class Circumstances(msgspec.Struct, frozen=True):
    """What the copying containers of a pod have in common: the pod, their volume, and whom they run as."""

    flavour: Flavour
    spec: PodSpec
    volume: str
    security_context: dict[str, Any]
    options: Options


def build_executable_copier(of: Circumstances, points: Iterable[str], settings: Settings) -> dict[str, Any]:
    """Make the init container that copies the executable to the volume and makes mount points in it."""
    return {
        "name": find_free_name(of.flavour.copier, list_container_names(of.spec)),
        "image": of.options.vault_env_image,
        "imagePullPolicy": of.options.vault_env_pull_policy,
        "command": build_copying_command(of.flavour, points, is_by_itself=can_copy_itself(of.options, settings)),
        "resources": leave_out_shared(build_resources(of.flavour, settings), of.spec),
        "securityContext": of.security_context,
        "volumeMounts": [{"name": of.volume, "mountPath": of.flavour.folder + "/"}],
    }


def build_resources(flavour: Flavour, settings: Settings) -> dict[str, dict[str, str]]:
    """Give what the operator lets the copying container have."""
    if flavour is VAULT_ENV:
        requests = {"cpu": settings.vault_env_cpu_request, "memory": settings.vault_env_memory_request}
        limits = {"cpu": settings.vault_env_cpu_limit, "memory": settings.vault_env_memory_limit}
    else:
        requests = {"cpu": settings.secret_init_cpu_request, "memory": settings.secret_init_memory_request}
        limits = {"cpu": settings.secret_init_cpu_limit, "memory": settings.secret_init_memory_limit}
    return {"requests": requests, "limits": limits}


def can_copy_itself(options: Options, settings: Settings) -> bool:
    """Tell whether the executable copies itself: what an image that a pod's author chose can do is not known."""
    return settings.vault_env_copy == BY_ITSELF and is_image_of_operator(options, settings)


def is_image_of_operator(options: Options, settings: Settings) -> bool:
    """Tell whether the image is the operator's choice, and so one of this project; Bank-Vaults' is none."""
    image = options.vault_env_image
    return image == settings.families.of(options.provider).vault_env_image and not image.startswith(BANK_VAULTS)


def build_copying_command(flavour: Flavour, points: Iterable[str], *, is_by_itself: bool) -> list[str]:
    """Make the command that copies the executable and makes the mount points; `read_copier` understands it."""
    arguments = [escape_dollars(point) for point in sorted(points)]
    if is_by_itself:
        return [*flavour.copying_itself, *arguments]
    if arguments:
        return ["sh", "-c", flavour.copying_with_points, flavour.copier, *arguments]
    return ["sh", "-c", flavour.copying]


def build_token_copier(of: Circumstances, source: tuple[str, str]) -> dict[str, Any]:
    """Make the init container that copies a token file; `source` is the volume that holds it, and its name.

    Raises Refused when the pod has no such volume.
    """
    token_volume, file = source
    if not has_volume(of.spec, token_volume):
        raise Refused(
            f"annotation {name_annotation('token_auth_mount', of.options.provider)}: the pod has no volume {token_volume}:"
            " add it, or name one of spec.volumes"
        )
    return {
        "name": find_free_name(of.flavour.token_copier, list_container_names(of.spec)),
        "image": of.options.vault_image,
        "imagePullPolicy": of.options.vault_image_pull_policy,
        "command": ["sh", "-c", of.flavour.copying_token, of.flavour.token_copier, escape_dollars(file)],
        "resources": leave_out_shared({"limits": TOKEN_LIMITS}, of.spec),
        "securityContext": of.security_context,
        "volumeMounts": [
            {"name": of.volume, "mountPath": of.flavour.folder + "/"},
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
        non_root, own_user = (name_annotation(field, options.provider) for field in ("run_as_non_root", "run_as_user"))
        demand = f"annotation {non_root} (or RUN_AS_NON_ROOT of the webhook)"
        raise Refused(
            "injected containers would run as root, the runAsUser of the pod's securityContext, which"
            f" {demand if options.run_as_non_root else 'its runAsNonRoot'} forbids: set annotation {own_user}"
        )
    return user, options.run_as_non_root or bool(user)


def find_agreed_user(served: Sequence[SecurityContext]) -> int | None:
    """Find the user that all containers have; root is not passed on."""
    user = served[0].run_as_user
    return user if user and all(one.run_as_user == user for one in served) else None


def list_container_names(spec: PodSpec) -> Collection[str]:
    return {one.name or "" for one in list_containers(spec)}


def read_copier(container: Container) -> Copier | None:
    """Read what a container copies and makes; None for one that copies no executable."""
    command, script = container.command or [], get_script(container)
    points: list[str] = []
    if script in COPYING:
        flavour = COPYING[script]
    elif script in COPYING_WITH_POINTS:
        flavour, points = COPYING_WITH_POINTS[script], command[POINTS:]
    elif (start := tuple(command[:POINTS_ITSELF])) in COPYING_ITSELF:
        flavour, points = COPYING_ITSELF[start], command[POINTS_ITSELF:]
    else:
        return None
    made = frozenset(point.replace("$$", "$") for point in points)
    return Copier(flavour, find_volume_at(container, flavour.folder), made)


def escape_dollars(text: str) -> str:
    """Write an element of a command so that kubelet's expansion of $(NAME) gives the text back."""
    return text.replace("$", "$$")
