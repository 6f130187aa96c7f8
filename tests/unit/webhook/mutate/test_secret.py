"""Secrets: which values are replaced, by what, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.cluster import apply
from tests.fakes.reader import FakeReader, decode, encode, make_secret, mutate
from vault_secrets_webhook.errors import Refused

DB = {"user": "app", "password": "pass-1", "port": 5432, "n": None, "map": {"a": 1}}
VALUES = [
    pytest.param("vault:kv/db#password", "pass-1", id="reference as a whole"),
    pytest.param("pg://${vault:kv/db#user}:${vault:kv/db#password}@h", "pg://app:pass-1@h", id="inline, several"),
    pytest.param('{"pw":"${vault:kv/db#password}"}', '{"pw":"pass-1"}', id="inline in JSON"),
    pytest.param("vault:kv/db#port", "5432", id="number"),
    pytest.param("vault:kv/db#n", "", id="null"),
    pytest.param("vault:kv/db#map", '{"a":1}', id="map"),
    pytest.param("vault:kv/db#${.user | upper}-${.password}", "APP-pass-1", id="template"),
    pytest.param(">>vault:kv/db#password#{}", "pass-1", id="write"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_references_are_replaced(text: str, value: str) -> None:
    secret = make_secret({"a": text, "plain": "x"})
    mutation = mutate(secret, FakeReader({"kv/db": DB}))
    changed = apply(secret, mutation)
    assert decode(changed["data"]["a"]) == value
    assert changed["data"]["plain"] == secret["data"]["plain"]
    assert [operation.path for operation in mutation.patch] == ["/data/a"]
    assert (mutation.reason, mutation.injected) == ("injected", ["data.a"])


def test_a_second_pass_changes_nothing() -> None:
    secret = make_secret({"a": "vault:kv/db#password", "b": "${vault:kv/db#user}"})
    changed = apply(secret, mutate(secret, FakeReader({"kv/db": DB})))
    reader = FakeReader()
    assert mutate(changed, reader, stored=changed).patch == []
    assert reader.questions == []


def test_one_request_serves_all_keys_of_a_path() -> None:
    reader = FakeReader({"kv/db": DB})
    mutate(make_secret({"a": "vault:kv/db#user", "b": "vault:kv/db#password"}), reader)
    assert reader.paths == ["kv/db"]


def test_bytes_that_are_not_utf8_stay_beside_a_reference() -> None:
    secret = make_secret({"a": b"\xff\x00${vault:kv/db#user}\xfe"})
    (operation,) = mutate(secret, FakeReader({"kv/db": DB})).patch
    assert operation.value == encode(b"\xff\x00app\xfe")


def test_ciphertexts_are_decrypted() -> None:
    secret = make_secret({"a": "vault:v1:clear"}, transit_key_id="key")
    assert decode(apply(secret, mutate(secret, FakeReader()))["data"]["a"]) == "clear"


def test_string_data_and_keys_that_pointers_escape() -> None:
    secret = {"kind": "Secret", "stringData": {"a/b~c": "vault:kv/db#user"}, "data": None}
    changed = apply(secret, mutate(secret, FakeReader({"kv/db": DB})))
    assert changed["stringData"] == {"a/b~c": "app"}


LEFT_ALONE = [
    pytest.param(make_secret({"a": "plain", "b": b"\xff\xfe"}), "no-references", id="nothing to be seen"),
    pytest.param(make_secret({"a": "see vault: the docs"}), "no-references", id="the word alone"),
    pytest.param(make_secret({"a": "vault:kv/db#user"}, mutate="skip"), "skipped", id="skip"),
    pytest.param(make_secret({"a": "vault:kv/db#user"}, kind="helm.sh/release.v1"), "helm", id="type of Helm"),
    pytest.param({"kind": "Secret", "metadata": {"labels": {"owner": "helm"}}}, "helm", id="label of Helm"),
    pytest.param({"kind": "Secret", "metadata": None, "data": None}, "no-references", id="nothing at all"),
    pytest.param({"kind": "Secret", "data": {"a": None, "b": "%%%"}}, "no-references", id="null and no base64"),
]


@pytest.mark.parametrize(("secret", "reason"), LEFT_ALONE)
def test_left_alone(secret: dict[str, Any], reason: str) -> None:
    reader = FakeReader()
    mutation = mutate(secret, reader)
    assert (mutation.patch, mutation.reason, reader.questions) == ([], reason, [])


def test_skip_comes_before_everything_that_is_wrong() -> None:
    secret = make_secret({"a": "vault:"}, mutate="skip", vault_client_timeout="abc")
    assert mutate(secret, FakeReader()).reason == "skipped"


def test_an_immutable_secret_keeps_references_that_are_stored() -> None:
    stored = {**make_secret({"a": "vault:kv/db#user"}), "immutable": True}
    labelled = {**stored, "metadata": {"name": "db", "labels": {"x": "y"}}}
    assert mutate(labelled, FakeReader({"kv/db": DB}), stored=stored).reason == "immutable"


def test_an_immutable_secret_that_is_applied_again_gets_its_values() -> None:
    manifest = {**make_secret({"a": "vault:kv/db#user"}), "immutable": True}
    stored = {**make_secret({"a": "app"}), "immutable": True}
    changed = apply(manifest, mutate(manifest, FakeReader({"kv/db": DB}), stored=stored))
    assert changed["data"] == stored["data"]


def test_a_secret_that_becomes_immutable_gets_its_values() -> None:
    stored = make_secret({"a": "vault:kv/db#user"})
    assert mutate({**stored, "immutable": True}, FakeReader({"kv/db": DB}), stored=stored).reason == "injected"


def test_texts_without_a_reference_stay() -> None:
    texts = {"a": "vault:kv/db#user", "b": "see vault: docs", "c": None, "d": ""}
    mutation = mutate({**make_secret({}), "stringData": texts}, FakeReader({"kv/db": DB}))
    assert [operation.path for operation in mutation.patch] == ["/stringData/a"]


FAULTS = [
    pytest.param({"a": "vault:kv/db"}, 422, ["data.a", "no key"], id="reference without key"),
    pytest.param({"a": "vault:kv/db#nope"}, 422, ["data.a", "kv/db", "'nope'", "password"], id="missing key"),
    pytest.param({"a": "vault:kv/none#x"}, 422, ["data.a", "kv/none", "no secret"], id="missing path"),
    pytest.param({"a": "vault:kv/denied#x"}, 403, ["data.a", "kv/denied", "denied"], id="denied"),
    pytest.param({"a": "vault:login"}, 403, ["data.a", "vault:login"], id="login"),
    pytest.param({"a": 'vault:kv/db#${env "HOME"}'}, 422, ["data.a", '"env"', "must not"], id="impure function"),
    pytest.param({"a": 'vault:kv/db#${file "/etc/passwd"}'}, 422, ["data.a", '"file"'], id="file"),
    pytest.param({"a": "vault:kv/db#${range until 100000}${.}${end}"}, 422, ["data.a", "steps"], id="endless template"),
    pytest.param({"a": "vault:v1:abc"}, 422, ["transit-key-id"], id="ciphertext without key"),
    pytest.param({"a": "vault:kv/loop#x"}, 422, ["data.a", "looks like a reference"], id="value is a reference"),
    pytest.param({"a": "va${vault:kv/loop#rest}"}, 422, ["data.a", "looks like"], id="value becomes a reference"),
    pytest.param({"a": "${vault:kv/big#x}" * 40}, 422, ["bytes"], id="larger than an object"),
]
LOOP = {"x": "vault:kv/other#y", "rest": "ult:kv/other#y"}
KNOWN: dict[str, Any] = {"kv/db": DB, "kv/denied": 403, "kv/loop": LOOP, "kv/big": {"x": "x" * 100_000}}


@pytest.mark.parametrize(("data", "code", "words"), FAULTS)
def test_faults_are_told_by_place(data: dict[str, str], code: int, words: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        mutate(make_secret(data), FakeReader(KNOWN))
    assert caught.value.code == code
    assert [word for word in words if word not in str(caught.value)] == []


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Refused) as caught:
        mutate(make_secret({"a": "vault:", "b": "vault:x", "c": "vault:login"}, mutate_probes="no"), FakeReader(KNOWN))
    text = str(caught.value)
    assert all(place in text for place in ("data.a:", "data.b:", "data.c:", "mutate-probes"))
    with pytest.raises(Refused) as caught:
        mutate(make_secret({"a": "vault:kv/db#x", "b": "vault:kv/denied#x"}), FakeReader(KNOWN))
    assert (caught.value.code, str(caught.value).count("\n")) == (403, 1)


def test_a_message_shows_nothing_of_what_only_looks_like_a_reference(canary: str) -> None:
    with pytest.raises(Refused) as caught:
        mutate(make_secret({"a": f"vault:{canary}", "b": f"${{vault:{canary}"}), FakeReader())
    assert canary not in str(caught.value)


def test_ignored_missing_values_are_left_out_with_a_warning() -> None:
    secret = make_secret(
        {"a": "vault:kv/none#x", "b": "vault:kv/db#nope", "c": "vault:kv/db#user", "d": "x${vault:kv/none#x}"},
        vault_ignore_missing_secrets="true",
    )
    mutation = mutate(secret, FakeReader(KNOWN))
    assert apply(secret, mutation)["data"] == {"c": encode("app")}
    assert [warning.partition(":")[0] for warning in mutation.warnings] == ["data.a", "data.b", "data.d"]


def test_what_is_denied_is_never_ignored() -> None:
    secret = make_secret({"a": "vault:kv/denied#x"}, vault_ignore_missing_secrets="true")
    with pytest.raises(Refused):
        mutate(secret, FakeReader(KNOWN))


def test_a_template_that_names_no_key_is_warned_of() -> None:
    mutation = mutate(make_secret({"a": "vault:kv/db#${.nope}"}), FakeReader(KNOWN))
    assert ["data.a" in warning and "<no value>" in warning for warning in mutation.warnings] == [True]


def test_a_dry_run_asks_nothing_and_says_so() -> None:
    reader = FakeReader(KNOWN)
    mutation = mutate(make_secret({"a": "vault:kv/db#user"}), reader, dry_run=True)
    assert (mutation.patch, mutation.reason, reader.questions) == ([], "dry-run", [])
    assert "dry run" in mutation.warnings[0]
    with pytest.raises(Refused):
        mutate(make_secret({"a": "vault:kv/db"}), reader, dry_run=True)


def test_a_dry_run_of_what_holds_no_reference_says_nothing() -> None:
    assert mutate(make_secret({"a": "x"}), FakeReader(), dry_run=True).warnings == []


def test_too_many_secrets_are_refused_before_the_first_is_read() -> None:
    reader = FakeReader()
    with pytest.raises(Refused, match="200 are allowed"):
        mutate(make_secret({f"k{index}": f"vault:kv/{index}#x" for index in range(201)}), reader)
    assert reader.questions == []


def test_too_many_references_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(Refused, match="2000 are allowed"):
        mutate(make_secret({"a": "${vault:kv/db#user" * 2001}), FakeReader(KNOWN))


def test_addresses_are_the_operators_to_allow() -> None:
    with pytest.raises(Refused, match="vault-addr") as caught:
        mutate(make_secret({"a": "vault:kv/db#user"}, vault_addr="https://evil.example"), FakeReader())
    assert caught.value.code == 403


def test_bytes_are_for_data_only() -> None:
    text = "vault:kv/db#${.user | b64dec}"
    known = {"kv/db": {"user": encode(b"\xff")}}
    (operation,) = mutate(make_secret({"a": text}), FakeReader(known)).patch
    assert operation.value == encode(b"\xff")
    with pytest.raises(Refused, match="stringData"):
        mutate({"kind": "Secret", "stringData": {"a": text}}, FakeReader(known))
