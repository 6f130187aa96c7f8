"""What the author of a manifest has probably overlooked: annotations where nobody reads them, references that stay.

Only `mutate` can tell, because it sees the whole manifest; the webhook sees pods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.inject.reference import BAO_SCHEME, SCHEME, has_reference
from vault_secrets_webhook.manifest.workload import TEMPLATES, find_metadata, list_levels
from vault_secrets_webhook.webhook.annotations import NEW_PREFIX, PREFIX
from vault_secrets_webhook.webhook.lookup import CONFIG_MAP, SECRET
from vault_secrets_webhook.webhook.mutate.sources import list_sources

from .input import read_secret, read_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from vault_secrets_webhook.manifest.workload import Object
    from vault_secrets_webhook.manifest.yamltext import JSON
    from vault_secrets_webhook.webhook.mutate.spec import Pod

SCHEMES = SCHEME, BAO_SCHEME
VALUES = "and values are put in by the webhook, if it is asked about the object"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # the whole object once more


class Taken(NamedTuple):
    """A key of a Secret or ConfigMap, or with `key` None all of them, that some container has as variables."""

    kind: str
    namespace: str
    name: str
    key: str | None


def list_taken(pod: Pod, namespace: str) -> Iterator[Taken]:
    """Give what the containers of a pod take."""
    spec = pod.spec
    if spec is not None:
        for container in (*(spec.init_containers or ()), *(spec.containers or ())):
            for source in list_sources(container):
                yield Taken(source.object.kind, namespace, source.object.name, source.key)


def find_misplaced_annotations(one: Object) -> list[str]:
    """Give a sentence for each of our annotations that stands above the pod template. Raises InvalidManifest."""
    path = TEMPLATES.get((one.group, one.kind), ())
    levels = list_levels(one, path)
    if len(levels) <= len(path):
        return []
    meant = find_metadata(one, levels[-1], "annotations", path)
    place = ".".join((*path, "metadata", "annotations"))
    return [
        f"annotation {key} stands on {'.'.join(path[:depth]) or f'the {one.kind}'} and has no effect there:"
        f" it belongs into {place}"
        for depth, level in enumerate(levels[:-1])
        for key in find_metadata(one, level, "annotations", path[:depth])
        if key.startswith((PREFIX, NEW_PREFIX)) and key not in meant
    ]


def find_kept_references(one: Object, namespace: str, taken: Collection[Taken]) -> str:
    """Say that an object without a pod holds references that nothing resolves; "" when it holds none.

    `namespace` is the object's. References in what a container takes as variables are found by vault-env.
    """
    if is_source(one):
        keys = [key for key, text in list_data(one) if has_reference(text, SCHEMES)]
        left = [key for key in keys if not is_taken(Taken(one.kind, namespace, one.name, key), taken)]
        return describe_kept([f"data.{key}" for key in left], f"no container of the input takes it, {VALUES}")
    kept = [place for place, text in list_texts(one.value) if has_reference(text, SCHEMES)]
    return describe_kept(kept, f"a {one.kind} has no pod that is known here, {VALUES}")


def describe_kept(places: list[str], reason: str) -> str:
    if not places:
        return ""
    others = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return f"{places[0]}{others} holds a reference, which stays: {reason}"


def is_source(one: Object) -> bool:
    """Tell whether variables of containers can be taken from an object."""
    return one.api_version == "v1" and one.kind in {SECRET, CONFIG_MAP}


def is_taken(one: Taken, taken: Collection[Taken]) -> bool:
    return one in taken or one._replace(key=None) in taken


def list_data(one: Object) -> Iterable[tuple[str, str]]:
    """Give the keys and values of a Secret or ConfigMap. Raises InvalidManifest."""
    if one.kind == CONFIG_MAP:
        return read_texts(one, "data").items()
    return ((key, value.decode(errors="replace")) for key, value in read_secret(one).items())


def list_texts(value: JSON, place: str = "") -> Iterator[tuple[str, str]]:
    """Give each text in a value, and where it is, as `spec.items[0].name`."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from list_texts(inner, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != LAST_APPLIED:
                yield from list_texts(inner, f"{place}.{key}" if place else key)
