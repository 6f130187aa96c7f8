"""A pod: which of its containers ask for secrets, and the patch that makes them find these.

The pod comes as JSON and goes as a patch: it is decoded in part and never encoded, so that what newer versions of
Kubernetes put into it survives. A second pass over what the first one made changes nothing, and when another webhook
adds a container in between, only that one is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from vault_secrets_webhook.webhook.annotations import INJECTED, MUTATE, SKIP, read_annotations

from .container import is_wrapped, wrap_command, wrap_handlers
from .copying import build_executable_copier, build_token_copier, copies_token, find_copier, is_copying
from .environment import Context, build_variables, set_variables
from .patch import Patch, PatchOperation, escape
from .sources import check_literals, find_references
from .spec import Metadata, PodSpec, decode_pod
from .volume import TOKEN_FILE, Volumes, add_mounts, list_mount_points, plan_volumes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.webhook.annotations import Options
    from vault_secrets_webhook.webhook.lookup import ObjectLookup
    from vault_secrets_webhook.webhook.settings import Settings

    from .spec import Container

WINDOWS = "windows"
SYSTEM_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")
DEFAULT_SERVICE_ACCOUNT = "default"
NOTHING = PodSpec()
NO_METADATA = Metadata()


class PodMutation(msgspec.Struct, frozen=True):
    """What became of a pod.

    `injected` are container names. `reason` is one of a few words, for metrics and logs: `injected`,
    `already-injected`, `no-references`, `skipped`, `windows`.
    """

    patch: list[PatchOperation]
    warnings: list[str]
    injected: list[str]
    reason: str


class Place(NamedTuple):
    """A container and where it is. `turn` is the index of an init container, -1 for the others."""

    path: str
    turn: int
    container: Container

    def name(self) -> str:
        """Give the container's name, which was not validated yet."""
        return self.container.name or ""


class Job(NamedTuple):
    """A pod with containers to be changed."""

    spec: PodSpec
    options: Options
    settings: Settings
    chosen: list[Place]


async def mutate_pod(pod: bytes, namespace: str, settings: Settings, lookup: ObjectLookup) -> PodMutation:
    """Decide what is to be done for a pod that is about to be created in the namespace. `pod` is its JSON.

    Raises Refused when it must not be created as it is, and KubernetesError when the cluster does not answer.
    """
    decoded = decode_pod(pod)
    metadata, spec = decoded.metadata or NO_METADATA, decoded.spec or NOTHING
    annotations = metadata.annotations or {}
    if annotations.get(MUTATE) == SKIP:
        return PodMutation([], [], [], "skipped")
    if is_windows(spec):
        return PodMutation([], [], [], "windows")
    options, warnings = read_annotations(annotations, settings.defaults, settings.policy)
    places = list_places(spec)
    marked = frozenset(annotations.get(INJECTED, "").split(","))
    wrapped = {place.path: place.name() for place in places if is_wrapped(place.container, marked)}
    candidates = [place for place in places if place.path not in wrapped]
    chosen = await choose(candidates, options, namespace, lookup)
    if not chosen:
        return PodMutation([], warnings, [], "already-injected" if wrapped else "no-references")
    wrapped.update((place.path, place.name()) for place in chosen)
    patch = Patch()
    warnings += change_pod(patch, Job(spec, options, settings, chosen))
    mark_pod(patch, decoded.metadata, [wrapped[place.path] for place in places if place.path in wrapped])
    return PodMutation(patch.operations, warnings, [place.name() for place in chosen], "injected")


def is_windows(spec: PodSpec) -> bool:
    """Tell whether the pod is for Windows nodes, where vault-env does not run."""
    if spec.os is not None and spec.os.name == WINDOWS:
        return True
    selector = spec.node_selector
    return selector is not None and any(selector.get(label) == WINDOWS for label in SYSTEM_LABELS)


def list_places(spec: PodSpec) -> list[Place]:
    """Give all containers that could be changed, init containers first. Those that only copy for us are none."""
    places = [
        Place(f"/spec/initContainers/{index}", index, container)
        for index, container in enumerate(spec.init_containers or ())
        if not is_copying(container)
    ]
    places += [
        Place(f"/spec/containers/{index}", -1, container) for index, container in enumerate(spec.containers or ())
    ]
    return places


async def choose(candidates: Sequence[Place], options: Options, namespace: str, lookup: ObjectLookup) -> list[Place]:
    """Give the places whose containers are to be changed: those with a reference, with from-path all of them."""
    containers = [place.container for place in candidates]
    if options.vault_env_from_path:
        for container in containers:
            check_literals(container)
        return list(candidates)
    found = await find_references(containers, namespace, lookup)
    return [place for place, has_reference in zip(candidates, found, strict=True) if has_reference]


def change_pod(patch: Patch, job: Job) -> list[str]:
    """Change the chosen containers, and add to the pod what they need. Returns warnings."""
    spec, options = job.spec, job.options
    # What copies must run before the first init container that needs it.
    before = min((place.turn for place in job.chosen if place.turn >= 0), default=len(spec.init_containers or ()))
    copier = find_copier(spec, before)
    shared = copier or find_copier(spec, len(spec.init_containers or ()))
    volumes = plan_volumes(spec, shared.volume if shared else "", options.vault_tls_secret, job.settings)
    points = copier.made if copier else find_points(job.chosen, volumes)
    context = Context(
        options=options,
        role=options.vault_role or spec.service_account_name or spec.service_account or DEFAULT_SERVICE_ACCOUNT,
        certificate_file=volumes.certificate_file(),
        token_file=TOKEN_FILE if options.token_auth_mount else "",
        log_server=job.settings.vault_env_log_server,
    )
    variables = build_variables(context)
    warnings = []
    for path, _, container in job.chosen:
        wrap_command(patch, path, container)
        set_variables(patch, path, container, variables)
        if warning := add_mounts(patch, path, container, volumes, points):
            warnings.append(warning)
        if options.mutate_probes:
            wrap_handlers(patch, path, container)
    patch.append("/spec/volumes", spec.volumes, volumes.added)
    add_copiers(patch, job, volumes, None if copier else points, before)
    return warnings


def find_points(chosen: Sequence[Place], volumes: Volumes) -> frozenset[str]:
    """Give the mount points that the copying container is to make for the chosen containers."""
    return frozenset(
        point
        for place in chosen
        for point, can_be_made in list_mount_points(place.container, volumes).items()
        if can_be_made
    )


def add_copiers(patch: Patch, job: Job, volumes: Volumes, points: frozenset[str] | None, before: int) -> None:
    """Put the copying containers before the init containers; `points` is None when vault-env is copied already.

    This comes last, because the indices of the init containers change by it.
    """
    spec, options, volume = job.spec, job.options, volumes.executable.volume
    added = []
    if options.token_auth_mount and not copies_token(spec, volume, before):
        added.append(build_token_copier(spec, volume, options.token_auth_mount, options))
    if points is not None:
        added.append(build_executable_copier(spec, volume, points, options, job.settings))
    patch.prepend("/spec/initContainers", spec.init_containers, added)


def mark_pod(patch: Patch, metadata: Metadata | None, names: Sequence[str]) -> None:
    """Write into the pod which of its containers vault-env starts."""
    mark = ",".join(names)
    if metadata is None:
        patch.add("/metadata", {"annotations": {INJECTED: mark}})
    elif metadata.annotations is None:
        patch.add("/metadata/annotations", {INJECTED: mark})
    else:
        patch.add("/metadata/annotations/" + escape(INJECTED), mark)
