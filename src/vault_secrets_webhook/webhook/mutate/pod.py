"""A pod: which of its containers ask for secrets, and the patch that makes them find these.

The pod comes as JSON and goes as a patch: it is decoded in part and never encoded, so that what newer versions of
Kubernetes put into it survives. A second pass over what the first one made changes nothing, and when another webhook
adds a container in between, only that one is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.webhook.annotations import (
    INJECTED,
    find_reason_to_skip,
    merge_defaults,
    read_annotations,
)
from vault_secrets_webhook.webhook.mutation import Mutation
from vault_secrets_webhook.webhook.values import AUTO, AUTO_SIDECAR, IMAGE

from .agents import chooses_native, describe_needs
from .change import Job, change_pod
from .choosing import choose, is_windows, survey_containers, warn_of_strangers
from .delivery import IMAGE_VOLUMES_SINCE
from .flavour import AWS
from .grammar import find_grammar
from .image import Asker, find_commands
from .oversight import warn_of_arguments, warn_of_left, warn_of_wrapped
from .patch import Patch, escape
from .paths import PathCheck
from .sources import Search
from .spec import Metadata, PodSpec, decode_pod, list_containers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vault_secrets_webhook.webhook.annotations import Reading
    from vault_secrets_webhook.webhook.lookup import ImageLookup, ObjectLookup, PodCluster
    from vault_secrets_webhook.webhook.settings import Settings

    from .agents import Agents, Needs
    from .choosing import Place, Survey
    from .paths import PathChecker
    from .spec import Pod

NOTHING = PodSpec()
NO_METADATA = Metadata()
# What annotations and defaults for Vault say has no say in a pod whose provider is AWS.
FOR_VAULT_ONLY: dict[str, Any] = {"vault_env_from_path": "", "token_auth_mount": None, "vault_tls_secret": ""}


class Subject(msgspec.Struct, frozen=True):
    """A pod that is about to be created, and what is known of its containers."""

    metadata: Metadata
    namespace: str
    spec: PodSpec
    reading: Reading
    survey: Survey
    chosen: list[Place]
    needs: Needs


class World(msgspec.Struct, frozen=True):
    """What a mutation goes by and may ask, and whether nothing may be left behind there."""

    settings: Settings
    lookup: ObjectLookup
    images: ImageLookup | None
    cluster: PodCluster | None
    checker: PathChecker | None
    dry_run: bool


async def mutate_pod(
    pod: bytes,
    namespace: str,
    settings: Settings,
    lookup: ObjectLookup,
    images: ImageLookup | None = None,
    *,
    namespace_defaults: Mapping[str, str] | None = None,
    dry_run: bool = False,
    cluster: PodCluster | None = None,
    checker: PathChecker | None = None,
) -> Mutation:
    """Decide what is to be done for a pod that is about to be created in the namespace. `pod` is its JSON.

    Without `images` containers to be changed need a command, without `cluster` its version is not known and nothing is
    written to it, and in a dry run neither; without `checker` nobody asks Vault. `namespace_defaults` are annotations
    that hold where the pod has none of its own. Raises Refused when it must not be created as it is, KubernetesError
    when the cluster does not answer, and VaultError when Vault has to and does not.
    """
    decoded = decode_pod(pod)
    spec = decoded.spec or NOTHING
    own = (decoded.metadata or NO_METADATA).annotations or {}
    effective = merge_defaults(namespace_defaults, own) if namespace_defaults else own
    if reason := find_reason_to_skip(effective, opt_in=settings.opt_in, needs_provider=settings.needs_provider):
        return Mutation([], warn_of_left(list_containers(spec), reason), [], reason)
    if is_windows(spec):
        return Mutation([], warn_of_left(list_containers(spec), "windows"), [], "windows")
    if not spec.containers:  # the API server takes no such pod, and there is nothing to add to
        return Mutation([], [], [], "no-references")
    reading = leave_out_vault(read_annotations(effective, settings.families, settings.policies, namespace, own))
    survey = survey_containers(spec, reading.options, frozenset(effective.get(INJECTED, "").split(",")))
    world = World(settings, lookup, images, cluster, checker, dry_run)
    return await mutate_containers(decoded, namespace, reading, survey, world)


async def mutate_containers(pod: Pod, namespace: str, reading: Reading, survey: Survey, world: World) -> Mutation:
    """Decide what is to be done for a pod by its containers and its annotations. Raises as above."""
    metadata, spec, settings = pod.metadata or NO_METADATA, pod.spec or NOTHING, world.settings
    search = Search(reading.refusals, find_grammar(reading.options), settings.reference_check)
    paths = PathCheck(settings.path_check, world.checker, world.lookup)
    chosen = await choose(survey.candidates, reading.options, namespace, paths.lookup, search)
    warnings = [*reading.warnings, *search.warnings, *warn_of_survey(survey, reading, spec)]
    patch, agents, job = Patch(), None, None
    needs = describe_needs(reading.options, is_wrapping=bool(chosen))
    subject = Subject(metadata, namespace, spec, reading, survey, chosen, needs)
    if chosen or needs.is_any:
        job = await describe_job(subject, world)
        agents, more = change_pod(patch, job)
        warnings += more
    reading.refusals.check()
    warnings += await paths.check(job, dry_run=world.dry_run)
    unread = list(search.unread)
    if not patch.operations:
        return Mutation([], warnings, [], "unread" if unread else explain_nothing(subject), unread)
    if chosen:
        mark_pod(patch, pod.metadata, survey.list_wrapped(chosen))
    if agents and agents.config_map and world.cluster and not world.dry_run:
        await world.cluster.ensure_config_map(namespace, agents.config_map)
    name = metadata.name or metadata.generate_name or ""
    return Mutation(patch.operations, warnings, name_changed(chosen, agents), "injected", unread, name)


def leave_out_vault(reading: Reading) -> Reading:
    """Give the reading without what is for Vault where the provider is AWS."""
    if reading.options.provider == AWS:
        reading.options = msgspec.structs.replace(reading.options, **FOR_VAULT_ONLY)
    return reading


def explain_nothing(of: Subject) -> str:
    """Tell why nothing is to be done for a pod."""
    return "already-injected" if of.survey.wrapped or of.needs.is_any else "no-references"


def warn_of_survey(survey: Survey, reading: Reading, spec: PodSpec) -> list[str]:
    """Warn of containers that are not what their author takes them for."""
    grammar = find_grammar(reading.options)
    warnings = warn_of_arguments((place.container for place in survey.places), grammar)
    if survey.wrapped:
        warnings += warn_of_wrapped([place.container for place in survey.wrapped], survey.marked, grammar)
    return warnings + warn_of_strangers(reading.options, spec)


async def describe_job(of: Subject, world: World) -> Job:
    """Find out what is needed to change the pod."""
    settings, cluster = world.settings, world.cluster
    options = of.reading.options
    containers = {place.path: place.container for place in of.chosen}
    commands = await find_commands(containers, Asker(of.namespace, of.spec, options), world.images)
    medium, sidecar = settings.vault_env_volume_medium, settings.agent_sidecar
    depends = medium == AUTO or (of.needs.is_any and sidecar == AUTO_SIDECAR)
    version = await cluster.server_version() if cluster and depends else None
    return Job(
        metadata=of.metadata,
        namespace=of.namespace,
        spec=of.spec,
        settings=settings,
        included=of.survey.included,
        chosen=of.chosen,
        commands=commands,
        needs=of.needs,
        has_image_volumes=medium == IMAGE
        or (medium == AUTO and version is not None and version >= IMAGE_VOLUMES_SINCE),
        has_sidecars=chooses_native(sidecar, version),
        reading=of.reading,
        options=options,
        refusals=of.reading.refusals,
    )


def name_changed(chosen: Sequence[Place], agents: Agents | None) -> list[str]:
    """Name the containers that were wrapped, or without any the agents that were put into the pod."""
    if chosen or agents is None:
        return [place.name() for place in chosen]
    added = (*agents.init_containers_first, *agents.init_containers_last, *agents.sidecars)
    return [container["name"] for container in added]


def mark_pod(patch: Patch, metadata: Metadata | None, names: Sequence[str]) -> None:
    """Write into the pod which of its containers vault-env or secret-init starts."""
    mark = ",".join(names)
    if metadata is None:
        patch.add("/metadata", {"annotations": {INJECTED: mark}})
    elif metadata.annotations is None:
        patch.add("/metadata/annotations", {INJECTED: mark})
    else:
        patch.add("/metadata/annotations/" + escape(INJECTED), mark)
