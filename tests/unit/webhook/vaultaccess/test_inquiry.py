"""What Vault is asked about references, what follows from its answers, and that no secret is ever read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.fakes.transport import make_client, respond
from vault_secrets_webhook.errors import MalformedResponse, RequestRejected, Unreachable
from vault_secrets_webhook.webhook.vaultaccess.inquiry import (
    DECRYPT,
    READ,
    WRITE,
    Inquiry,
    PathFault,
    PathFindings,
    TokenUnknown,
    Wish,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vault_secrets_webhook.wire.message import Request, Response

MOUNTS = "sys/internal/ui/mounts/"
CAPABILITIES = "sys/capabilities-self"
LOOKUP = "auth/token/lookup-self"
DENIED_BY_POLICY = respond(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
DENIED = respond(403, {"errors": ["permission denied"]})
NOTHING = respond(404, {"errors": []})
DB = "secret/data/app/db"
SUBKEYS, METADATA = "secret/subkeys/app/db", "secret/metadata/app/db"
EVERYTHING = {DB: ["read"], SUBKEYS: ["read"], METADATA: ["read"]}
VERSION = {"created_time": "2026-01-01T00:00:00.123456789Z", "deletion_time": "", "destroyed": False}


class FakeVault:
    """Mounts of KV version 2 at `secret/` and `team/kv/`, of version 1 at `old/`; `answers` by path win."""

    def __init__(self, capabilities: Mapping[str, Sequence[str]], answers: Mapping[str, Any] | None = None) -> None:
        self.capabilities = capabilities
        self.answers = answers or {}
        self.asked: list[str] = []

    def answer(self, request: Request) -> Response | Exception:
        parts = urlsplit(request.url)
        path = unquote(parts.path).removeprefix("/v1/")
        self.asked.append(f"{request.method} {path}" + (f"?{parts.query}" if parts.query else ""))
        if path in self.answers:
            found: Response | Exception = self.answers[path]
            return found
        if path.startswith(MOUNTS):
            return self.find_mount(path.removeprefix(MOUNTS))
        if path == CAPABILITIES:
            asked = json.loads(request.body)["paths"]
            return respond(200, {"data": {one: list(self.capabilities.get(one, ["deny"])) for one in asked}})
        return NOTHING

    def find_mount(self, path: str) -> Response:
        for mount, version in (("secret/", "2"), ("team/kv/", "2"), ("old/", "1"), ("odd", "2")):
            if path.startswith(mount):
                return respond(200, {"data": {"path": mount, "type": "kv", "options": {"version": version}}})
        return DENIED


def give_subkeys(*keys: str, **metadata: Any) -> Response:
    return respond(200, {"data": {"subkeys": dict.fromkeys(keys), "metadata": {**VERSION, **metadata}}})


def give_lost(**metadata: Any) -> Response:
    return respond(404, {"data": {"subkeys": None, "metadata": {**VERSION, **metadata}}})


def give_metadata(current: int, **versions: Mapping[str, Any]) -> Response:
    listed = {name.removeprefix("v"): {**VERSION, **one} for name, one in versions.items()}
    return respond(200, {"data": {"current_version": current, "versions": listed}})


def run_all(jobs: list[Any]) -> None:
    for job in jobs:
        job()


def ask(vault: FakeVault, *wishes: Wish, ignores_missing: bool = False) -> PathFindings:
    client, _, _ = make_client(vault.answer, {"VAULT_MAX_RETRIES": "0"})
    findings = Inquiry(client, "app", run_all).ask(wishes, ignores_missing=ignores_missing)
    # Nothing that is asked can change anything or give a value.
    harmless = (f"GET {MOUNTS}", f"PUT {CAPABILITIES}", f"GET {LOOKUP}", "GET secret/subkeys/", "GET secret/metadata/")
    assert [one for one in vault.asked if not one.startswith((*harmless, "GET team/kv/subkeys/"))] == []
    return findings


def read(path: str = DB, version: int | None = None, key: str | None = "password") -> Wish:
    return Wish(READ, path, version, key)


NO_FAULT = PathFindings({}, {})


def test_what_is_asked_for_several_references() -> None:
    answers = {SUBKEYS: give_subkeys("password", "user")}
    vault = FakeVault({**EVERYTHING, "old/db": ["read"], "pki/issue/app": ["create"], "transit/d": ["update"]}, answers)
    wishes = [
        read(),
        read(key="user"),
        read(key=None),
        read(version=3),
        read("old/db"),
        Wish(WRITE, "pki/issue/app"),
        Wish(DECRYPT, "transit/d"),
    ]
    assert ask(vault, *wishes) == NO_FAULT
    assert vault.asked == [
        f"GET {MOUNTS}{DB}",
        f"GET {MOUNTS}old/db",
        f"PUT {CAPABILITIES}",
        f"GET {SUBKEYS}?depth=1",
        f"GET {SUBKEYS}?depth=1&version=3",
    ]


CAPABLE = [
    (READ, ["read"], True),
    (READ, ["root"], True),
    (READ, ["list", "update", "create", "sudo"], False),
    (READ, ["deny"], False),
    (READ, [], False),
    (WRITE, ["create"], True),
    (WRITE, ["update"], True),
    (WRITE, ["read", "patch"], False),
    (DECRYPT, ["update"], True),
    (DECRYPT, ["create"], False),
]


@pytest.mark.parametrize(("operation", "capabilities", "may"), CAPABLE)
def test_capabilities(operation: str, capabilities: list[str], may: bool) -> None:
    wish = Wish(operation, "old/a")
    findings = ask(FakeVault({"old/a": capabilities}), wish)
    assert (wish not in findings.faults, findings.unknown) == (may, {})
    if not may:
        assert findings.faults[wish].code == 403
        assert f"old/a: role 'app' may not {operation} it" in findings.faults[wish].cause


STATES: list[tuple[str, dict[str, Any], Wish, str]] = [
    ("key", {SUBKEYS: give_subkeys("a")}, read(key="b"), f"{DB}: no key 'b'; there are: a"),
    ("no keys", {SUBKEYS: give_subkeys()}, read(), f"{DB}: no key 'password'; there are: none"),
    ("nothing", {SUBKEYS: NOTHING}, read(), f"{DB}: no secret at this path"),
    ("version", {SUBKEYS: NOTHING}, read(version=4), f"{DB}: no secret, or no version 4 of it"),
    ("destroyed", {SUBKEYS: give_lost(destroyed=True)}, read(version=1), f"{DB}: version 1 of it was destroyed"),
    ("deleted", {SUBKEYS: give_lost(deletion_time="x")}, read(), f"{DB}: its current version was deleted"),
    ("template", {SUBKEYS: NOTHING}, read(key=None), f"{DB}: no secret at this path"),
    ("no data/", {}, read("secret/app/db"), "secret/app/db: secret/ is KV version 2: write secret/data/app/db"),
]


@pytest.mark.parametrize(("answers", "wish", "cause"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_what_is_not_there(answers: dict[str, Any], wish: Wish, cause: str) -> None:
    findings = ask(FakeVault(EVERYTHING, answers), wish)
    assert list(findings.faults) == [wish]
    assert findings.faults[wish].cause.startswith(cause)
    assert (findings.faults[wish].code, findings.unknown) == (422, {})


def test_many_keys_are_not_all_named() -> None:
    vault = FakeVault(EVERYTHING, {SUBKEYS: give_subkeys(*(f"k{number:02}" for number in range(11)))})
    cause = ask(vault, read()).faults[read()].cause
    assert cause.endswith("k09, ...")


BY_METADATA: list[tuple[str, Any, Wish, str]] = [
    ("there", give_metadata(2, v2={}), read(key=None), ""),
    ("older", give_metadata(2, v1={}, v2={}), read(version=1, key=None), ""),
    ("ends later", give_metadata(1, v1={"deletion_time": "2999-01-01T00:00:00.5Z"}), read(key=None), ""),
    ("strange end", give_metadata(1, v1={"deletion_time": "soon"}), read(key=None), ""),
    ("deleted", give_metadata(1, v1={"deletion_time": "2026-01-01T00:00:00.123456789Z"}), read(), "was deleted"),
    ("destroyed", give_metadata(1, v1={"destroyed": True}), read(version=1), "version 1 of it was destroyed"),
    ("never", give_metadata(1, v1={}), read(version=5), "version 5 of it was never written, or is forgotten"),
    ("empty", give_metadata(0), read(), "its current version was never written"),
    ("nothing", NOTHING, read(), "no secret at this path"),
]


@pytest.mark.parametrize(("answer", "wish", "cause"), [row[1:] for row in BY_METADATA], ids=[r[0] for r in BY_METADATA])
def test_versions_by_metadata(answer: Any, wish: Wish, cause: str) -> None:
    vault = FakeVault({DB: ["read"], METADATA: ["read"]}, {METADATA: answer})
    findings = ask(vault, wish)
    assert (list(findings.faults) == [wish], findings.unknown) == (bool(cause), {})
    assert cause in findings.faults.get(wish, PathFault("", 0)).cause
    assert SUBKEYS not in str(vault.asked)


def test_a_key_is_not_known_by_metadata() -> None:
    vault = FakeVault({DB: ["read"], METADATA: ["read"]}, {METADATA: give_metadata(1, v1={})})
    assert ask(vault, read()) == PathFindings(
        {}, {read(): f"role 'app' may not read {SUBKEYS}, which tells whether there is the key"}
    )


UNKNOWN: list[tuple[str, Mapping[str, list[str]], dict[str, Any]]] = [
    ("neither is permitted", {DB: ["read"]}, {}),
    ("denied all the same", EVERYTHING, {SUBKEYS: DENIED_BY_POLICY, METADATA: DENIED_BY_POLICY}),
    ("not known to the server", {DB: ["read"], SUBKEYS: ["read"]}, {SUBKEYS: respond(404, {"errors": ["no handler"]})}),
]


@pytest.mark.parametrize(("capabilities", "answers"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_what_cannot_be_known(capabilities: Mapping[str, list[str]], answers: dict[str, Any]) -> None:
    findings = ask(FakeVault(capabilities, answers), read())
    assert findings == PathFindings({}, {read(): f"role 'app' may read neither {SUBKEYS} nor {METADATA}"})


def test_a_server_without_subkeys_has_metadata() -> None:
    vault = FakeVault(
        EVERYTHING, {SUBKEYS: respond(404, {"errors": ["unsupported path"]}), METADATA: give_metadata(1, v1={})}
    )
    assert ask(vault, read(key=None)) == NO_FAULT


def test_without_capabilities_only_what_is_not_there_is_known() -> None:
    answers = {CAPABILITIES: DENIED_BY_POLICY, LOOKUP: DENIED_BY_POLICY, SUBKEYS: give_subkeys("a")}
    other = read("old/db")
    findings = ask(FakeVault({}, answers), read(), other)
    assert findings.faults == {read(): PathFault(f"{DB}: no key 'password'; there are: a", 422)}
    assert findings.unknown[other] == "role 'app' may not ask sys/capabilities-self"


def test_a_token_that_is_not_known_any_more() -> None:
    with pytest.raises(TokenUnknown):
        ask(FakeVault({}, {CAPABILITIES: DENIED, LOOKUP: DENIED}), read())


def test_ignore_missing_asks_for_capabilities_alone() -> None:
    vault = FakeVault({DB: ["read"]})
    denied = read("secret/data/other")
    assert list(ask(vault, read(), denied, ignores_missing=True).faults) == [denied]
    assert vault.asked == [f"PUT {CAPABILITIES}"]


OTHER_PATHS = ["secret/metadata/app/db", "secret/config", "secret/subkeys/app/db", "old/data/db", "ns/secret/data/a"]


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_paths_that_are_no_secrets_of_kv_version_2(path: str) -> None:
    vault = FakeVault({path: ["read"]})
    assert ask(vault, read(path)) == NO_FAULT
    assert vault.asked == [f"GET {MOUNTS}{path}", f"PUT {CAPABILITIES}"]


def test_a_mount_with_a_slash_in_its_name() -> None:
    path = "team/kv/data/a/data/b"
    vault = FakeVault({path: ["read"], "team/kv/subkeys/a/data/b": ["read"]})
    findings = ask(vault, read(path))
    assert findings.faults[read(path)].cause.startswith(f"{path}: no secret")


@pytest.mark.parametrize("mount", ["odd", "", 7, None, "elsewhere/"])
def test_a_mount_that_cannot_be_one_is_none(mount: object) -> None:
    answer = respond(200, {"data": {"path": mount, "options": {"version": "2"}}})
    vault = FakeVault(EVERYTHING, {MOUNTS + DB: answer})
    assert ask(vault, read()) == NO_FAULT


AWAY = [
    pytest.param(respond(503, {"errors": ["Vault is sealed"]}), RequestRejected, id="sealed"),
    pytest.param(respond(429, {"errors": []}), RequestRejected, id="rate limit"),
    pytest.param(respond(200, b"<html>"), MalformedResponse, id="HTML"),
    pytest.param(Unreachable("nobody listens", may_pass=False), Unreachable, id="away"),
]


@pytest.mark.parametrize("stage", [MOUNTS + DB, CAPABILITIES, SUBKEYS])
@pytest.mark.parametrize(("answer", "error"), AWAY)
def test_a_server_that_cannot_be_used(stage: str, answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(FakeVault(EVERYTHING, {stage: answer}), read())
