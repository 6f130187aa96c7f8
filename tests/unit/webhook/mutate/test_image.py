"""What the words of an image become, so that kubelet leaves them as they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.registry import FakeImages
from tests.unit.webhook.serving import make_settings
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotations import PREFIX
from vault_secrets_webhook.webhook.mutate.copying import escape_dollars
from vault_secrets_webhook.webhook.mutate.image import Asker, ask, find_commands
from vault_secrets_webhook.webhook.mutate.spec import Container, PodSpec

if TYPE_CHECKING:
    from collections.abc import Mapping


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Expand as kubelet does: `Expand` and `tryReadVariableName` of k8s.io/kubernetes/third_party/forked/golang."""
    written, index = "", 0
    while index < len(text):
        following = text[index + 1 : index + 2]
        end = text.find(")", index)
        if text[index] != "$" or not following:
            written, index = written + text[index], index + 1
        elif following == "$":
            written, index = written + "$", index + 2
        elif following == "(" and end >= 0:
            name = text[index + 2 : end]
            written, index = written + environment.get(name, f"$({name})"), end + 1
        else:
            written, index = written + "$" + following, index + 2
    return written


@given(st.text(alphabet="$()Aa") | st.text())
def test_kubelet_gives_back_what_the_image_says(text: str) -> None:
    assert expand(escape_dollars(text), {"A": "expanded", "": "x"}) == text


IMAGES: dict[str, dict[str, Any]] = {
    "both": {"entrypoint": ["/app", "$(A)"], "cmd": ["serve", "$"]},
    "entrypoint": {"entrypoint": ["/app"]},
    "cmd": {"cmd": ["/app"]},
    "reset": {"entrypoint": [""], "cmd": ["/app"]},
    "nothing": {},
    "only reset": {"entrypoint": [""]},
    "wrong": {"error": "the registry burns"},
}


def find(*documents: dict[str, Any], images: FakeImages | None = None, **changes: str) -> list[Any]:
    options = msgspec.structs.replace(make_settings().defaults, **changes)
    containers = {str(index): msgspec.convert(one, Container) for index, one in enumerate(documents)}
    found = asyncio.run(find_commands(containers, Asker("shop", PodSpec(), options), images))
    return [found[path] for path in containers]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"image": "both"}, ["/app", "$$(A)", "serve", "$$"]),
        ({"image": "both", "args": []}, ["/app", "$$(A)", "serve", "$$"]),
        ({"image": "both", "command": []}, ["/app", "$$(A)", "serve", "$$"]),
        ({"image": "both", "args": ["$(B)"]}, ["/app", "$$(A)"]),
        ({"image": "both", "command": ["$(B)"]}, ["$(B)"]),
        ({"image": "entrypoint"}, ["/app"]),
        ({"image": "cmd"}, ["/app"]),
        ({"image": "cmd", "args": ["/other"]}, []),
        ({"image": "reset"}, ["/app"]),
        ({"image": "reset", "args": ["/other"]}, []),
        ({"image": "nothing", "args": ["/other"]}, []),
        ({"command": ["/app"]}, ["/app"]),
    ],
)
def test_command(document: dict[str, Any], expected: list[str]) -> None:
    assert find(document, images=FakeImages(IMAGES)) == [expected]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"image": "nothing"}, "its image has neither ENTRYPOINT nor CMD"),
        ({"image": "only reset"}, "its image has neither ENTRYPOINT nor CMD"),
        ({"image": "wrong"}, "its image could not be looked into: the registry burns"),
        ({"image": ""}, "it has no image either"),
        ({}, "it has no image either"),
    ],
)
def test_no_command(document: dict[str, Any], reason: str) -> None:
    named = {"name": "app", **document}
    (refusal,) = find(named, images=FakeImages(IMAGES))
    assert isinstance(refusal, Refused)
    start = (
        "container 'app' has no command: write the image's ENTRYPOINT into `command` (and CMD into `args`), because "
    )
    assert str(refusal) == start + reason
    (refusal,) = find(named, images=FakeImages(IMAGES), vault_env_from_path="secret/data/a")
    assert str(refusal).startswith(
        f"annotation {PREFIX}vault-env-from-path is for every container, and container 'app' has"
    )
    assert f"because {reason}; or, if the container is not yours" in str(refusal)


def test_where_no_image_is_looked_into() -> None:
    has, has_not = find({"command": ["/app"]}, {"image": "both"})
    assert has == ["/app"]
    assert str(has_not).endswith("because images are not looked into here (without --cluster)")


def test_containers_are_told_apart() -> None:
    images = FakeImages(IMAGES)
    found = find({"image": "cmd"}, {"command": ["/own"]}, {"image": "both"}, images=images)
    assert found == [["/app"], ["/own"], ["/app", "$$(A)", "serve", "$$"]]
    assert [question.image for question in images.asked] == ["cmd", "both"]


def test_an_object_is_begun_with_once() -> None:
    images = FakeImages(IMAGES)
    find({"image": "cmd"}, {"image": "both"}, {"command": ["/own"]}, images=images)
    assert images.reviews == 1


def term(operator: str, *values: str, key: str = "kubernetes.io/arch") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def affinity(required: list[dict[str, Any]], preferred: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    terms = [{"weight": weight, "preference": one} for weight, one in preferred]
    return {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": required},
                "preferredDuringSchedulingIgnoredDuringExecution": terms,
            }
        }
    }


ARM, AMD, S390 = "arm64", "amd64", "s390x"
ARCHITECTURES: dict[str, tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ({}, (), ()),
    "nulls": ({"affinity": {"nodeAffinity": None}, "nodeSelector": None}, (), ()),
    "selector": ({"nodeSelector": {"kubernetes.io/arch": ARM}}, (ARM,), ()),
    "old label": ({"nodeSelector": {"beta.kubernetes.io/arch": ARM}}, (ARM,), ()),
    "required": (affinity([term("In", ARM, AMD)], []), (ARM, AMD), ()),
    "selector before affinity": (
        {"nodeSelector": {"kubernetes.io/arch": S390}, **affinity([term("In", ARM)], [])},
        (S390,),
        (),
    ),
    "preferred": (affinity([], [(1, term("In", ARM)), (50, term("In", AMD))]), (AMD, ARM), ()),
    "preferred of the required": (
        affinity([term("In", AMD, ARM)], [(1, term("In", S390)), (1, term("In", ARM))]),
        (ARM, AMD),
        (),
    ),
    "not": (affinity([term("NotIn", ARM, S390)], []), (), (ARM, S390)),
    "not in all terms": (affinity([term("NotIn", ARM, S390), term("NotIn", S390)], []), (), (S390,)),
    "not in one term": (affinity([term("NotIn", ARM), term("In", AMD)], []), (AMD,), ()),
    "preferred not": (affinity([], [(1, term("NotIn", ARM))]), (), (ARM,)),
    "wanted after all": (affinity([term("In", ARM)], [(1, term("NotIn", ARM))]), (ARM,), ()),
    "other labels": (affinity([term("NotIn", "a", key="zone")], [(1, term("In", "b", key="zone"))]), (), ()),
    "other operators": (affinity([term("Exists"), term("Gt", "1")], []), (), ()),
    "broken terms": (
        {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{}, {"weight": 1}]}}},
        (),
        (),
    ),
}


@pytest.mark.parametrize(("spec", "wanted", "unwanted"), ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_architectures(spec: dict[str, Any], wanted: tuple[str, ...], unwanted: tuple[str, ...]) -> None:
    question = ask("app", Asker("shop", msgspec.convert(spec, PodSpec), make_settings().defaults))
    assert (question.architectures, question.unwanted_architectures) == (wanted, unwanted)
