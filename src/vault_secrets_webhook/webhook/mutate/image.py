"""What the chosen containers start: their command, or without one what their image starts.

Kubernetes takes the image's ENTRYPOINT where a container has no `command`, and its CMD where it has no `args` either
(https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotation_names import name_annotation
from vault_secrets_webhook.webhook.lookup import ImageQuestion
from vault_secrets_webhook.webhook.message import show
from vault_secrets_webhook.webhook.registry.errors import RegistryError

from .copying import escape_dollars
from .spec import list_required_terms, name_service_account

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vault_secrets_webhook.webhook.lookup import ImageLookup, ImageReview, ImageStart
    from vault_secrets_webhook.webhook.options import Options

    from .spec import Container, NodeSelectorTerm, PodSpec, PreferredTerm

ARCHITECTURE_LABELS = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
AMONG, NOT_AMONG = "In", "NotIn"
# How ENTRYPOINT is reset in a Dockerfile; container runtimes take it for none.
RESET = ("",)
ADVICE = "write the image's ENTRYPOINT into `command` (and CMD into `args`)"
NOT_HERE = "images are not looked into here (without --cluster)"
STARTS_NOTHING = "its image has neither ENTRYPOINT nor CMD"
NO_COMMAND = "container {} has no command: {advice}, because {reason}"
NO_COMMAND_OF_ANY = (
    "annotation {key} is for every container, and container {} has no command: {advice}, because"
    " {reason}; or, if the container is not yours to change, name it by the annotation skip-containers, or leave the"
    " annotation out and give the others variables like vault:PATH#KEY"
)


class Asker(msgspec.Struct, frozen=True):
    """A pod whose images are looked into."""

    namespace: str
    spec: PodSpec
    options: Options


async def find_commands(
    containers: Mapping[str, Container], asker: Asker, images: ImageLookup | None
) -> dict[str, list[str] | Refused]:
    """Give for each container, by its path, what is started before its arguments, or why that is not known.

    Images are looked into at the same time.
    """
    commands: dict[str, list[str] | Refused] = {
        path: container.command for path, container in containers.items() if container.command
    }
    if len(commands) == len(containers):  # the usual case: there is nothing to gather
        return commands
    bare = {path: container for path, container in containers.items() if not container.command}
    review = images.for_review() if images is not None else None
    found = await asyncio.gather(*(find_command(container, asker, review) for container in bare.values()))
    commands.update(zip(bare, found, strict=True))
    return commands


async def find_command(container: Container, asker: Asker, images: ImageReview | None) -> list[str] | Refused:
    """Find what the image of a container without a command starts."""
    if images is None:
        return explain(container, asker, NOT_HERE)
    if not container.image:
        return explain(container, asker, "it has no image either")
    try:
        start = await images.find_start(ask(container.image, asker))
    except RegistryError as error:
        return explain(container, asker, f"its image could not be looked into: {error}")
    words = list_words(start, container)
    if not words and not container.args:
        return explain(container, asker, STARTS_NOTHING)
    # What kubelet expands is `$(NAME)` in what a pod says, and not in what an image says.
    return [escape_dollars(word) for word in words]


def list_words(start: ImageStart, container: Container) -> list[str]:
    """Give the words of an image that a container's arguments come after."""
    entrypoint = () if start.entrypoint == RESET else start.entrypoint
    return [*entrypoint, *(() if container.args else start.command)]


def explain(container: Container, asker: Asker, reason: str) -> Refused:
    """Say what to do about a container without a command."""
    template = NO_COMMAND_OF_ANY if asker.options.vault_env_from_path else NO_COMMAND
    key = name_annotation("vault_env_from_path", asker.options.provider)
    return Refused(template.format(show(container.name or ""), advice=ADVICE, reason=reason, key=key))


def ask(image: str, asker: Asker) -> ImageQuestion:
    """Make the question about an image."""
    spec = asker.spec
    wanted = tuple(dict.fromkeys(list_architectures(spec)))
    unwanted = sorted(list_unwanted_architectures(spec).difference(wanted))
    return ImageQuestion(
        image=image,
        namespace=asker.namespace,
        pull_secrets=tuple(one.name for one in spec.image_pull_secrets or () if one.name),
        service_account=name_service_account(spec),
        architectures=wanted,
        skips_verification=asker.options.registry_skip_verify,
        unwanted_architectures=tuple(unwanted),
    )


def list_architectures(spec: PodSpec) -> Iterator[str]:
    """Give the architectures of the nodes that a pod may run on, as far as it says so, the preferred ones first.

    What is preferred counts among what is required; where nothing is, it is all that is known.
    """
    selected = [wanted for label in ARCHITECTURE_LABELS if (wanted := (spec.node_selector or {}).get(label))]
    required = selected or [name for term in list_required_terms(spec) for name in list_values(term, AMONG)]
    preferred = [name for one in list_preferred(spec) for name in list_values(one.preference, AMONG)]
    yield from (name for name in preferred if name in required or not required)
    yield from required


def list_unwanted_architectures(spec: PodSpec) -> set[str]:
    """Give the architectures of nodes on which a pod must not run, or does not like to."""
    terms = [set(list_values(term, NOT_AMONG)) for term in list_required_terms(spec)]
    forbidden = set.intersection(*terms) if terms else set()  # a node must meet one of the terms
    return forbidden.union(*(list_values(one.preference, NOT_AMONG) for one in list_preferred(spec)))


def list_preferred(spec: PodSpec) -> list[PreferredTerm]:
    """Give the terms that a node had better meet, the weightiest first."""
    affinity = spec.affinity.node_affinity if spec.affinity else None
    preferred = (affinity.preferred or []) if affinity else []
    return sorted(preferred, key=lambda one: -(one.weight or 0))


def list_values(term: NodeSelectorTerm | None, operator: str) -> list[str]:
    """Give the architectures that a term names with an operator."""
    return [
        value
        for requirement in (term.match_expressions or () if term else ())
        if requirement.key in ARCHITECTURE_LABELS and requirement.operator == operator
        for value in requirement.values or ()
    ]
