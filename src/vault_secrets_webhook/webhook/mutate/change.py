"""The patch of a pod of which it is known what is to be done: containers wrapped, volumes, agents, init containers.

Parts come in the order that is documented for them. What is inserted before others comes last into the patch, because
indices change by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.webhook.role import Owner

from .agents import AgentRequest, list_missing_mounts, mount_files, plan_agents
from .container import wrap_command, wrap_handlers
from .copying import (
    Circumstances,
    build_executable_copier,
    build_security_context,
    build_token_copier,
    copies_token,
)
from .delivery import Demand, plan_delivery
from .environment import Context, build_variables, check_credentials, set_variables
from .flavour import AWS, VAULT_ENV
from .spec import name_service_account
from .volume import add_mounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.errors import Refused
    from vault_secrets_webhook.webhook.annotations import Reading
    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.refusals import Refusals
    from vault_secrets_webhook.webhook.settings import Settings

    from .agents import Agents, Needs
    from .choosing import Place
    from .delivery import Delivery
    from .patch import Patch
    from .spec import Metadata, PodSpec
    from .volume import Mount


class Job(msgspec.Struct, frozen=True):
    """A pod and what is to be done for it. What cannot be done goes to the refusals.

    `reading` is what its annotations come to, `options` and `refusals` are parts of that. `included` are the containers
    that may see what agents write, `chosen` those that are to be wrapped, and `commands` what these start, by path.
    `needs` are those of agents. `has_image_volumes` and `has_sidecars` tell what the cluster can do and the operator
    wants.
    """

    metadata: Metadata
    namespace: str
    spec: PodSpec
    reading: Reading
    settings: Settings
    included: list[Place]
    chosen: list[Place]
    commands: Mapping[str, list[str] | Refused]
    needs: Needs
    has_image_volumes: bool
    has_sidecars: bool
    options: Options
    refusals: Refusals

    def first_turn(self) -> int:
        """Give the index of the first init container that needs the executable: what copies must run before it."""
        turns = (place.turn for place in self.chosen if place.turn >= 0)
        return min(turns, default=len(self.spec.init_containers or ()))


class Plan(msgspec.Struct, frozen=True):
    """How the executable gets into the pod, None where it does not, and its agents, None without."""

    delivery: Delivery | None
    agents: Agents | None
    role: str

    def mounts_of(self, place: Place) -> tuple[Mount, ...]:
        """Give what agents have for a container."""
        if self.agents is None:
            return ()
        return self.agents.application_mounts if place.turn < 0 else self.agents.init_mounts


def change_pod(patch: Patch, job: Job) -> tuple[Agents | None, list[str]]:
    """Change the pod. Returns the agents that it gets, and warnings."""
    plan = plan_pod(job)
    warnings = wrap_containers(patch, job, plan) if plan.delivery else []
    added = [*(plan.delivery.volumes.added if plan.delivery else ()), *(plan.agents.volumes if plan.agents else ())]
    if plan.agents:
        warnings += plan.agents.warnings
        mount_files_of_agents(patch, job, plan)
    patch.append("/spec/volumes", job.spec.volumes, added)
    if plan.agents:
        if plan.agents.share_process_namespace and not job.spec.share_process_namespace:
            patch.add("/spec/shareProcessNamespace", value=True)
        patch.prepend("/spec/containers", job.spec.containers, plan.agents.sidecars)
    patch.prepend("/spec/initContainers", job.spec.init_containers, list_init_containers(job, plan))
    return plan.agents, warnings


def mount_files_of_agents(patch: Patch, job: Job, plan: Plan) -> None:
    """Mount what agents write in containers that are not wrapped now."""
    chosen = {place.path for place in job.chosen}
    for place in job.included:
        if place.path not in chosen and (mounts := plan.mounts_of(place)):
            job.refusals.attempt(mount_files, patch, place.path, place.container, mounts)


def plan_pod(job: Job) -> Plan:
    """Decide how the executable gets into the pod, and which agents do."""
    options, attempt = job.options, job.refusals.attempt
    delivery = None
    if job.chosen or job.needs.copied_token:
        demand = Demand(
            containers=[place.container for place in job.chosen],
            before=job.first_turn(),
            points=job.needs.points | job.needs.init_points,
            certificate=options.vault_tls_secret,
            has_token=options.token_auth_mount is not None or job.needs.token,
            allows_image=job.has_image_volumes and not job.needs.shared,
        )
        delivery = plan_delivery(job.spec, demand, options, job.settings)
        if options.provider == AWS:
            attempt(check_credentials, options, job.namespace)
    role = attempt(name_role, job) or ""
    agents = None
    if job.needs.is_any:
        request = AgentRequest(
            metadata=job.metadata,
            spec=job.spec,
            options=options,
            settings=job.settings,
            role=role,
            served=[place.container for place in job.chosen],
            volumes=delivery.volumes if delivery else None,
            is_native=job.has_sidecars,
        )
        agents = attempt(plan_agents, request)
    return Plan(delivery, agents, role)


def name_role(job: Job) -> str:
    """Name the role that the pod logs in with. Raises Refused when its template makes none."""
    owner = Owner(job.namespace, job.metadata.name or "")
    return job.reading.find_role(owner, job.options.vault_auth_method, name_service_account(job.spec))


def wrap_containers(patch: Patch, job: Job, plan: Plan) -> list[str]:
    """Change the chosen containers. Returns warnings."""
    warnings: list[str] = []
    delivery, attempt = plan.delivery, job.refusals.attempt
    if delivery is None:
        return warnings
    executable, provider = delivery.volumes.flavour.executable, job.options.provider
    variables = build_variables(describe_context(job, plan, delivery))
    for place in job.chosen:
        path, container = place.path, place.container
        attempt(wrap_command, patch, path, container, job.commands[path], executable)
        set_variables(patch, path, container, variables, provider)
        mounts = plan.mounts_of(place)
        missing = (attempt(list_missing_mounts, container, mounts) or []) if mounts else []
        if warning := attempt(add_mounts, patch, path, container, delivery.volumes, delivery.points, missing):
            warnings.append(warning)
        if job.options.mutate_probes:
            wrap_handlers(patch, path, container, executable)
    return warnings


def describe_context(job: Job, plan: Plan, delivery: Delivery) -> Context:
    """Put together what the variables are made from."""
    options, settings, flavour = job.options, job.settings, delivery.volumes.flavour
    token_file = flavour.token_file if options.token_auth_mount else ""
    return Context(
        options=options,
        role=plan.role,
        certificate_file=delivery.volumes.certificate_file(),
        token_file=(plan.agents.token_file if plan.agents else "") or token_file,
        log_server=settings.vault_env_log_server if flavour is VAULT_ENV else settings.secret_init_log_server,
    )


def list_init_containers(job: Job, plan: Plan) -> list[dict[str, Any]]:
    """Give the init containers that come before those of the pod's author."""
    agents = plan.agents
    copiers = list_copiers(job, plan.delivery) if plan.delivery else []
    if agents is None:
        return copiers
    # A token is copied before vault-env, and an agent that fetches one comes in the place of that.
    return [*agents.init_containers_first, *copiers, *agents.init_containers_last]


def list_copiers(job: Job, delivery: Delivery) -> list[dict[str, Any]]:
    """Give the copying containers that are needed."""
    spec, options, flavour = job.spec, job.options, delivery.volumes.flavour
    volume = delivery.volumes.executable.volume
    token = options.token_auth_mount
    if token and copies_token(spec, volume, job.first_turn(), flavour):
        token = None
    needs_copier = delivery.needs_copier and bool(job.chosen)
    if not token and not needs_copier:
        return []
    served = [place.container for place in job.chosen or job.included]
    context = job.refusals.attempt(build_security_context, spec, served, options)
    circumstances = Circumstances(flavour, spec, volume, context or {}, options)
    copiers: list[dict[str, Any]] = []
    if token and (copier := job.refusals.attempt(build_token_copier, circumstances, token)):
        copiers.append(copier)
    if needs_copier:
        copiers.append(build_executable_copier(circumstances, delivery.points, job.settings))
    return copiers
