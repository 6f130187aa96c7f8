"""A pod: which of its containers ask for secrets, and the patch that makes them find these.

The pod comes as JSON and goes as a patch: it is decoded in part and never encoded, so that what newer versions of
Kubernetes put into it survives. A second pass over what the first one made changes nothing, and when another webhook
adds a container in between, only that one is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from vault_secrets_webhook.webhook.annotations import INJECTED, MUTATE, SKIP, read_annotations
from vault_secrets_webhook.webhook.role import is_template, render_role

from .container import is_wrapped, wrap_command, wrap_handlers
from .copying import (
    Circumstances,
    build_executable_copier,
    build_security_context,
    build_token_copier,
    copies_token,
    is_copying,
)
from .delivery import plan_delivery
from .environment import Context, build_variables, set_variables
from .image import Asker, find_commands
from .oversight import warn_of_arguments, warn_of_windows, warn_of_wrapped
from .patch import Patch, PatchOperation, escape
from .sources import Search, check_literals, find_references
from .spec import Metadata, PodSpec, decode_pod
from .volume import TOKEN_FILE, add_mounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vault_secrets_webhook.errors import Refused
    from vault_secrets_webhook.webhook.annotations import Options, Reading
    from vault_secrets_webhook.webhook.lookup import ImageLookup, ObjectLookup
    from vault_secrets_webhook.webhook.refusals import Refusals
    from vault_secrets_webhook.webhook.settings import Settings

    from .delivery import Delivery
    from .spec import Container

WINDOWS = "windows"
SYSTEM_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")
DEFAULT_SERVICE_ACCOUNT = "default"
# What an agent or consul-template of the webhook that we may be installed beside has its configuration from.
FOREIGN_VOLUMES = frozenset(("vault-agent-config", "agent-configmap", "ct-configmap"))
NOTHING = PodSpec()
NO_METADATA = Metadata()


class PodMutation(msgspec.Struct, frozen=True):
    """What became of a pod.

    `injected` are container names. `reason` is one of a few words, for metrics and logs: `injected`,
    `already-injected`, `no-references`, `unread`, `skipped`, `windows`. `unread` are the optional objects that could
    not be read, each with the reason, so that a container which takes its variables from them was left as it is.
    """

    patch: list[PatchOperation]
    warnings: list[str]
    injected: list[str]
    reason: str
    unread: list[str] = []


class Place(NamedTuple):
    """A container and where it is. `turn` is the index of an init container, -1 for the others."""

    path: str
    turn: int
    container: Container

    def name(self) -> str:
        """Give the container's name, which was not validated yet."""
        return self.container.name or ""


class Job(NamedTuple):
    """A pod with containers to be changed. What cannot be done goes to the refusals.

    `name` is empty where the API server is to make one up. `commands` are those of the chosen containers, by path.
    """

    name: str
    namespace: str
    spec: PodSpec
    options: Options
    settings: Settings
    chosen: list[Place]
    commands: Mapping[str, list[str] | Refused]
    refusals: Refusals


async def mutate_pod(
    pod: bytes, namespace: str, settings: Settings, lookup: ObjectLookup, images: ImageLookup | None = None
) -> PodMutation:
    """Decide what is to be done for a pod that is about to be created in the namespace. `pod` is its JSON.

    Without `images` containers to be changed need a command. Raises Refused when it must not be created as it is, and KubernetesError when the cluster does not answer.
    """
    decoded = decode_pod(pod)
    metadata, spec = decoded.metadata or NO_METADATA, decoded.spec or NOTHING
    annotations = metadata.annotations or {}
    if annotations.get(MUTATE) == SKIP:
        return PodMutation([], [], [], "skipped")
    if is_windows(spec):
        return PodMutation([], warn_of_windows(list_containers(spec)), [], "windows")
    reading = read_annotations(annotations, settings.defaults, settings.policy)
    search = Search(reading.refusals)
    places, has_copier = list_places(spec)
    marked = frozenset(annotations.get(INJECTED, "").split(","))
    wrapped = {
        place.path: place.name() for place in places if is_wrapped(place.container, marked, has_copier=has_copier)
    }
    candidates = [place for place in places if place.path not in wrapped]
    chosen = await choose(candidates, reading.options, namespace, lookup, search)
    patch, warnings = Patch(), reading.warnings + search.warnings
    warnings += warn_of_arguments(place.container for place in places)
    if wrapped:
        warnings += warn_of_wrapped([place.container for place in places if place.path in wrapped], marked)
    if chosen:
        containers = {place.path: place.container for place in chosen}
        commands = await find_commands(containers, Asker(namespace, spec, reading.options), images)
        job = Job(metadata.name or "", namespace, spec, reading.options, settings, chosen, commands, reading.refusals)
        warnings += change_pod(patch, job)
    if reading.later:
        warnings += judge_later(reading, spec, is_served=bool(wrapped) and not chosen)
    reading.refusals.check()
    if not chosen:
        reason = "unread" if search.unread else "already-injected" if wrapped else "no-references"
        return PodMutation([], warnings, [], reason, list(search.unread))
    wrapped.update((place.path, place.name()) for place in chosen)
    mark_pod(patch, decoded.metadata, [wrapped[place.path] for place in places if place.path in wrapped])
    return PodMutation(patch.operations, warnings, [place.name() for place in chosen], "injected", list(search.unread))


def judge_later(reading: Reading, spec: PodSpec, *, is_served: bool) -> list[str]:
    """Refuse annotations that ask for what a later version does, unless another webhook has done it already.

    `is_served` tells that all containers with references start an executable like ours. Returns warnings.
    """
    if is_served or any(volume.name in FOREIGN_VOLUMES for volume in spec.volumes or ()):
        return [f"annotation {key} has no effect in this version" for key in reading.later]
    reading.refuse_later()
    return []


def is_windows(spec: PodSpec) -> bool:
    """Tell whether the pod is for Windows nodes, where vault-env does not run."""
    if spec.os is not None and spec.os.name == WINDOWS:
        return True
    selector = spec.node_selector
    return selector is not None and any(selector.get(label) == WINDOWS for label in SYSTEM_LABELS)


def list_containers(spec: PodSpec) -> list[Container]:
    """Give all containers, init containers first."""
    return [*(spec.init_containers or ()), *(spec.containers or ())]


def list_places(spec: PodSpec) -> tuple[list[Place], bool]:
    """Give all containers that could be changed, init containers first; and tell whether there are others.

    Those are the ones that copy an executable, or a token for it: they run before it is there.
    """
    init_containers = spec.init_containers or ()
    places = [
        Place(f"/spec/initContainers/{index}", index, container)
        for index, container in enumerate(init_containers)
        if not is_copying(container)
    ]
    has_copier = len(places) < len(init_containers)
    places += [
        Place(f"/spec/containers/{index}", -1, container) for index, container in enumerate(spec.containers or ())
    ]
    return places, has_copier


async def choose(
    candidates: Sequence[Place], options: Options, namespace: str, lookup: ObjectLookup, search: Search
) -> list[Place]:
    """Give the places whose containers are to be changed: those with a reference, with from-path all of them."""
    containers = [place.container for place in candidates]
    if options.vault_env_from_path:
        for container in containers:
            check_literals(container, search)
        return list(candidates)
    found = await find_references(containers, namespace, lookup, search)
    return [place for place, has_reference in zip(candidates, found, strict=True) if has_reference]


def change_pod(patch: Patch, job: Job) -> list[str]:
    """Change the chosen containers, and add to the pod what they need. Returns warnings."""
    spec, options = job.spec, job.options
    # What copies must run before the first init container that needs it.
    before = min((place.turn for place in job.chosen if place.turn >= 0), default=len(spec.init_containers or ()))
    delivery = plan_delivery(spec, [place.container for place in job.chosen], before, options, job.settings)
    volumes = delivery.volumes
    context = Context(
        options=options,
        role=job.refusals.attempt(name_role, job) or "",
        certificate_file=volumes.certificate_file(),
        token_file=TOKEN_FILE if options.token_auth_mount else "",
        log_server=job.settings.vault_env_log_server,
    )
    warnings = change_containers(patch, job, delivery, build_variables(context))
    patch.append("/spec/volumes", spec.volumes, volumes.added)
    add_copiers(patch, job, delivery, before)
    return warnings


def name_role(job: Job) -> str:
    """Name the role that the pod logs in with. Raises Refused when its template makes none."""
    options, spec = job.options, job.spec
    if not options.vault_role:
        return spec.service_account_name or spec.service_account or DEFAULT_SERVICE_ACCOUNT
    if not is_template(options.vault_role):
        return options.vault_role
    facts = {
        "authmethod": options.vault_auth_method,
        "name": job.name,
        "namespace": job.namespace,
        "path": options.vault_path,
        "serviceaccount": options.vault_serviceaccount,
    }
    return render_role(options.vault_role, facts)


def change_containers(patch: Patch, job: Job, delivery: Delivery, variables: Sequence[dict[str, str]]) -> list[str]:
    """Change the chosen containers. Returns warnings."""
    warnings = []
    attempt = job.refusals.attempt
    for path, _, container in job.chosen:
        attempt(wrap_command, patch, path, container, job.commands[path])
        set_variables(patch, path, container, variables)
        if warning := attempt(add_mounts, patch, path, container, delivery.volumes, delivery.points):
            warnings.append(warning)
        if job.options.mutate_probes:
            wrap_handlers(patch, path, container)
    return warnings


def add_copiers(patch: Patch, job: Job, delivery: Delivery, before: int) -> None:
    """Put the copying containers that are needed before the init containers.

    This comes last, because the indices of the init containers change by it.
    """
    spec, options, volume = job.spec, job.options, delivery.volumes.executable.volume
    token = None if copies_token(spec, volume, before) else options.token_auth_mount
    if not token and not delivery.needs_copier:
        return
    served = [place.container for place in job.chosen]
    context = job.refusals.attempt(build_security_context, spec, served, options)
    circumstances = Circumstances(spec, volume, context or {}, options)
    added = []
    if token:
        added.append(job.refusals.attempt(build_token_copier, circumstances, token))
    if delivery.needs_copier:
        added.append(build_executable_copier(circumstances, delivery.points, job.settings))
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
