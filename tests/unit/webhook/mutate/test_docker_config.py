"""Credentials for registries: every way to write a reference, and that no other byte changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.cluster import apply
from tests.fakes.reader import FakeReader, decode, encode, make_secret, mutate
from vault_secrets_webhook.errors import Refused

REG = {"user": "app", "password": 'p"a:ss', "cred": "app:whole", "b64": encode("app:whole"), "colon": "a:b", "no": "x"}
READER: dict[str, Any] = {"kv/r": REG, "kv/denied": 403}
USER, PASSWORD = "vault:kv/r#user", "vault:kv/r#password"
BOTH = encode('app:p"a:ss')

# Entry, and what it becomes.
ENTRIES = [
    pytest.param({"auth": encode(f"{USER}:{PASSWORD}")}, {"auth": BOTH}, id="auth, four parts"),
    pytest.param({"auth": encode(f"me:{PASSWORD}")}, {"auth": encode('me:p"a:ss')}, id="literal user"),
    pytest.param({"auth": encode("${vault:kv/r#user}:literal")}, {"auth": encode("app:literal")}, id="literal password"),
    pytest.param(
        {"auth": encode("x-${vault:kv/r#user}:y-${vault:kv/r#password}")},
        {"auth": encode('x-app:y-p"a:ss')},
        id="inline on both sides",
    ),
    pytest.param({"auth": encode("vault:kv/r#cred")}, {"auth": encode("app:whole")}, id="whole credential"),
    pytest.param({"auth": encode("vault:kv/r#b64")}, {"auth": encode("app:whole")}, id="whole credential in base64"),
    pytest.param({"auth": "vault:kv/r#cred"}, {"auth": encode("app:whole")}, id="whole credential, not encoded"),
    pytest.param(
        {"auth": encode("vault:kv/r#${.user}:${.password}")}, {"auth": BOTH}, id="one template for the credential"
    ),
    pytest.param({"auth": encode(f">>{USER}:>>{PASSWORD}")}, {"auth": BOTH}, id="writes"),
    pytest.param({"auth": encode("vault:v1:AA:vault:v1:BB")}, {"auth": encode("AA:BB")}, id="ciphertexts"),
    pytest.param({"username": "u", "password": PASSWORD}, {"username": "u", "password": 'p"a:ss'}, id="password alone"),
    pytest.param({"username": USER, "password": "x"}, {"username": "app", "password": "x"}, id="username alone"),
    pytest.param({"password": PASSWORD}, {"password": 'p"a:ss'}, id="nothing but a password"),
    pytest.param(
        {"username": USER, "password": PASSWORD, "auth": encode(f"{USER}:{PASSWORD}"), "email": "a@b", "x": [1.50]},
        {"username": "app", "password": 'p"a:ss', "auth": BOTH, "email": "a@b", "x": [1.50]},
        id="as kubectl writes it",
    ),
    pytest.param(
        {"username": "stale", "password": "stale", "auth": encode(f"{USER}:{PASSWORD}")},
        {"username": "app", "password": 'p"a:ss', "auth": BOTH},
        id="auth wins",
    ),
    pytest.param(
        {"username": USER, "password": PASSWORD, "auth": encode("old:old")},
        {"username": "app", "password": 'p"a:ss', "auth": BOTH},
        id="auth follows",
    ),
    pytest.param({"username": USER, "password": "x", "auth": ""}, {"username": "app", "password": "x", "auth": ""}, id="empty auth"),
]  # fmt: skip


def make(entries: dict[str, Any], **annotations: str) -> dict[str, Any]:
    text = json.dumps({"auths": entries}, indent=1)
    return make_secret({".dockerconfigjson": text}, kind="kubernetes.io/dockerconfigjson", **annotations)


@pytest.mark.parametrize(("entry", "becomes"), ENTRIES)
def test_every_way_to_write_a_reference(entry: dict[str, Any], becomes: dict[str, Any]) -> None:
    secret = make({"r.example": entry}, transit_key_id="key")
    changed = apply(secret, mutate(secret, FakeReader(READER)))
    assert json.loads(decode(changed["data"][".dockerconfigjson"])) == {"auths": {"r.example": becomes}}
    assert mutate(changed, FakeReader(READER)).patch == []


def test_the_older_form() -> None:
    secret = make_secret({".dockercfg": json.dumps({"r.example": {"auth": encode(f"{USER}:{PASSWORD}")}})})
    changed = apply(secret, mutate(secret, FakeReader(READER)))
    assert json.loads(decode(changed["data"][".dockercfg"])) == {"r.example": {"auth": BOTH}}


def test_no_other_byte_changes() -> None:
    text = (
        '{ "credHelpers":{},\t"auths": {"a": {"auth":"eDp5", "n":1.0e3, "u":"\\u00e9"} ,\n'
        ' "b":{"username" : "%s","é":null, "password":"z" }}, "auths2":[ ] }\n'
    )
    secret = make_secret({".dockerconfigjson": text % USER})
    changed = apply(secret, mutate(secret, FakeReader(READER)))
    assert decode(changed["data"][".dockerconfigjson"]) == text % "app"


UNCHANGED = [
    json.dumps({"auths": {"a": {"auth": encode("user:pass")}}}),
    '{"auths":{"a":{"auth":"not base64"},"b":7,"c":{"auth":5,"username":null}}}',
    '{"auths":[]}',
    '{"auths":{}}',
    "{}",
    "[]",
    "no JSON at all",
    "",
]


@pytest.mark.parametrize("text", UNCHANGED)
def test_left_alone(text: str) -> None:
    reader = FakeReader()
    assert mutate(make_secret({".dockerconfigjson": text}), reader).patch == []
    assert reader.questions == []


REGISTRIES = ["a", "b", "c"]


@pytest.mark.parametrize("missing", [["a"], ["b"], ["c"], ["a", "b"], ["b", "c"], ["a", "c"], ["a", "b", "c"]])
def test_an_entry_without_its_credentials_goes_as_a_whole(missing: list[str]) -> None:
    entries = {
        name: {"auth": encode("u:vault:kv/none#x" if name in missing else f"u:{PASSWORD}"), "email": name}
        for name in REGISTRIES
    }
    secret = make(entries, vault_ignore_missing_secrets="true")
    mutation = mutate(secret, FakeReader(READER))
    auths = json.loads(decode(apply(secret, mutation)["data"][".dockerconfigjson"]))["auths"]
    assert auths == {name: {"auth": encode('u:p"a:ss'), "email": name} for name in REGISTRIES if name not in missing}
    assert len(mutation.warnings) == len(missing)


FAULTS = [
    pytest.param({"auth": encode("u:vault:kv/r")}, ["data..dockerconfigjson[r.example].auth", "no key"], id="no key"),
    pytest.param({"auth": encode("${vault:kv/r#user:x")}, ["[r.example].auth", "closes"], id="inline without end"),
    pytest.param({"auth": encode("vault:kv/r#no")}, ["[r.example].auth", "USER:PASSWORD"], id="not a credential"),
    pytest.param({"auth": encode(f"vault:kv/r#colon:{PASSWORD}")}, ["[r.example].auth", "colon"], id="user with colon"),
    pytest.param({"username": "vault:kv/denied#x"}, ["[r.example].username", "denied"], id="denied"),
    pytest.param({"password": "vault:login"}, ["[r.example].password", "vault:login"], id="login"),
]


@pytest.mark.parametrize(("entry", "words"), FAULTS)
def test_faults_name_the_entry(entry: dict[str, str], words: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        mutate(make({"r.example": entry}), FakeReader(READER))
    assert [word for word in words if word not in str(caught.value)] == []


LOOPS = [
    pytest.param({"username": "vault", "password": "vault:kv/x#p", "auth": "eDp5"}, id="both together"),
    pytest.param({"auth": encode("vault:kv/x#cred")}, id="password of a whole credential"),
    pytest.param({"auth": encode("vault:kv/x#cred"), "username": "", "password": ""}, id="the same, all three"),
    pytest.param({"password": "vault:kv/x#ref"}, id="password"),
    pytest.param({"username": "a", "password": "vault:kv/x#late", "auth": "eDp5"}, id="password behind a literal user"),
]
LOOP = {"p": "kv/r#user", "cred": "app:vault:kv/r#user", "ref": "vault:kv/r#user", "late": ">>vault:kv/r#user"}


@pytest.mark.parametrize("entry", LOOPS)
def test_what_a_second_pass_would_follow_is_refused(entry: dict[str, str]) -> None:
    with pytest.raises(Refused, match="looks like a reference"):
        mutate(make({"r": entry}), FakeReader({"kv/x": LOOP}))


WHOLE = '{"auths": {"r": {"auth": "eDp5"}}}'
FILES = [
    pytest.param("vault:kv/f#file", WHOLE, id="all of it"),
    pytest.param('{"auths": ${vault:kv/f#auths}}', WHOLE, id="a part of it"),
]


@pytest.mark.parametrize(("text", "becomes"), FILES)
def test_the_file_itself_may_come_from_vault(text: str, becomes: str) -> None:
    known = {"kv/f": {"file": WHOLE, "auths": '{"r": {"auth": "eDp5"}}'}}
    secret = make_secret({".dockerconfigjson": text})
    changed = apply(secret, mutate(secret, FakeReader(known)))
    assert decode(changed["data"][".dockerconfigjson"]) == becomes


def test_a_file_from_vault_must_not_hold_references() -> None:
    known = {"kv/f": {"file": json.dumps({"auths": {"r": {"auth": encode("a:vault:kv/r#user")}}})}}
    with pytest.raises(Refused, match="looks like a reference"):
        mutate(make_secret({".dockerconfigjson": "vault:kv/f#file"}), FakeReader(known))
