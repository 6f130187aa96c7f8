"""Objects of any kind: which texts are looked at, and that the patch touches nothing else."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import msgspec
import pytest

from tests.fakes.cluster import apply
from tests.fakes.reader import FakeReader, annotate, mutate
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.admission import AdmissionRequest
from vault_secrets_webhook.webhook.mutate.custom import list_texts
from vault_secrets_webhook.webhook.mutate.objects import Objects
from vault_secrets_webhook.webhook.settings import Settings

KNOWN: dict[str, Any] = {"kv/c": {"user": "app", "password": "p"}}
REFERENCE = "vault:kv/c#user"


def make(annotations: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    metadata = {"name": "x", "annotations": annotate(annotations or {})}
    return {"apiVersion": "example.com/v1", "kind": "Database", "metadata": metadata, **fields}


PLACES = [
    pytest.param({"spec": {"a": REFERENCE}}, {"spec": {"a": "app"}}, ["/spec/a"], id="member"),
    pytest.param({"spec": "u=${vault:kv/c#user}"}, {"spec": "u=app"}, ["/spec"], id="inline, at the top"),
    pytest.param({"data": [1, [REFERENCE], {"x": REFERENCE}]}, {"data": [1, ["app"], {"x": "app"}]}, ["/data/1/0", "/data/2/x"], id="lists"),
    pytest.param({"spec": {"a/b": {"~": REFERENCE}}}, {"spec": {"a/b": {"~": "app"}}}, ["/spec/a~1b/~0"], id="names that are escaped"),
    pytest.param({"spec": {"": REFERENCE, "0": REFERENCE}}, {"spec": {"": "app", "0": "app"}}, ["/spec/", "/spec/0"], id="odd names"),
    pytest.param({"spec": {"metadata": {"a": REFERENCE}, "kind": REFERENCE}}, {"spec": {"metadata": {"a": "app"}, "kind": "app"}}, ["/spec/metadata/a", "/spec/kind"], id="metadata further down"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "becomes", "paths"), PLACES)
def test_every_text_is_looked_at(fields: dict[str, Any], becomes: dict[str, Any], paths: list[str]) -> None:
    one = make(**fields)
    mutation = mutate(one, FakeReader(KNOWN))
    changed = apply(one, mutation)
    assert changed == {**one, **becomes}
    assert [operation.path for operation in mutation.patch] == paths
    assert mutate(changed, FakeReader()).reason == "no-references"


def test_metadata_kind_and_version_are_left_alone() -> None:
    one = {
        "apiVersion": REFERENCE,
        "kind": REFERENCE,
        "metadata": {"annotations": {"last-applied": f'{{"a":"{REFERENCE}"}}'}, "labels": {"a": REFERENCE}},
        "spec": {},
    }
    reader = FakeReader(KNOWN)
    assert mutate(one, reader).reason == "no-references"
    assert reader.questions == []


def test_numbers_are_not_touched() -> None:
    one = make(spec={"n": 1.0, "big": 2**63, "huge": 10**30, "null": None, "t": True, "a": REFERENCE})
    assert [operation.path for operation in mutate(one, FakeReader(KNOWN)).patch] == ["/spec/a"]


def test_a_reference_behind_an_escape_of_json_is_seen() -> None:
    text = msgspec.json.encode(make(spec={"a": REFERENCE})).replace(b"vault:kv", b"\\u0076ault\\u003akv")
    assert text.count(b"vault:") == 0
    objects = Objects(Settings.from_environment({}), FakeReader(KNOWN))
    request = AdmissionRequest("uid", namespace="shop", object=msgspec.Raw(text))
    mutation = asyncio.run(objects.mutate_custom(text, request))
    assert [(operation.path, operation.value) for operation in mutation.patch] == [("/spec/a", "app")]


def test_texts_without_a_reference_stay() -> None:
    mutation = mutate(make(spec={"a": REFERENCE, "b": "see vault: docs", "c": "arn:aws:ssm:x"}), FakeReader(KNOWN))
    assert ([operation.path for operation in mutation.patch], mutation.injected) == (["/spec/a"], ["spec.a"])


def test_a_long_place_is_cut_in_messages() -> None:
    with pytest.raises(Refused) as caught:
        mutate(make(spec={"k" * 5000: "vault:x"}), FakeReader())
    assert str(caught.value).startswith("spec.kkk")
    assert len(str(caught.value)) < 500


def test_what_does_not_exist_is_left_out_and_the_rest_keeps_its_place() -> None:
    missing = "vault:kv/none#x"
    one = make(
        {"vault_ignore_missing_secrets": "true"},
        spec={"list": [missing, REFERENCE, missing, {"v": missing}, "x"], "m": missing},
    )
    changed = apply(one, mutate(one, FakeReader(KNOWN)))
    assert changed["spec"] == {"list": ["app", {}, "x"]}


def nest(depth: int) -> Any:
    value: Any = REFERENCE
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded() -> None:
    assert mutate(make(spec=nest(150)), FakeReader(KNOWN)).reason == "injected"
    with pytest.raises(Refused, match="nested"):
        mutate(make(spec=nest(250)), FakeReader(KNOWN))


def test_faults_name_the_place() -> None:
    with pytest.raises(Refused) as caught:
        mutate(make(spec={"users": [{"password": "vault:x"}]}), FakeReader())
    assert str(caught.value).startswith("spec.users[0].password: ")


PROVIDER = "secrets-webhook.security.bank-vaults.io/provider"


def choose(provider: str, **fields: Any) -> dict[str, Any]:
    one = make(**fields)
    one["metadata"]["annotations"][PROVIDER] = provider
    return one


def test_the_provider_decides_what_a_reference_is() -> None:
    one = choose("bao", spec={"a": "bao:kv/c#user", "b": REFERENCE})
    assert apply(one, mutate(one, FakeReader(KNOWN)))["spec"] == {"a": "app", "b": REFERENCE}


def test_references_to_aws_are_refused_with_the_way_out() -> None:
    reader = FakeReader(KNOWN)
    with pytest.raises(Refused, match=r"^spec\.a: references to AWS are resolved in pods only"):
        mutate(choose("aws", spec={"a": "arn:aws:ssm:eu-west-1:1:parameter/x"}), reader)
    assert reader.questions == []


def test_a_wide_object_far_down_takes_no_more_room_than_a_flat_one() -> None:
    tree: Any = [[] for _ in range(20_000)] + [REFERENCE]
    for _ in range(150):
        tree = {"a": tree}
    tracemalloc.start()
    try:
        found = list(list_texts(tree))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(len(one.steps), one.steps[-1], one.text) for one in found] == [(151, 20_000, REFERENCE)]
    assert peak < 1_000_000


def test_no_more_texts_are_named_than_an_object_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[object] = []

    def name(*steps: str | int) -> str:
        named.append(steps)
        return "place"

    monkeypatch.setattr("vault_secrets_webhook.webhook.mutate.custom.name_place", name)
    assert mutate(make(spec=[REFERENCE] * 2000), FakeReader(KNOWN)).reason == "injected"
    named.clear()
    with pytest.raises(Refused, match="2000 are allowed"):
        mutate(make(spec=[REFERENCE] * 9000), FakeReader(KNOWN))
    assert len(named) == 2001
