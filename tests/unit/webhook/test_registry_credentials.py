"""Pull secrets: what is in them, and which of it is for an image. The cases of matching are kubelet's."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from vault_secrets_webhook.webhook.registry.credentials import Credential, choose_credentials, read_pull_secret
from vault_secrets_webhook.webhook.registry.reference import DEFAULT_DOMAIN, INDEX_DOMAIN, parse_reference


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def read(entries: dict[str, Any], key: str = ".dockerconfigjson") -> list[tuple[str, Credential]]:
    document = {"auths": entries} if key == ".dockerconfigjson" else entries
    return read_pull_secret("Secret shop/pull", {key: json.dumps(document).encode()})


@pytest.mark.parametrize("key", [".dockerconfigjson", ".dockercfg"])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": encode("user:pass:word")}, ("user", "pass:word", "")),
        ({"username": "user", "password": "word"}, ("user", "word", "")),
        ({"username": "a", "password": "b", "auth": encode("c:d"), "email": "x@y"}, ("c", "d", "")),
        ({"auth": encode("user:word\0\0")}, ("user", "word", "")),
        ({"auth": encode("user:pass").rstrip("=")}, ("user", "pass", "")),
        ({"auth": f" {encode('user:word')}\n"}, ("user", "word", "")),
        ({"Auth": encode("user:word")}, ("user", "word", "")),
        ({"AUTH": encode("a:b"), "auth": encode("user:word")}, ("user", "word", "")),
        ({"UserName": "user", "PASSWORD": "word", "IdentityToken": "token"}, ("user", "word", "token")),
        ({"username": "user", "u\N{LATIN SMALL LETTER LONG S}ername": "other"}, ("other", "", "")),
        ({"auth": encode("user:"), "identitytoken": "token"}, ("user", "", "token")),
        ({"identitytoken": "token"}, ("", "", "token")),
        (
            {"username": "\N{LATIN SMALL LETTER U WITH DIAERESIS}", "password": ""},
            ("\N{LATIN SMALL LETTER U WITH DIAERESIS}", "", ""),
        ),
    ],
)
def test_entry(key: str, entry: dict[str, Any], expected: tuple[str, str, str]) -> None:
    ((host, credential),) = read({"a.example": entry}, key)
    assert host == "a.example"
    assert (credential.user, credential.password, credential.identity_token) == expected


@pytest.mark.parametrize("entry", [{}, {"auth": ""}, {"password": "word"}, {"auth": None, "username": None}])
def test_entry_of_nobody(entry: dict[str, Any]) -> None:
    assert read({"a.example": entry}) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "neither .dockerconfigjson nor .dockercfg"),
        ({"password": b"hunter2"}, "neither"),
        ({".dockerconfigjson": b"hunter2"}, "no docker config"),
        ({".dockerconfigjson": b"\xff"}, "no docker config"),
        ({".dockerconfigjson": b'{"auths": ["hunter2"]}'}, "no docker config"),
        ({".dockercfg": b"[" * 100_000}, "no docker config"),
        ({".dockercfg": json.dumps(dict.fromkeys(map(str, range(1001)))).encode()}, "more than 1000 registries"),
        ({".dockercfg": b'{"a.example": {"auth": "hunter2!"}}'}, "not base64"),
        ({".dockercfg": b'{"a.example": {"auth": 7}}'}, "no docker config"),
        ({".dockercfg": b'{"a.example": {"registrytoken": "hunter2\\nX: y"}}'}, "characters that no token has"),
    ],
)
def test_what_is_no_pull_secret(data: dict[str, bytes], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_pull_secret("Secret shop/pull", data)
    assert "hunter2" not in str(caught.value)


def test_an_empty_config() -> None:
    assert read_pull_secret("x", {".dockerconfigjson": b"{}"}) == []


MATCHING = [
    ("a.example", "a.example/team/app", True),
    ("https://a.example", "a.example/team/app", True),
    ("http://a.example/", "a.example/team/app", True),
    ("https://a.example/v1/", "a.example/team/app", True),
    ("https://a.example/v2/team", "a.example/team/app", True),
    ("a.example/team", "a.example/team/app", True),
    ("a.example/team/app", "a.example/team/app:1", True),
    ("a.example/other", "a.example/team/app", False),
    ("a.example:443", "a.example/team/app", False),
    ("a.example", "a.example:5000/app", False),
    ("a.example:5000", "a.example:5000/app", True),
    ("*.example", "a.example/app", True),
    ("*.example", "a.b.example/app", False),
    ("*.*.example", "a.b.example/app", True),
    ("pre*.example:1/x", "prefix.example:1/x/y", True),
    ("a?.example", "ab.example/app", True),
    ("example", "a.example/app", False),
    ("[^b].example", "a.example/app", True),
    ("[!b].example", "a.example/app", False),
    ("[a-c].example", "b.example/app", True),
    ("[a.example", "a.example/app", False),
    ("b.example", "a.example/app", False),
    ("localhost:5000", "localhost:5000/app", True),
    (f"https://{INDEX_DOMAIN}/v1/", "app", True),
    (INDEX_DOMAIN, f"{DEFAULT_DOMAIN}/team/app", True),
    (DEFAULT_DOMAIN, "team/app", True),
    (f"{DEFAULT_DOMAIN}/team", "team/app", True),
    (f"{DEFAULT_DOMAIN}/team", "other/app", False),
    (INDEX_DOMAIN, "a.example/app", False),
]


@pytest.mark.parametrize(("key", "image", "expected"), MATCHING)
def test_matching(key: str, image: str, expected: bool) -> None:
    several = read({key: {"username": "user", "password": "word"}})
    assert bool(choose_credentials(parse_reference(image), several)) is expected


def test_all_that_match_are_tried_the_longest_key_first() -> None:
    entries = {
        key: {"username": key, "password": "x"}
        for key in ("*.example", "a.example", "a.example/team", "b.example", "a.example/team/app")
    }
    chosen = choose_credentials(parse_reference("a.example/team/app"), read(entries))
    assert [one.user for one in chosen] == ["a.example/team/app", "a.example/team", "*.example", "a.example"]


def test_the_same_credential_is_tried_once() -> None:
    entry = {"username": "user", "password": "word"}
    several = [*read({"a.example": entry}), *read({"a.example": entry, "*.example": {**entry, "password": "other"}})]
    assert len(choose_credentials(parse_reference("a.example/app"), several)) == 2


def test_a_credential_shows_nothing_of_itself() -> None:
    credential = Credential("Secret shop/pull", "user", "hunter2", "token2")
    for shown in (repr(credential), str(credential), f"{credential}", credential.identity()):
        assert "hunter2" not in shown
        assert "token2" not in shown
    assert credential.identity() != Credential("Secret shop/pull", "user", "hunter3", "token2").identity()
    assert credential.identity() == Credential("another", "user", "hunter2", "token2").identity()


def test_an_entry_of_nothing_is_passed_over() -> None:
    ((name, credential),) = read({"a.example": None, "b.example": {"auth": encode("user:word")}})
    assert (name, credential.user) == ("b.example", "user")


def test_identities_are_told_apart() -> None:
    pairs = [("a\0b", "c"), ("a", "b\0c"), ("a", "b")]
    assert len({Credential("x", user, password).identity() for user, password in pairs}) == len(pairs)


def test_names_match_whatever_their_case() -> None:
    for name in ("auths", "Auths", "AUTHS"):
        data = {".dockerconfigjson": json.dumps({name: {"a.example": {"auth": encode("user:word")}}}).encode()}
        ((_, credential),) = read_pull_secret("x", data)
        assert credential.user == "user"
    assert read_pull_secret("x", {".dockerconfigjson": b'{"auths": null, "other": 1}'}) == []


def test_a_registry_token() -> None:
    ((_, credential),) = read({"a.example": {"registrytoken": "token2"}})
    assert (credential.user, credential.registry_token) == ("", "token2")
    assert "token2" not in repr(credential)
    others = [Credential("x", "", "", "token2"), Credential("x", "", "", "", "token3"), Credential("x", "", "")]
    assert credential.identity() not in [other.identity() for other in others]
