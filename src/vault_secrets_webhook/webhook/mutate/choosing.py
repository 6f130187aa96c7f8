"""Which containers of a pod are changed: those that hold a reference, unless somebody said otherwise.

Left alone are pods for Windows, where the executable does not run; containers that are wrapped already, by us or by a
webhook that we may be installed beside; those that copy the executable, because they run before it is there; and those
that annotations exclude. Ephemeral containers never come here: they are added to a running pod by an update of its
subresource, whose volumes and init containers cannot change any more (KEP-277).

What a RuntimeClass says of its nodes the API server has put into the pod's node selector before a webhook sees it
(admission plugin RuntimeClass, https://kubernetes.io/docs/concepts/containers/runtime-class/#scheduling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.webhook.annotation_names import name_annotation
from vault_secrets_webhook.webhook.message import show

from .agents import is_agent
from .container import is_wrapped
from .copying import is_copying
from .sources import check_literals, find_references
from .spec import list_containers, list_required_terms

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vault_secrets_webhook.webhook.lookup import ObjectLookup
    from vault_secrets_webhook.webhook.options import Options

    from .sources import Search
    from .spec import Container, NodeSelectorTerm, PodSpec, SecurityContext

WINDOWS = "windows"
SYSTEM_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")
AMONG = "In"


class Place(msgspec.Struct, frozen=True):
    """A container and where it is. `turn` is the index of an init container, -1 for the others."""

    path: str
    turn: int
    container: Container

    def name(self) -> str:
        """Give the container's name, which was not validated yet."""
        return self.container.name or ""


def is_windows(spec: PodSpec) -> bool:
    """Tell whether the pod is for Windows nodes: it says so, asks for such nodes, or has settings for Windows only."""
    if spec.os is not None and spec.os.name:
        return spec.os.name == WINDOWS
    selector = spec.node_selector
    if selector is not None and any(selector.get(label) == WINDOWS for label in SYSTEM_LABELS):
        return True
    if spec.affinity is not None and requires_windows(spec):
        return True
    if has_windows_options(spec.security_context):
        return True
    for containers in (spec.init_containers, spec.containers):
        for one in containers or ():
            if one.security_context is not None and has_windows_options(one.security_context):
                return True
    return False


def has_windows_options(context: SecurityContext | None) -> bool:
    return context is not None and bool(context.windows_options)


def requires_windows(spec: PodSpec) -> bool:
    """Tell whether node affinity leaves the pod no other nodes: one of its terms must hold, and each asks so."""
    terms = list_required_terms(spec)
    return bool(terms) and all(map(is_for_windows, terms))


def is_for_windows(term: NodeSelectorTerm) -> bool:
    return any(
        one.key in SYSTEM_LABELS and one.operator == AMONG and one.values == [WINDOWS]
        for one in term.match_expressions or ()
    )


class Survey(msgspec.Struct, frozen=True):
    """The containers of a pod that its author has put into it, init containers first.

    `included` are those that annotations do not exclude, `wrapped` those that are wrapped already, `candidates` those
    that are included and not wrapped. `marked` are the names of those that we once wrapped.
    """

    places: list[Place]
    marked: Collection[str]
    included: list[Place]
    wrapped: list[Place]
    candidates: list[Place]

    def list_wrapped(self, chosen: Sequence[Place]) -> list[str]:
        """Name the containers that are wrapped, those among them that were chosen for it now."""
        paths = {place.path for place in (*self.wrapped, *chosen)}
        return [place.name() for place in self.places if place.path in paths]


def survey_containers(spec: PodSpec, options: Options, marked: Collection[str]) -> Survey:
    """Look at the containers of a pod.

    Those that copy an executable, or a token for it, and agents were put into it by a webhook, and are never changed.
    """
    places: list[Place] = []
    has_copier = False
    for turn, one in enumerate(spec.init_containers or ()):
        if is_copying(one):
            has_copier = True
        elif not is_agent(one):
            places.append(Place(f"/spec/initContainers/{turn}", turn, one))
    for index, one in enumerate(spec.containers or ()):
        if not is_agent(one):
            places.append(Place(f"/spec/containers/{index}", -1, one))
    wrapped = [place for place in places if is_wrapped(place.container, marked, has_copier=has_copier)]
    included = candidates = leave_out_excluded(places, options)
    if wrapped:
        paths = {place.path for place in wrapped}
        candidates = [place for place in included if place.path not in paths]
    return Survey(places, marked, included, wrapped, candidates)


def leave_out_excluded(places: list[Place], options: Options) -> list[Place]:
    """Give the places that annotations do not exclude."""
    only, skipped = options.only_containers, options.skip_containers
    if not only and not skipped:  # the usual case
        return places
    return [place for place in places if place.name() not in skipped and (not only or place.name() in only)]


def warn_of_strangers(options: Options, spec: PodSpec) -> list[str]:
    """Warn of names in annotations that no container has."""
    if not options.only_containers and not options.skip_containers:  # the usual case
        return []
    present = {one.name for one in list_containers(spec)}
    named = {"only_containers": options.only_containers, "skip_containers": options.skip_containers}
    return [
        f"annotation {name_annotation(field, options.provider)}: the pod has no container {show(min(strangers))}"
        for field, names in named.items()
        if (strangers := names - present)
    ]


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
