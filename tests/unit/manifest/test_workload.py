"""Objects in documents and lists, and where the pod is in each kind."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from vault_secrets_webhook.manifest.document import Document, InvalidManifest, read_documents
from vault_secrets_webhook.manifest.workload import TEMPLATES, find_template, list_objects

POD: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}


def make_document(value: Any) -> Document:
    (document,) = read_documents("x.json", json.dumps(value).encode()).documents
    return document


def nest(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return value  # type: ignore[no-any-return] # a mapping, for a path that is not empty


@pytest.mark.parametrize(("group", "kind"), TEMPLATES)
def test_template_of_every_kind(group: str, kind: str) -> None:
    path = TEMPLATES[group, kind]
    version = f"{group}/v1" if group else "v1"
    content = nest(path, POD) if path else POD
    document = make_document({"apiVersion": version, "kind": kind, **content})
    (one,) = list_objects(document)
    template = find_template(one)
    assert template is not None
    assert template.pointer == "".join(f"/{name}" for name in path)
    assert template.value["spec"] == POD["spec"]


NO_TEMPLATE: dict[str, dict[str, Any]] = {
    "other kind": {"apiVersion": "v1", "kind": "Service", "spec": {"template": POD}},
    "same kind of another group": {"apiVersion": "example.com/v1", "kind": "Deployment", "spec": {"template": POD}},
    "Pod of another group": {"apiVersion": "example.com/v1", "kind": "Pod", **POD},
    "without spec": {"apiVersion": "apps/v1", "kind": "Deployment"},
    "null template": {"apiVersion": "v1", "kind": "ReplicationController", "spec": {"template": None}},
}


@pytest.mark.parametrize("value", NO_TEMPLATE.values(), ids=NO_TEMPLATE)
def test_no_template(value: dict[str, Any]) -> None:
    (one,) = list_objects(make_document(value))
    assert find_template(one) is None


def name(kind: str, title: str, **metadata: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": title, **metadata}}


# Document -> place, kind and pointer of each object.
LISTS: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "object": (name("Pod", "a"), [("x.json, document 1, Pod a", "")]),
    "namespace": (name("Pod", "a", namespace="shop"), [("x.json, document 1, Pod shop/a", "")]),
    "generated name": (
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}},
        [("x.json, document 1, Pod a-", "")],
    ),
    "no name": ({"apiVersion": "v1", "kind": "Pod"}, [("x.json, document 1, Pod (no name)", "")]),
    "List": (
        {"apiVersion": "v1", "kind": "List", "items": [name("Pod", "a"), name("Secret", "b")]},
        [("x.json, document 1, Pod a", "/items/0"), ("x.json, document 1, Secret b", "/items/1")],
    ),
    "typed list": (
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{"metadata": {"name": "a"}}]},
        [("x.json, document 1, Deployment a", "/items/0")],
    ),
    "List in a List": (
        {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "PodList", "items": [POD]}]},
        [("x.json, document 1, Pod (no name)", "/items/0/items/0")],
    ),
    "empty List": ({"apiVersion": "v1", "kind": "List", "items": []}, []),
    "kind that only ends like a list": (
        {"apiVersion": "x/v1", "kind": "AllowList", "spec": {}},
        [("x.json, document 1, AllowList (no name)", "")],
    ),
}


@pytest.mark.parametrize(("value", "expected"), LISTS.values(), ids=LISTS)
def test_objects(value: Any, expected: list[tuple[str, str]]) -> None:
    objects = list(list_objects(make_document(value)))
    assert [(one.place(), one.pointer) for one in objects] == expected


def test_items_of_a_typed_list_have_its_group() -> None:
    value = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{"spec": {"template": POD}}]}
    (one,) = list_objects(make_document(value))
    assert find_template(one) is not None


def find_templates(document: Document) -> None:
    for one in list_objects(document):
        find_template(one)


WRONG: dict[str, tuple[Any, str]] = {
    "list": ({"apiVersion": "v1", "kind": "List", "items": [[]]}, "items/0: an object is needed, and this is a list"),
    "no kind": ({"apiVersion": "v1"}, "x.json, document 1: kind is missing: is this a manifest?"),
    "values file": ({"replicas": 1}, "apiVersion is missing"),
    "item without kind": ({"apiVersion": "v1", "kind": "List", "items": [{}]}, "items/0: apiVersion is missing"),
    "kind is a number": ({"apiVersion": "v1", "kind": 3}, "kind must be text, and is a number: quote it"),
    "metadata is text": ({"apiVersion": "v1", "kind": "Pod", "metadata": "a"}, "metadata must be a mapping"),
    "name is a number": ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 1}}, "name must be text"),
    "name is a boolean": ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": True}}, "is a boolean: quote it"),
    "template is a list": (
        {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": []}}}},
        "CronJob (no name): spec.jobTemplate.spec.template must be a mapping, and is a list",
    ),
    "spec is text": (
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": "x"},
        "spec must be a mapping, and is text",
    ),
}


@pytest.mark.parametrize(("value", "message"), WRONG.values(), ids=WRONG)
def test_wrong(value: Any, message: str) -> None:
    with pytest.raises(InvalidManifest, match=re.escape(message)):
        find_templates(make_document(value))


def test_document_that_is_no_object() -> None:
    (document,) = read_documents("x", b"- a\n").documents
    with pytest.raises(InvalidManifest, match="x, document 1: an object is needed, and this is a list"):
        list(list_objects(document))


def test_document_without_content_has_no_objects() -> None:
    (document,) = read_documents("x", b"# nothing\n").documents
    assert list(list_objects(document)) == []
