"""Which containers hold a reference, and what the cluster is asked to find out."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.fakes.cluster import NAMESPACE, FakeCluster
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.mutate.sources import find_references
from vault_secrets_webhook.webhook.mutate.spec import Container


def find(cluster: FakeCluster, *containers: dict[str, Any]) -> list[bool]:
    decoded = msgspec.convert([{"name": f"c{at}", **one} for at, one in enumerate(containers)], list[Container])
    return asyncio.run(find_references(decoded, NAMESPACE, cluster))


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
            return await find_references(containers, NAMESPACE, Meeting())

    assert asyncio.run(meet()) == [True, True, True]


@pytest.mark.parametrize("name", ["", None, "../../configmaps/x", "a/b", "A", "a?b", "a" * 254, "a\n"])
def test_names_that_no_object_has_are_not_asked_for(name: Any) -> None:
    cluster = FakeCluster()
    assert find(cluster, secret_key(name), whole_secret(name)) == [False, False]
    assert cluster.asked == []


@pytest.mark.parametrize("make", [secret_key, map_key, whole_secret, whole_map])
@pytest.mark.parametrize(
    ("more", "is_forgiven"), [({}, False), ({"optional": False}, False), ({"optional": True}, True)]
)
def test_failed_look_up(make: Any, more: dict[str, Any], is_forgiven: bool) -> None:
    failure = KubernetesError("forbidden", status=403)
    cluster = FakeCluster(failures={"broken": failure})
    if is_forgiven:
        assert find(cluster, make("broken", **more)) == [False]
        return
    with pytest.raises(KubernetesError) as caught:
        find(cluster, make("broken", **more))
    assert caught.value is failure


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
