"""Credentials for registries: every way to write a reference, and that no other byte changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.cluster import apply
from tests.fakes.reader import FakeReader, decode, encode, make_secret, mutate
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate.jsonspan import Member, list_members, splice, without_members

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
        {"username": "vault:kv/denied#x", "password": "stale", "auth": encode(f"{USER}:{PASSWORD}")},
        {"username": "app", "password": 'p"a:ss', "auth": BOTH},
        id="auth wins",
    ),
    pytest.param(
        {"username": USER, "password": PASSWORD, "auth": encode("old:old")},
        {"username": "app", "password": 'p"a:ss', "auth": BOTH},
        id="auth follows",
    ),
    pytest.param(
        {"username": "vault", "password": PASSWORD, "auth": encode(f"vault:{PASSWORD}")},
        {"username": "vault", "password": 'p"a:ss', "auth": encode('vault:p"a:ss')},
        id="a user called vault",
    ),
    pytest.param(
        {"username": "stale", "auth": encode(f"me:{PASSWORD}")},
        {"username": "stale", "auth": encode('me:p"a:ss')},
        id="auth and a user alone",
    ),
    pytest.param(
        {"password": "stale", "auth": encode(f"me:{PASSWORD}")},
        {"password": "stale", "auth": encode('me:p"a:ss')},
        id="auth and a password alone",
    ),
    pytest.param(
        {"password": PASSWORD, "auth": encode("old:old")},
        {"password": 'p"a:ss', "auth": encode("old:old")},
        id="auth that nothing complete is there for",
    ),
    pytest.param(
        {"auth": encode('vault:kv/r#${trimPrefix ":vault:" .cred}')},
        {"auth": encode("app:whole")},
        id="a colon in a template that parts nothing",
    ),
    pytest.param(
        {"username": USER, "auth": encode("old:old")}, {"username": "app", "auth": encode("old:old")}, id="a user and auth"
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
    json.dumps({"auths": {"a": {"username": "vault", "password": "pass", "auth": encode("vault:pass")}}}),
    '{"auths":{"a":{"auth":"not base64"},"b":7,"c":{"auth":5,"username":null}}}',
    '{"auths":[]}',
    '{"others":{"a":{"password":"vault:kv/r#user"}}}',
    '{"auths":{"a":{"email":"vault:kv/r#user","Password":"vault:kv/r#user"}}}',
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
    pytest.param({"auth": encode("${vault:kv/r#colon}:x")}, ["[r.example].auth", "colon"], id="inline user with colon"),
    pytest.param({"username": "vault:kv/denied#x"}, ["[r.example].username", "denied"], id="denied"),
    pytest.param({"password": "vault:login"}, ["[r.example].password", "vault:login"], id="login"),
]


@pytest.mark.parametrize(("entry", "words"), FAULTS)
def test_faults_name_the_entry(entry: dict[str, str], words: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        mutate(make({"r.example": entry}), FakeReader(READER))
    assert [word for word in words if word not in str(caught.value)] == []


LOOPS = [
    pytest.param({"auth": encode("${vault:kv/x#v}:${vault:kv/x#p}")}, id="both together"),
    pytest.param({"auth": encode("vault:kv/x#cred")}, id="password of a whole credential"),
    pytest.param({"auth": encode("vault:kv/x#cred"), "username": "", "password": ""}, id="the same, all three"),
    pytest.param({"password": "vault:kv/x#ref"}, id="password"),
    pytest.param({"username": "vault:kv/x#ref", "password": "a", "auth": "eDp5"}, id="user beside a literal"),
    pytest.param({"username": "a", "password": "vault:kv/x#late", "auth": "eDp5"}, id="password behind a literal user"),
]
LOOP = {
    "v": "vault",
    "p": "kv/r#user",
    "cred": "app:vault:kv/r#user",
    "ref": "vault:kv/r#user",
    "late": ">>vault:kv/r#user",
}


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


def test_members_that_are_there_twice_are_all_read_and_leave_valid_json() -> None:
    entry = '{"password":"%s"}'
    text = f'{{"auths":{{"a":{entry % PASSWORD},"b":{entry % "vault:kv/none#x"}}},"auths":{{"a":{entry % "x"},"a":{entry % PASSWORD}}}}}'
    secret = make_secret({".dockerconfigjson": text}, vault_ignore_missing_secrets="true")
    changed = apply(secret, mutate(secret, FakeReader(READER)))
    assert json.loads(decode(changed["data"][".dockerconfigjson"])) == {"auths": {"a": {"password": 'p"a:ss'}}}
    assert "vault:" not in decode(changed["data"][".dockerconfigjson"])


def test_a_file_without_references_is_not_written_again() -> None:
    plain = json.dumps({"auths": {"a": {"auth": encode("user:pass")}}})
    mutation = mutate(make_secret({".dockerconfigjson": plain, "x": USER}), FakeReader(READER))
    assert [operation.path for operation in mutation.patch] == ["/data/x"]


BINARY = [
    pytest.param(r'{"password":"vault:kv/\ud800r#password"}', id="path"),
    pytest.param(r'{"password":">>vault:kv/r#user#{\"a\":\"\ud800\"}"}', id="body"),
    pytest.param(r'{"password":"\ud800${vault:kv/r#user}"}', id="literal text"),
    pytest.param(r'{"username":"\ud800","password":"vault:kv/r#user","auth":"eDp5"}', id="literal user"),
    pytest.param(
        json.dumps({"username": "x", "password": "y", "auth": encode(b"\xffme:" + PASSWORD.encode())}),
        id="user of auth",
    ),
]


@pytest.mark.parametrize("entry", BINARY)
def test_credentials_that_are_not_utf8_are_the_objects_fault(entry: str) -> None:
    secret = make_secret({".dockerconfigjson": f'{{"auths":{{"r":{entry}}}}}'})
    with pytest.raises(Refused, match=r"\[r\]: the credentials are not UTF-8"):
        mutate(secret, FakeReader(READER))


def test_auth_alone_may_hold_any_bytes() -> None:
    secret = make({"r": {"auth": encode(b"\xffme:" + PASSWORD.encode())}})
    changed = decode(apply(secret, mutate(secret, FakeReader(READER)))["data"][".dockerconfigjson"])
    assert json.loads(changed)["auths"]["r"] == {"auth": encode(b'\xffme:p"a:ss')}


@pytest.mark.parametrize("auth", ["me:arn:aws:ssm:a", "arn:aws:ssm:a:arn:aws:ssm:b"])
def test_credentials_of_aws_are_refused_here(auth: str) -> None:
    secret = make({"r": {"auth": encode(auth)}})
    secret["metadata"]["annotations"]["secrets-webhook.security.bank-vaults.io/provider"] = "aws"
    with pytest.raises(Refused, match=r"\[r\]\.auth: references to AWS are resolved in pods only"):
        mutate(secret, FakeReader(READER))


class Unsearched(list[Member]):
    """Members that nobody may search from the first to the last for each of an object's."""

    __contains__ = None  # type: ignore[assignment]


def test_taking_entries_out_looks_at_each_once() -> None:
    text = '{"a":1,"b":2,"c":3}'
    members = list(list_members(text, 0))
    assert splice(text, without_members(members, Unsearched(members[:2]))) == '{"c":3}'
