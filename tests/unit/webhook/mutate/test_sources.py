"""Which containers hold a reference, and what the cluster is asked to find out."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.fakes.cluster import NAMESPACE, FakeCluster
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotations import PROVIDER
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.mutate.sources import Search, find_references
from vault_secrets_webhook.webhook.mutate.spec import Container
from vault_secrets_webhook.webhook.refusals import Refusals


def search(cluster: FakeCluster, *containers: dict[str, Any]) -> tuple[list[bool], Search]:
    decoded = msgspec.convert([{"name": f"c{at}", **one} for at, one in enumerate(containers)], list[Container])
    result = Search(Refusals())
    return asyncio.run(find_references(decoded, NAMESPACE, cluster, result)), result


def find(cluster: FakeCluster, *containers: dict[str, Any]) -> list[bool]:
    found, result = search(cluster, *containers)
    result.refusals.check()
    return found


def literal(text: Any) -> dict[str, Any]:
    return {"env": [{"name": "A", "value": "plain"}, {"name": "B", "value": text}]}


def secret_key(name: Any = "s", key: Any = "k", **more: Any) -> dict[str, Any]:
    return {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": name, "key": key, **more}}}]}


def map_key(name: str = "m", key: str = "k", **more: Any) -> dict[str, Any]:
    return {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": name, "key": key, **more}}}]}


def whole_secret(name: str = "s", **more: Any) -> dict[str, Any]:
    return {"envFrom": [{"prefix": "P_", "secretRef": {"name": name, **more}}]}


def whole_map(name: str = "m", **more: Any) -> dict[str, Any]:
    return {"envFrom": [{"configMapRef": {"name": name, **more}}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vault:secret/data/a#b", True),
        ("vault:secret/data/a#b#3", True),
        (">>vault:pki/issue/a#certificate#{}", True),
        ("x ${vault:a#b} y ${>>vault:c#d} z", True),
        ("vault:login", True),
        ("vault:v1:abc==", True),
        ("vault:a#${.user}:${.password | urlquery}", True),
        ("vault:$(PATH_AND_KEY)", True),
        ("${vault:$(REST)}", True),
        ("", False),
        (None, False),
        ("plain", False),
        ("see vault:a#b", False),
        ("http://vault:8200", False),
        ("${other}", False),
        ("$(vault:a#b)", False),
        (" vault:a#b", False),
    ],
)
def test_literal(text: Any, expected: bool) -> None:
    cluster = FakeCluster()
    assert find(cluster, literal(text)) == [expected]
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vault:secret/data/a", "no key"),
        ("vault:#key", "the path is missing"),
        ("vault:a/../b#key", "a path must not have"),
        ("vault:a#b#new", "a version is a whole number"),
        ("${vault:login}", "no key"),
        ("user ${vault:a#b", "no }"),
    ],
)
def test_wrong_literal_is_refused(text: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        find(FakeCluster(), {}, literal(text))
    message = str(caught.value)
    assert caught.value.code == 422
    assert message.startswith("container 'c1', variable 'B': ")
    assert words in message
    assert "^" in message
    assert "user" not in message


OBJECTS: list[tuple[str, dict[str, Any], bool]] = [
    ("secret-key", secret_key("refs", "whole"), True),
    ("secret-key-inline", secret_key("refs", "inline"), True),
    ("secret-key-plain", secret_key("refs", "plain"), False),
    ("secret-key-bytes", secret_key("refs", "bytes"), False),
    ("secret-key-bytes-and-reference", secret_key("refs", "mixed"), True),
    ("secret-key-absent", secret_key("refs", "absent"), False),
    ("secret-absent", secret_key("absent", "whole"), False),
    ("map-key", map_key("refs", "whole"), True),
    ("map-key-plain", map_key("refs", "plain"), False),
    ("map-absent", map_key("absent", "whole"), False),
    ("whole-secret", whole_secret("refs"), True),
    ("whole-secret-plain", whole_secret("plain"), False),
    ("whole-secret-absent", whole_secret("absent"), False),
    ("whole-map", whole_map("refs"), True),
    ("whole-map-plain", whole_map("plain"), False),
    ("field", {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}, False),
    ("resource", {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}, False),
    ("nulls", {"env": [{"name": None, "value": None, "valueFrom": None}], "envFrom": [{"secretRef": None}]}, False),
    ("no-lists", {"env": None, "envFrom": None}, False),
]


@pytest.mark.parametrize(("container", "expected"), [row[1:] for row in OBJECTS], ids=[row[0] for row in OBJECTS])
def test_objects(container: dict[str, Any], expected: bool) -> None:
    cluster = FakeCluster(
        secrets={
            "refs": {
                "whole": b"vault:a#b",
                "inline": b"user:${vault:a#b}",
                "plain": b"hunter2",
                "bytes": b"\xff\xfevault:\x00",
                "mixed": b"\xff ${vault:a#b}",
            },
            "plain": {"a": b"1", "b": b"2"},
        },
        config_maps={"refs": {"whole": "vault:a#b", "plain": "x"}, "plain": {"a": "1"}},
    )
    assert find(cluster, container) == [expected]


def test_each_object_is_asked_for_once_and_only_for_containers_in_doubt() -> None:
    cluster = FakeCluster(secrets={"s": {"k": b"x"}})
    twice = {**secret_key("s"), **whole_secret("s")}
    known = {"env": [{"name": "A", "value": "vault:a#b"}], "envFrom": [{"secretRef": {"name": "other"}}]}
    assert find(cluster, twice, known, whole_map("s"), secret_key("s", "z")) == [False, True, False, False]
    assert sorted(cluster.asked) == [("ConfigMap", NAMESPACE, "s"), ("Secret", NAMESPACE, "s")]


def test_objects_are_asked_for_at_the_same_time() -> None:
    class Meeting(FakeCluster):
        """Answers nobody before all three have asked."""

        def __init__(self) -> None:
            super().__init__()
            self.barrier = asyncio.Barrier(3)

        async def secret(self, namespace: str, name: str) -> dict[str, bytes]:
            self.note("Secret", namespace, name)
            await self.barrier.wait()
            return {"k": b"vault:a#b"}

    async def meet() -> list[bool]:
        containers = msgspec.convert([secret_key("a"), secret_key("b"), whole_secret("c")], list[Container])
        async with asyncio.timeout(30):
            return await find_references(containers, NAMESPACE, Meeting(), Search(Refusals()))

    assert asyncio.run(meet()) == [True, True, True]


@pytest.mark.parametrize("name", ["", None, "../../configmaps/x", "a/b", "A", "a?b", "a" * 254, "a\n"])
def test_names_that_no_object_has_are_not_asked_for(name: Any) -> None:
    cluster = FakeCluster()
    assert find(cluster, secret_key(name), whole_secret(name)) == [False, False]
    assert cluster.asked == []


FORBIDDEN = KubernetesError("RBAC does not allow it", status=403)


@pytest.mark.parametrize("make", [secret_key, map_key, whole_secret, whole_map])
@pytest.mark.parametrize("more", [{}, {"optional": False}, {"optional": True}])
def test_failed_look_up(make: Any, more: dict[str, Any]) -> None:
    cluster = FakeCluster(failures={"broken": FORBIDDEN})
    if make in {whole_secret, whole_map} and more.get("optional"):
        assert find(cluster, make("broken", **more)) == [False]
        return
    with pytest.raises(KubernetesError) as caught:
        find(cluster, make("broken", **more))
    assert caught.value is FORBIDDEN


def test_what_is_forgiven_is_told() -> None:
    cluster = FakeCluster(failures={"broken": FORBIDDEN})
    one, plain = whole_secret("broken", optional=True), {"env": [{"name": "A", "value": "plain"}]}
    found, result = search(cluster, one, plain, one)
    assert found == [False, False, False]
    assert list(result.unread) == ["Secret broken: RBAC does not allow it"]
    assert [warning.split(", it could")[0] for warning in result.warnings] == [
        f"container '{name}', envFrom[0]: references in the optional Secret broken go unseen" for name in ("c0", "c2")
    ]


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (secret_key("absent"), "variable 'A': the Secret absent does not exist"),
        (map_key("absent"), "variable 'A': the ConfigMap absent does not exist"),
        (whole_secret("absent"), "envFrom[0]: the Secret absent does not exist"),
        (whole_map("absent", optional=False), "envFrom[0]: the ConfigMap absent does not exist"),
        (secret_key("there", "absent"), "variable 'A': the Secret there has no key 'absent'"),
        (secret_key("absent", optional=True), ""),
        (map_key("absent", optional=True), ""),
        (whole_secret("absent", optional=True), ""),
        (whole_map("absent", optional=True), ""),
        (secret_key("there", "absent", optional=True), ""),
        (secret_key("there", "k"), ""),
        (whole_secret("there"), ""),
    ],
)
def test_what_is_missing_and_needed_is_told(container: dict[str, Any], words: str) -> None:
    found, result = search(FakeCluster(secrets={"there": {"k": b"plain"}}), container)
    assert found == [False]
    assert len(result.warnings) == bool(words)
    assert not words or result.warnings[0].startswith(f"container 'c0', {words}")
    assert not result.unread


def test_a_container_that_is_changed_anyway_misses_nothing() -> None:
    cluster = FakeCluster(config_maps={"refs": {"k": "vault:a#b"}}, failures={"broken": FORBIDDEN})
    sources = [
        {"configMapRef": {"name": "refs"}},
        {"secretRef": {"name": "absent"}},
        {"secretRef": {"name": "broken", "optional": True}},
    ]
    found, result = search(cluster, {"envFrom": sources})
    assert found == [True]
    assert (result.warnings, [*result.unread]) == ([], [])


def test_warnings_are_bounded() -> None:
    _, result = search(FakeCluster(), *(whole_secret("absent") for _ in range(50)))
    assert len(result.warnings) == 10


def test_all_wrong_references_are_told_and_a_failed_look_up_does_not_hide_them() -> None:
    cluster = FakeCluster(secrets={"s": {"k": b"vault:x"}}, failures={"broken": FORBIDDEN})
    with pytest.raises(Refused) as caught:
        find(cluster, literal("vault:y"), whole_map("broken"), secret_key("s"), literal("vault:z"))
    message = str(caught.value)
    places = ["container 'c0', variable 'B'", "container 'c3', variable 'B'", "container 'c2', variable 'A': key 'k'"]
    assert [message.find(place) >= 0 for place in places] == [True] * 3


def test_an_endless_row_of_wrong_references_is_cut() -> None:
    env = [{"name": f"V{number}", "value": "vault:x"} for number in range(1000)]
    with pytest.raises(Refused) as caught:
        find(FakeCluster(), {"env": env})
    message = str(caught.value)
    assert message.count("no key") == 10
    assert message.endswith("... and there may be more: these are the first ones")


ANOTHER = (
    "bao: references have no effect with the provider of this pod: write vault:, or choose the provider by annotation"
    f" {PROVIDER}"
)


@pytest.mark.parametrize("text", ["bao:secret/data/a#b", ">>bao:a#b", "x ${bao:a#b} y", "${>>bao:a#b}"])
def test_a_reference_of_another_provider_warns_once(text: str) -> None:
    cluster = FakeCluster(secrets={"s": {"k": text.encode()}}, config_maps={"m": {"k": text}})
    for container, place in [
        (literal(text), "container 'c0', variable 'B': "),
        (secret_key("s"), "container 'c0', variable 'A': key 'k' of Secret s: "),
        (whole_map("m"), "container 'c0', envFrom[0]: key 'k' of ConfigMap m: "),
    ]:
        found, result = search(cluster, container)
        assert found == [False]
        assert result.warnings == [place + ANOTHER]
    _, result = search(cluster, literal(text), secret_key("s"), whole_map("m"))
    assert len(result.warnings) == 1


@pytest.mark.parametrize("text", ["see bao:a#b", "http://bao:8200", "${x} bao:", "$(bao:a#b)"])
def test_what_is_no_reference_of_a_later_version_is_silent(text: str) -> None:
    found, result = search(FakeCluster(), literal(text))
    assert (found, result.warnings) == ([False], [])


LOOKALIKE = "container 'c0', variable 'B': the value looks like a reference and is none"
BLANK_KEY = "container 'c0', variable 'B': the key of the reference includes the white space"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" vault:secret/data/a#b", LOOKALIKE),
        ("\n\tvault:secret/data/a#b\n", LOOKALIKE),
        ("VAULT:secret/data/a#b", LOOKALIKE),
        ("Vault:login", LOOKALIKE),
        (">> vault:secret/data/a#b", LOOKALIKE),
        (" >>VAULT:secret/data/a#b#{}", LOOKALIKE),
        (" vault:see the docs", ""),
        ("Vault: the product", ""),
        ("> vault:a#b", ""),
        ("https://vault:8200/#b", ""),
        ("https://VAULT:8200/#b", ""),
    ],
)
def test_what_only_looks_like_a_reference_warns(text: str, expected: str) -> None:
    found, result = search(FakeCluster(), literal(text))
    assert found == [False]
    assert [warning[: len(expected)] for warning in result.warnings] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vault:secret/data/a#password\n", BLANK_KEY),
        ("vault:secret/data/a# password", BLANK_KEY),
        ("vault:secret/data/a#password #2", BLANK_KEY),
        ("x ${vault:a#b } y", BLANK_KEY),
        ("x ${vault:a#b}\n", ""),
        ("vault:secret/data/a#first word", ""),
        ("vault:secret/data/a#${.a}\n", ""),
        (">>vault:a#b#{}\n", ""),
    ],
)
def test_white_space_in_a_key_warns(text: str, expected: str) -> None:
    found, result = search(FakeCluster(), literal(text))
    assert found == [True]
    assert [warning[: len(expected)] for warning in result.warnings] == ([expected] if expected else [])


def test_values_of_a_kind_warn_once() -> None:
    values = [" vault:a#b", "VAULT:a#b", "vault:a#b\n", "vault:a#c\n"]
    env = [{"name": f"V{number}", "value": text} for number, text in enumerate(values)]
    _, result = search(FakeCluster(), {"env": env}, {"env": env})
    assert [warning.partition(":")[0] for warning in result.warnings] == [
        "container 'c0', variable 'V0'",
        "container 'c0', variable 'V2'",
    ]


def test_our_own_fault_is_not_forgiven() -> None:
    with pytest.raises(ZeroDivisionError):
        find(FakeCluster(failures={"broken": ZeroDivisionError()}), whole_secret("broken", optional=True))


@pytest.mark.parametrize("make", [secret_key, whole_secret])
@pytest.mark.parametrize("shape", ["vault:{}", "vault:a/{}", "see ${{vault:{}}} here", "vault:a#b#{}"])
def test_wrong_reference_in_a_secret_is_not_shown(make: Any, shape: str, canary: str) -> None:
    cluster = FakeCluster(secrets={"s": {"k": shape.format(canary).encode()}})
    with pytest.raises(Refused) as caught:
        find(cluster, make("s"))
    message = str(caught.value)
    assert canary not in message
    assert "see" not in message
    assert "key 'k' of Secret s" in message
    assert message.startswith("container 'c0', ")
    assert "variable 'A'" in message or "envFrom[0]" in message


def test_wrong_reference_in_a_config_map_is_shown() -> None:
    cluster = FakeCluster(config_maps={"m": {"k": "before ${vault:a/b} behind"}})
    with pytest.raises(Refused) as caught:
        find(cluster, map_key())
    assert "key 'k' of ConfigMap m: no key" in str(caught.value)
    assert "${vault:a/b}" in str(caught.value)
    assert "before" not in str(caught.value)


def test_a_wrong_reference_behind_a_right_one_is_found() -> None:
    cluster = FakeCluster(config_maps={"m": {"a": "vault:a#b", "b": "vault:a"}})
    with pytest.raises(Refused, match="key 'b' of ConfigMap m"):
        find(cluster, whole_map())
