from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec
import pytest

from vault_secrets_webhook.webhook.mutate.patch import Patch, escape


def apply(patch: Patch, document: Any) -> Any:
    return jsonpatch.JsonPatch(msgspec.json.decode(msgspec.json.encode(patch.operations))).apply(document)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, {"a": [1, 2]}),
        ({"a": None}, {"a": [1, 2]}),
        ({"a": []}, {"a": [1, 2]}),
        ({"a": [0]}, {"a": [0, 1, 2]}),
    ],
)
def test_append(document: dict[str, Any], expected: Any) -> None:
    patch = Patch()
    patch.append("/a", document.get("a"), [1, 2])
    assert apply(patch, document) == expected


@pytest.mark.parametrize("existing", [None, [], [0]])
def test_append_nothing(existing: list[int] | None) -> None:
    patch = Patch()
    patch.append("/a", existing, [])
    patch.prepend("/a", existing, [])
    assert patch.operations == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, {"a": [1, 2]}),
        ({"a": None}, {"a": [1, 2]}),
        ({"a": [0]}, {"a": [1, 2, 0]}),
    ],
)
def test_prepend(document: dict[str, Any], expected: Any) -> None:
    patch = Patch()
    patch.prepend("/a", document.get("a"), [1, 2])
    assert apply(patch, document) == expected


def test_add_and_replace() -> None:
    patch = Patch()
    patch.add("/new", "x")
    patch.add("/there", "y")
    patch.replace("/list/1", {"z": 1})
    assert apply(patch, {"there": 1, "list": [0, 1, 2]}) == {"new": "x", "there": "y", "list": [0, {"z": 1}, 2]}


@pytest.mark.parametrize("name", ["a/b", "a~b", "~1", "/", "~0/~1", ""])
def test_escape(name: str) -> None:
    patch = Patch()
    patch.add("/" + escape(name), 1)
    assert apply(patch, {}) == {name: 1}
