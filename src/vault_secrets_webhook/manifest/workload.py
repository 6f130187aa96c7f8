"""Objects of a document, and where the pod is in them.

A list (`kind: List`, or a typed one such as DeploymentList) stands for the objects in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .document import InvalidManifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Document
    from .yamltext import JSON

LIST = "List"
CORE, APPS, BATCH, OLD = "", "apps", "batch", "extensions"
IN_SPEC = ("spec", "template")
# API group and kind -> where the pod, or the template of pods, is.
TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    (CORE, "Pod"): (),
    (CORE, "PodTemplate"): ("template",),
    (CORE, "ReplicationController"): IN_SPEC,
    (APPS, "Deployment"): IN_SPEC,
    (APPS, "StatefulSet"): IN_SPEC,
    (APPS, "DaemonSet"): IN_SPEC,
    (APPS, "ReplicaSet"): IN_SPEC,
    (OLD, "Deployment"): IN_SPEC,
    (OLD, "DaemonSet"): IN_SPEC,
    (OLD, "ReplicaSet"): IN_SPEC,
    (BATCH, "Job"): IN_SPEC,
    (BATCH, "CronJob"): ("spec", "jobTemplate", *IN_SPEC),
}


class Object(NamedTuple):
    """An object: the document it is from, the JSON Pointer to it in that, and itself."""

    document: Document
    pointer: str
    value: dict[str, JSON]
    api_version: str
    kind: str
    name: str
    namespace: str

    def place(self) -> str:
        """Name the object for a message."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.document.place()}, {self.kind} {name or '(no name)'}"

    @property
    def group(self) -> str:
        """The API group; the core group is empty."""
        group, slash, _ = self.api_version.partition("/")
        return group if slash else CORE


class Template(NamedTuple):
    """A pod, or what pods are made from: `pointer` leads to it from the object."""

    pointer: str
    value: dict[str, JSON]


def list_objects(document: Document) -> Iterator[Object]:
    """Give the objects of a document. Raises InvalidManifest for what is none."""
    if document.value is not None:
        yield from walk_objects(document, "", document.value, "", "")


def walk_objects(document: Document, pointer: str, value: JSON, api_version: str, kind: str) -> Iterator[Object]:
    """Give an object, or those of a list. `api_version` and `kind` are what a typed list says about its items."""
    where = document.place() + (f", {pointer[1:]}" if pointer else "")
    if not isinstance(value, dict):
        raise InvalidManifest(f"{where}: an object is needed, and this is {describe(value)}")
    api_version = read_text(where, value, "apiVersion") or api_version
    kind = read_text(where, value, "kind") or kind
    if not api_version or not kind:
        raise InvalidManifest(f"{where}: {'kind' if api_version else 'apiVersion'} is missing: is this a manifest?")
    items = value.get("items")
    if kind.endswith(LIST) and isinstance(items, list):
        inner_kind = kind.removesuffix(LIST)
        for index, item in enumerate(items):
            inner_version = api_version if inner_kind else ""
            yield from walk_objects(document, f"{pointer}/items/{index}", item, inner_version, inner_kind)
        return
    metadata = read_mapping(where, value, "metadata") or {}
    name = read_text(where, metadata, "name") or read_text(where, metadata, "generateName")
    namespace = read_text(where, metadata, "namespace")
    yield Object(document, pointer, value, api_version, kind, name, namespace)


def find_template(one: Object) -> Template | None:
    """Find the pod in an object; None when its kind has none, or it lacks it. Raises InvalidManifest."""
    path = TEMPLATES.get((one.group, one.kind))
    if path is None:
        return None
    levels = list_levels(one, path)
    return Template("".join(f"/{name}" for name in path), levels[-1]) if len(levels) > len(path) else None


def list_levels(one: Object, path: tuple[str, ...]) -> list[dict[str, JSON]]:
    """Give the mappings on a way, from the object down, as far as it leads. Raises InvalidManifest."""
    levels = [one.value]
    for depth, name in enumerate(path):
        inner = read_mapping(one.place(), levels[-1], name, path[:depth])
        if inner is None:
            break
        levels.append(inner)
    return levels


def find_metadata(one: Object, outer: dict[str, JSON], field: str, above: tuple[str, ...] = ()) -> dict[str, JSON]:
    """Give annotations or labels of an object, or of something in it at `above`. Raises InvalidManifest."""
    metadata = read_mapping(one.place(), outer, "metadata", above) or {}
    return read_mapping(one.place(), metadata, field, (*above, "metadata")) or {}


def read_mapping(where: str, outer: dict[str, JSON], name: str, above: tuple[str, ...] = ()) -> dict[str, JSON] | None:
    value = outer.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise InvalidManifest(f"{where}: {'.'.join((*above, name))} must be a mapping, and is {describe(value)}")


def read_text(where: str, outer: dict[str, JSON], name: str) -> str:
    value = outer.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidManifest(f"{where}: {name} must be text, and is {describe(value)}: quote it")
    return value


def describe(value: JSON) -> str:
    """Name the kind of a value, and not the value."""
    if isinstance(value, bool):
        return "a boolean"
    kinds = {list: "a list", dict: "a mapping", str: "text", int: "a number", float: "a number"}
    return kinds.get(type(value), "nothing")
