"""Objects of any shape: every reference is replaced where it stands, nothing else changes, and a second pass does nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.cluster import apply
from tests.fakes.reader import FakeReader, decode, encode, make_secret, mutate

SECRETS: dict[str, Any] = {"kv/db": {"user": "app", "port": 5432}}
# What may stand in an object, and what it becomes.
TEXTS = {
    "vault:kv/db#user": "app",
    "x${vault:kv/db#user}y${vault:kv/db#port}": "xappy5432",
    '{"a":"${vault:kv/db#user}"}': '{"a":"app"}',
    "vault:kv/db#${.user | upper}": "APP",
    "": "",
    "plain": "plain",
    "see vault: x": "see vault: x",
    "${vault": "${vault",
    "\u00e9\u0000\ud7ff": "\u00e9\u0000\ud7ff",
}
texts = st.sampled_from(sorted(TEXTS)) | st.text(max_size=5)
names = st.text(max_size=4) | st.sampled_from(["a/b", "~", "~1", "metadata", "kind", "-", "0"])
trees = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


def replace(value: Any) -> Any:
    if isinstance(value, str):
        return TEXTS.get(value, value)
    if isinstance(value, list):
        return [replace(item) for item in value]
    return {name: replace(item) for name, item in value.items()} if isinstance(value, dict) else value


@given(trees, trees)
def test_objects_of_any_kind(spec: Any, status: Any) -> None:
    one = {"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "vault:kv/db#user"}, "spec": spec, "status": status}
    mutation = mutate(one, FakeReader(SECRETS))
    changed = apply(one, mutation)
    assert changed == {**one, "spec": replace(spec), "status": replace(status)}
    assert bool(mutation.patch) == (changed != one)
    assert mutate(changed, FakeReader()).patch == []


@given(st.dictionaries(names, texts))
def test_secrets(data: dict[str, str]) -> None:
    secret = make_secret({key: text.encode() for key, text in data.items()})
    changed = apply(secret, mutate(secret, FakeReader(SECRETS)))
    assert {key: decode(text) for key, text in changed["data"].items()} == {
        key: TEXTS.get(text, text) for key, text in data.items()
    }
    assert mutate(changed, FakeReader()).patch == []


@given(st.dictionaries(names, texts), st.dictionaries(names, st.binary()))
def test_config_maps(data: dict[str, str], binary: dict[str, bytes]) -> None:
    one = {"kind": "ConfigMap", "data": data, "binaryData": {key: encode(value) for key, value in binary.items()}}
    changed = apply(one, mutate(one, FakeReader(SECRETS)))
    assert changed == {**one, "data": replace(data)}


credentials = st.fixed_dictionaries(
    {}, optional={"username": texts, "password": texts, "auth": texts.map(encode) | texts, "email": texts}
)


@given(st.dictionaries(names, credentials | st.none() | st.text()))
def test_registry_credentials_of_any_shape_are_changed_once_or_refused(auths: dict[str, Any]) -> None:
    import json

    from vault_secrets_webhook.errors import Refused

    secret = make_secret({".dockerconfigjson": json.dumps({"auths": auths, "x": 1})})
    try:
        changed = apply(secret, mutate(secret, FakeReader(SECRETS)))
    except Refused:
        return
    after = json.loads(decode(changed["data"][".dockerconfigjson"]))
    assert after.keys() == {"auths", "x"}
    assert {name: entry for name, entry in after["auths"].items() if not isinstance(entry, dict)} == {
        name: entry for name, entry in auths.items() if not isinstance(entry, dict)
    }
    assert [entry.get("email") for entry in after["auths"].values() if isinstance(entry, dict)] == [
        entry.get("email") for entry in auths.values() if isinstance(entry, dict)
    ]
    assert mutate(changed, FakeReader(SECRETS)).patch == []
