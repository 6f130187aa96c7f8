"""ConfigMaps: `data`, and `binaryData` whose values Vault keeps as base64."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.cluster import apply
from tests.fakes.reader import FakeReader, annotate, encode, mutate
from vault_secrets_webhook.errors import Refused

KEYSTORE = b"\xfe\xed\x00\xff"
KNOWN: dict[str, Any] = {
    "kv/c": {"user": "app", "store": encode(KEYSTORE), "lines": "/u0A\n/w==\n", "text": "not base64!", "bad": "\ud800"}
}


def make(data: Any = None, binary: Any = None, **annotations: str) -> dict[str, Any]:
    return {
        "kind": "ConfigMap",
        "metadata": {"name": "c", "annotations": annotate(annotations)},
        "data": data,
        "binaryData": binary,
    }


DATA = [
    pytest.param({"a": "vault:kv/c#user", "b": "x"}, {"a": "app", "b": "x"}, id="as a whole"),
    pytest.param({"conf.ini": "u=${vault:kv/c#user}\nv=1\n"}, {"conf.ini": "u=app\nv=1\n"}, id="inline"),
]


@pytest.mark.parametrize(("data", "becomes"), DATA)
def test_data(data: dict[str, str], becomes: dict[str, str]) -> None:
    config_map = make(data)
    changed = apply(config_map, mutate(config_map, FakeReader(KNOWN)))
    assert changed["data"] == becomes
    assert mutate(changed, FakeReader(), stored=changed).patch == []


BINARY = [
    pytest.param("vault:kv/c#store", KEYSTORE, id="base64 is decoded"),
    pytest.param("vault:kv/c#lines", b"\xfe\xed\x00\xff", id="base64 in lines"),
    pytest.param("vault:kv/c#text", b"not base64!", id="what is no base64 stays as it is"),
]


@pytest.mark.parametrize(("text", "value"), BINARY)
def test_binary_data(text: str, value: bytes) -> None:
    config_map = make(binary={"store": encode(text), "other": encode(b"\xff")})
    changed = apply(config_map, mutate(config_map, FakeReader(KNOWN)))
    assert changed["binaryData"] == {"store": encode(value), "other": encode(b"\xff")}


LEFT_ALONE = [
    pytest.param(make({"a": "x"}, {"b": encode(b"\xff")}), "no-references", id="nothing there"),
    pytest.param(make(binary={"a": encode("x ${vault:kv/c#user}")}), "no-references", id="inline in binaryData"),
    pytest.param(make({"a": "vault:kv/c#user"}, mutate="skip"), "skipped", id="skip"),
    pytest.param({"kind": "ConfigMap"}, "no-references", id="empty"),
    pytest.param({"kind": "ConfigMap", "metadata": {"labels": {"owner": "helm"}}}, "helm", id="of Helm"),
]


@pytest.mark.parametrize(("config_map", "reason"), LEFT_ALONE)
def test_left_alone(config_map: dict[str, Any], reason: str) -> None:
    reader = FakeReader()
    mutation = mutate(config_map, reader)
    assert (mutation.patch, mutation.reason, reader.questions) == ([], reason, [])


def test_missing_keys_are_left_out_of_both() -> None:
    config_map = make(
        {"a": "vault:kv/none#x", "b": "y"}, {"c": encode("vault:kv/none#x")}, vault_ignore_missing_secrets="true"
    )
    changed = apply(config_map, mutate(config_map, FakeReader()))
    assert (changed["data"], changed["binaryData"]) == ({"b": "y"}, {})


def test_what_only_has_a_scheme_in_it_stays() -> None:
    plain = "see vault: docs"
    config_map = make({"a": "vault:kv/c#user", "b": plain, "c": None}, {"d": encode(plain), "e": None})
    mutation = mutate(config_map, FakeReader(KNOWN))
    assert ([operation.path for operation in mutation.patch], mutation.injected) == (["/data/a"], ["data.a"])


def test_what_becomes_immutable_or_has_changed_gets_its_values() -> None:
    stored = make({"a": "vault:kv/c#user"})
    assert mutate({**stored, "immutable": True}, FakeReader(KNOWN), stored=stored).reason == "injected"
    kept = {**stored, "immutable": True}
    for change in ({"data": {"a": "vault:kv/c#text"}}, {"binaryData": {"x": ""}}):
        assert mutate({**kept, **change}, FakeReader(KNOWN), stored=kept).reason == "injected"
    assert mutate(stored, FakeReader(KNOWN), stored=kept).reason == "injected"


def test_immutable_and_unchanged() -> None:
    stored = {**make({"a": "vault:kv/c#user"}), "immutable": True}
    assert mutate({**stored, "metadata": {}}, FakeReader(), stored=stored).reason == "immutable"


def test_faults_name_the_map() -> None:
    with pytest.raises(Refused) as caught:
        mutate(make({"a": "vault:x"}, {"b": encode("vault:y")}), FakeReader())
    assert "data.a: " in str(caught.value)
    assert "binaryData.b: " in str(caught.value)


def test_bytes_cannot_be_text() -> None:
    config_map = make({"a": "vault:kv/c#${.store | b64dec}"})
    with pytest.raises(Refused, match="the value is not UTF-8"):
        mutate(config_map, FakeReader(KNOWN))


def test_what_a_second_pass_would_follow_is_refused() -> None:
    known = {"kv/x": {"plain": "vault:kv/y#z", "encoded": encode("vault:kv/y#z")}}
    for config_map in (
        make({"a": "vault:kv/x#plain"}),
        make(binary={"a": encode("vault:kv/x#plain")}),
        make(binary={"a": encode("vault:kv/x#encoded")}),
    ):
        with pytest.raises(Refused, match="looks like a reference"):
            mutate(config_map, FakeReader(known))
