"""Our patches applied by us, and by a library that knows the whole of RFC 6902."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import jsonpatch
import pytest

from vault_secrets_webhook.manifest.patch import apply_patch


class Step(NamedTuple):
    op: str
    path: str
    value: Any


START: dict[str, Any] = {"a": {"b": [1, {"c": 2}], "d/e": 1, "f~g": 2}, "n": None}

PATCHES: dict[str, list[Step]] = {
    "new member": [Step("add", "/a/x", {"y": 1})],
    "member that is there": [Step("add", "/n", [])],
    "append": [Step("add", "/a/b/-", 3)],
    "insert": [Step("add", "/a/b/0", 0)],
    "insert behind the last": [Step("add", "/a/b/2", 0)],
    "replace an element": [Step("replace", "/a/b/0", "x")],
    "replace a member": [Step("replace", "/a/b/1/c", None)],
    "escaped names": [Step("replace", "/a/d~1e", 3), Step("replace", "/a/f~0g", 4)],
    "one upon another": [Step("add", "/list", []), Step("add", "/list/-", {"a": 1}), Step("add", "/list/0/b", 2)],
}


@pytest.mark.parametrize("steps", PATCHES.values(), ids=PATCHES)
def test_same_as_the_library(steps: list[Step]) -> None:
    value = deepcopy(START)
    apply_patch(value, steps)
    assert value == jsonpatch.apply_patch(START, [step._asdict() for step in steps])
    assert value != START


def test_prefix() -> None:
    value: dict[str, Any] = {"spec": {"template": {}}}
    apply_patch(value, [Step("add", "/metadata", {})], "/spec/template")
    assert value == {"spec": {"template": {"metadata": {}}}}


def test_values_are_copied() -> None:
    """One value that is put into two places stays two."""
    shared: dict[str, Any] = {}
    value: dict[str, Any] = {}
    apply_patch(value, [Step("add", "/a", shared), Step("add", "/b", shared), Step("add", "/a/x", 1)])
    assert value == {"a": {"x": 1}, "b": {}}
    assert shared == {}


@pytest.mark.parametrize(
    "step",
    [
        Step("replace", "/nowhere", 1),
        Step("add", "/nowhere/x", 1),
        Step("replace", "/a/b/7", 1),
        Step("add", "/a/d~1e/x", 1),
        Step("remove", "/a", None),
    ],
    ids=str,
)
def test_wrong_path(step: Step) -> None:
    with pytest.raises(ValueError, match="there is no such place"):
        apply_patch(deepcopy(START), [step])
