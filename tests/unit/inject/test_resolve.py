"""Plan, fetch, render over a transport that is a function."""

from __future__ import annotations

import base64
import inspect
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.transport import make_client, path_of, respond
from tests.fakes.vault import auth, kv1, kv2
from vault_secrets_webhook.errors import ConfigurationError, Unreachable
from vault_secrets_webhook.inject.reference import BAO_SCHEME, SCHEME, Read
from vault_secrets_webhook.inject.resolve import Rendered, explain_faults, fetch, make_plan, render
from vault_secrets_webhook.vault.settings import TransitSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.wire.message import Request, Response

    Job = Callable[[], None]


FROM_PATH = "VAULT_ENV_FROM_PATH"


def run_in_order(jobs: list[Job]) -> None:
    for job in jobs:
        job()


class Inject:
    """One run: what was asked, and what came of it. `paths` are answers by API path with query; else 404."""

    def __init__(
        self,
        variables: dict[str, str],
        paths: dict[str, Any] | None = None,
        *,
        from_path: str = "",
        transit: TransitSettings | None = None,
        ignores_missing: bool = False,
    ) -> None:
        self.paths = paths or {}
        client, transport, _ = make_client(self.answer, {"VAULT_MAX_RETRIES": "0"})
        client.settings.transit = transit or TransitSettings("app")
        self.plan = make_plan(variables.items())
        self.plan.add_paths(FROM_PATH, from_path, SCHEME)
        self.fetched = fetch(self.plan, client, run_in_order, ignores_missing=ignores_missing)
        explain_faults(self.fetched, client)
        self.rendered: Rendered = render(self.plan, self.fetched)
        self.asked = [f"{request.method} {path_of(request)}" for request in transport.sent]
        self.bodies = [request.body for request in transport.sent]

    def answer(self, request: Request) -> Response | Exception:
        answer = self.paths.get(path_of(request), respond(404, {"errors": []}))
        return respond(200, answer) if isinstance(answer, dict | bytes) else answer

    @property
    def faults(self) -> list[str]:
        return [str(fault) for fault in self.rendered.faults]


APP = {"secret/data/app": kv2({"user": "u", "password": "p"})}


def test_values() -> None:
    run = Inject(
        {
            "PLAIN": "as it is",
            "USER": "vault:secret/data/app#user",
            "URL": "postgres://${vault:secret/data/app#user}:${vault:secret/data/app#password}@db/\udcff",
            "JSON": '{"pw":"${vault:secret/data/app#password}"}',
            "VAULT_TOKEN": "vault:login",
        },
        APP,
    )
    assert run.rendered.values == {
        "USER": b"u",
        "URL": b"postgres://u:p@db/\xff",
        "JSON": b'{"pw":"p"}',
        "VAULT_TOKEN": b"the-token",
    }
    assert run.faults == []
    assert run.plan.asked() == {SCHEME}
    assert list(run.plan.logins) == [SCHEME]


def test_one_request_serves_all_that_have_the_same_source() -> None:
    run = Inject(
        {
            "A": "vault:db/creds/app#username",
            "B": "${vault:db/creds/app#password} ${vault:db/creds/app#username}",
            "C": "vault:secret/data/app#user#1",
            "D": "vault:secret/data/app#user",
            "E": ">>vault:pki/issue/app#certificate",
            "F": ">>vault:pki/issue/app#private_key#{}",
            "G": '>>vault:pki/issue/app#certificate#{"ttl":"1h"}',
        },
        {
            **APP,
            "db/creds/app": kv1({"username": "u", "password": "p"}, lease_id="x"),
            "secret/data/app?version=1": kv2({"user": "old"}),
            "pki/issue/app": kv1({"certificate": "c", "private_key": "k"}),
        },
        from_path="db/creds/app",
    )
    assert run.asked == [
        "GET db/creds/app",
        "GET secret/data/app?version=1",
        "GET secret/data/app",
        "PUT pki/issue/app",
        "PUT pki/issue/app",
    ]
    assert [json.loads(body) for body in run.bodies[3:]] == [{}, {"ttl": "1h"}]
    assert run.rendered.values["B"] == b"p u"
    assert (run.rendered.values["C"], run.rendered.values["D"]) == (b"old", b"u")
    assert run.rendered.from_path == {"username": b"u", "password": b"p"}
    assert run.fetched.has_leases()


def test_static_secrets_have_no_leases() -> None:
    assert not Inject({"A": "vault:secret/data/app#user", "B": "vault:gone#x"}, APP).fetched.has_leases()


VALUES: list[tuple[str, bytes, bytes]] = [
    ("text", b'"a\\nb"', b"a\nb"),
    ("not ASCII", '"é"'.encode(), "é".encode()),
    ("surrogate pair", b'"\\ud83d\\ude00"', "😀".encode()),
    ("lone surrogates", b'"a\\ud800b\\udcff"', "a\ufffdb\ufffd".encode()),
    ("NUL", b'"a\\u0000b"', b"a\0b"),
    ("empty", b'""', b""),
    ("null", b"null", b""),
    ("true", b"true", b"true"),
    ("false", b"false", b"false"),
    ("integer", b"1500000", b"1500000"),
    ("big integer", b"18446744073709551616", b"18446744073709551616"),
    ("decimal", b"1.50", b"1.50"),
    ("exponent", b"1E5", b"1E5"),
    ("map", '{"b": 1.0, "a": [true, null, "é\\n"]}'.encode(), '{"b":1.0,"a":[true,null,"é\\n"]}'.encode()),
    ("list", b'[1, {"x": "\\ud800"}]', '[1,{"x":"\ufffd"}]'.encode()),
    ("empty map", b"{}", b"{}"),
]


@pytest.mark.parametrize(("value", "expected"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_how_a_value_is_written(value: bytes, expected: bytes) -> None:
    run = Inject({"A": "vault:kv/a#k"}, {"kv/a": b'{"data":{"k":' + value + b',"other":1}}'}, from_path="kv/a")
    assert run.rendered.values == {"A": expected}
    assert run.rendered.from_path["k"] == expected


def test_every_fault_is_told() -> None:
    run = Inject(
        {
            "GOOD": "vault:secret/data/app#user",
            "NO_PATH": "vault:secret/data/gone#user",
            "NO_KEY": "x${vault:secret/data/app#nam}",
            "DENIED": "vault:secret/data/denied#x",
            "HTML": "vault:secret/data/html#x",
            "TEMPLATE": "vault:secret/data/app#${.user | uper}",
            "WRONG": "vault:secret/data/app",
        },
        {
            **APP,
            "secret/data/denied": respond(403, {"errors": ["permission denied"]}),
            "auth/token/lookup-self": kv1({"policies": ["default"]}),
            "secret/data/html": b"<html>",
        },
    )
    assert run.rendered.values == {"GOOD": b"u"}
    assert sorted(run.faults[:2]) == [
        'TEMPLATE: secret/data/app: template: config:1: function "uper" not defined',
        "WRONG: no key: write vault:PATH#KEY\n  vault:secret/data/app\n                       ^",
    ]
    assert sorted(run.faults[2:]) == [
        "DENIED: secret/data/denied: permission denied (HTTP 403); the token's policies (default) do not allow it",
        "HTML: secret/data/html: the answer (HTTP 200) is not valid JSON; does VAULT_ADDR name a Vault, and not a proxy or a web page?",
        "NO_KEY: secret/data/app: no key 'nam'; there are: password, user",
        "NO_PATH: secret/data/gone: no secret at this path",
    ]


def test_missing_key_names_some_of_those_there_are() -> None:
    run = Inject({"A": "vault:kv/a#x", "B": "vault:kv/b#x"}, {"kv/a": kv1(dict.fromkeys(map(str, range(99)), ""))})
    assert run.faults[0].endswith("no key 'x'; there are: 0, 1, 10, 11, 12, 13, 14, 15, 16, 17, ...")
    empty = Inject({"A": "vault:secret/data/a#x"}, {"secret/data/a": kv2({})})
    assert empty.faults == ["A: secret/data/a: no key 'x'; there are: none"]


FORGIVEN: list[tuple[str, str, Any]] = [
    ("path", "vault:secret/data/a#k", respond(404, {"errors": []})),
    ("key", "vault:secret/data/a#k", kv2({"other": ""})),
    ("version", "vault:secret/data/a#k#9", respond(404, {"errors": []})),
    ("deleted", "vault:secret/data/a#k", respond(404, kv2(None, deletion_time="x"))),
    ("destroyed", "vault:secret/data/a#k", respond(404, kv2(None, destroyed=True))),
    ("inline", "x ${vault:secret/data/a#k} y", respond(404)),
]


@pytest.mark.parametrize(("text", "answer"), [row[1:] for row in FORGIVEN], ids=[row[0] for row in FORGIVEN])
def test_what_is_missing_can_be_ignored(text: str, answer: Any) -> None:
    paths = {"secret/data/a": answer, "secret/data/a?version=9": answer}
    run = Inject({"A": text}, paths, ignores_missing=True)
    assert (run.faults, run.rendered.values) == ([], {})
    assert [fault.name for fault in run.rendered.dropped] == ["A"]
    assert "secret/data/a" in run.rendered.dropped[0].cause
    strict = Inject({"A": text}, paths)
    assert (len(strict.faults), strict.rendered.dropped) == (1, [])


def test_missing_from_path_can_be_ignored() -> None:
    run = Inject({}, APP, from_path="secret/data/gone,secret/data/app", ignores_missing=True)
    assert run.rendered.from_path == {"user": b"u", "password": b"p"}
    assert [fault.name for fault in run.rendered.dropped] == ["VAULT_ENV_FROM_PATH"]
    assert Inject({}, APP, from_path="secret/data/gone").faults == [
        "VAULT_ENV_FROM_PATH: secret/data/gone: no secret at this path"
    ]


NEVER_FORGIVEN: list[tuple[str, str, Any]] = [
    ("denied", "vault:kv/a#k", respond(403)),
    ("write to nowhere", ">>vault:kv/a#k", respond(404)),
    ("bad request", "vault:kv/a#k", respond(400)),
    ("unreachable", "vault:kv/a#k", Unreachable("gone", may_pass=False)),
    ("HTML", "vault:kv/a#k", b"<html>"),
    ("wrong reference", "vault:kv/a", {}),
    ("template", "vault:kv/a#${.k.x}", kv1({"k": ""})),
    ("ciphertext", "vault:v1:x", {}),
]


@pytest.mark.parametrize(
    ("text", "answer"), [row[1:] for row in NEVER_FORGIVEN], ids=[row[0] for row in NEVER_FORGIVEN]
)
def test_what_is_not_missing_is_never_ignored(text: str, answer: Any) -> None:
    run = Inject({"A": text}, {"kv/a": answer}, ignores_missing=True)
    assert (len(run.faults), run.rendered.values, run.rendered.dropped) == (1, {}, [])
    assert run.faults[0].startswith("A: ")


@pytest.mark.parametrize("key", ["", "a=b", "a\\u0000b", "\\ud800", "\\udcff"])
def test_from_path_key_that_is_no_name(key: str) -> None:
    run = Inject({}, {"kv/a": b'{"data":{"' + key.encode() + b'":"hunter2"}}'}, from_path="kv/a")
    (fault,) = run.faults
    assert fault.startswith("VAULT_ENV_FROM_PATH: kv/a: the key '")
    assert "hunter2" not in fault
    assert run.rendered.from_path == {}


def test_from_path_versions_and_order() -> None:
    run = Inject(
        {},
        {"secret/data/a?version=2": kv2({"x": "1", "y": "1"}), "kv/b": kv1({"y": "2"})},
        from_path="secret/data/a#2, kv/b",
    )
    assert run.rendered.from_path == {"x": b"1", "y": b"2"}


def test_wrong_from_path_is_told_before_anything_is_asked() -> None:
    plan = make_plan([("A", "vault:a")])
    plan.add_paths(FROM_PATH, "secret/data/a#x", SCHEME)
    assert [fault.name for fault in plan.faults] == ["A", FROM_PATH]
    assert plan.sources == {}


OUTAGES = [
    Unreachable("nothing listens there", may_pass=False),
    respond(503, {"errors": ["Vault is sealed"]}),
    ConfigurationError("VAULT_CACERT x cannot be read"),
]


@pytest.mark.parametrize("outage", OUTAGES, ids=["unreachable", "sealed", "TLS settings"])
def test_an_outage_is_met_once(outage: Any) -> None:
    variables = {f"V{number}": f"vault:kv/{number}#k" for number in range(20)}
    run = Inject({**variables, "C": "vault:v1:x"}, dict.fromkeys([f"kv/{number}" for number in range(20)], outage))
    assert run.asked == ["GET kv/0"]
    assert len(run.faults) == 21
    cause = run.faults[0].removeprefix("V0: ")
    assert run.faults[7] == f"V7: kv/7: not asked for any more, because {cause}"
    assert run.faults[20] == f"C: transit: not asked any more, because {cause}"


@pytest.mark.parametrize("trouble", [respond(403), respond(500), respond(400), b"<html>"], ids=repr)
def test_trouble_of_one_path_is_not_that_of_others(trouble: Any) -> None:
    run = Inject({"A": "vault:kv/a#k", "B": "vault:kv/b#k"}, {"kv/a": trouble, "kv/b": kv1({"k": "v"})})
    assert run.rendered.values == {"B": b"v"}
    assert len(run.faults) == 1


def decrypted(*plaintexts: bytes | None) -> dict[str, Any]:
    results = [
        {"error": "invalid ciphertext"} if text is None else {"plaintext": base64.b64encode(text).decode()}
        for text in plaintexts
    ]
    return {"data": {"batch_results": results}}


def test_ciphertexts_go_in_batches_and_once_each() -> None:
    seen: list[list[str]] = []

    def answer(request: Request) -> Response:
        batch = [item["ciphertext"] for item in json.loads(request.body)["batch_input"]]
        seen.append(batch)
        return respond(200, decrypted(*(text.removeprefix("vault:v1:").encode() for text in batch)))

    client, _, _ = make_client(answer)
    variables = [(f"V{number}", f"vault:v1:{number % 5}") for number in range(10)] + [("I", "<${vault:v1:0}>")]
    plan = make_plan(variables)
    client.settings.transit = TransitSettings("app", batch_size=2)
    rendered = render(plan, fetch(plan, client, run_in_order))
    assert seen == [["vault:v1:0", "vault:v1:1"], ["vault:v1:2", "vault:v1:3"], ["vault:v1:4"]]
    assert rendered.values == {**{f"V{n}": str(n % 5).encode() for n in range(10)}, "I": b"<0>"}


def test_a_token_that_was_made_hangs_on_ours() -> None:
    run = Inject(
        {"A": ">>vault:auth/token/create#client_token"}, {"auth/token/create": {"data": None, **auth("child")}}
    )
    assert run.rendered.values == {"A": b"child"}
    assert run.fetched.has_leases()


@pytest.mark.parametrize("from_path", ["", "kv/a"])
def test_value_that_is_nested_too_deep_names_its_variable(from_path: str) -> None:
    deep = b'{"data":{"k":' + b"[" * 400 + b"]" * 400 + b"}}"
    run = Inject({} if from_path else {"A": "vault:kv/a#k"}, {"kv/a": deep}, from_path=from_path)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        (fault,) = render(run.plan, run.fetched).faults
    finally:
        sys.setrecursionlimit(limit)
    name = FROM_PATH if from_path else "A"
    assert str(fault) == f"{name}: kv/a: the value of 'k' is nested too deep to be written"


DENIED = respond(403, {"errors": ["permission denied"]})
SECRET_MOUNT = {"data": {"path": "secret/", "options": {"version": "2"}}}


def test_causes_are_looked_up_for_what_is_told_alone() -> None:
    paths = {"sys/internal/ui/mounts/secret/a": SECRET_MOUNT, "kv/b": DENIED}
    told = Inject({"A": "vault:secret/a#k"}, paths)
    assert told.faults == ["A: secret/a: no secret at this path; secret/ is KV version 2: write secret/data/a"]
    assert told.asked == ["GET secret/a", "GET sys/internal/ui/mounts/secret/a"]
    forgiven = Inject({"A": "vault:secret/a#k", "B": "vault:gone#k"}, paths, ignores_missing=True)
    assert forgiven.asked == ["GET secret/a", "GET gone"]
    mixed = Inject({"A": "vault:secret/a#k", "B": "vault:kv/b#k"}, paths, ignores_missing=True)
    assert mixed.asked[2:] == ["GET sys/internal/ui/mounts/kv/b", "GET auth/token/lookup-self"]


def test_written_path_gets_the_hint_too() -> None:
    run = Inject({"A": ">>vault:secret/a#k"}, {"secret/a": DENIED, "sys/internal/ui/mounts/secret/a": SECRET_MOUNT})
    assert run.asked == ["PUT secret/a", "GET sys/internal/ui/mounts/secret/a"]
    assert "write secret/data/a" in run.faults[0]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_stands_before_vault_says_it_for_all_paths(status: int) -> None:
    paths = {f"kv/{number}": respond(status) for number in range(20)}
    run = Inject({f"V{number}": f"vault:kv/{number}#k" for number in range(20)}, paths)
    assert run.asked == ["GET kv/0"]
    assert len(run.faults) == 20


def test_many_denied_paths_cost_few_look_ups() -> None:
    denied = {f"kv/{number}": DENIED for number in range(30)}
    run = Inject(
        {f"V{number}": f"vault:kv/{number}#k" for number in range(30)}, {**denied, "auth/token/lookup-self": DENIED}
    )
    assert len(run.faults) == 30
    assert len(run.asked) <= 30 + 6
    assert run.asked[:30] == [f"GET kv/{number}" for number in range(30)]


def test_nothing_is_looked_up_in_an_outage() -> None:
    run = Inject(
        {"A": "vault:kv/a#k", "B": "vault:kv/b#k"}, {"kv/a": DENIED, "kv/b": Unreachable("gone", may_pass=False)}
    )
    assert run.asked == ["GET kv/a", "GET kv/b"]


def test_one_bad_ciphertext_fails_its_variable_alone() -> None:
    run = Inject(
        {"A": "vault:v1:a", "B": "vault:v1:b"}, {"transit/decrypt/app": respond(400, decrypted(None, b"\xff"))}
    )
    assert run.rendered.values == {"B": b"\xff"}
    assert run.faults == ["A: transit/decrypt/app: invalid ciphertext"]


def test_failed_batch_fails_all_of_it() -> None:
    run = Inject({"A": "vault:v1:a", "B": "vault:v1:b"}, {"transit/decrypt/app": respond(403)})
    denied = "transit/decrypt/app: permission denied (HTTP 403); either the token is not valid"
    assert [fault.split(" (wrong")[0] for fault in run.faults] == [f"{name}: {denied}" for name in "AB"]


def test_after_a_vain_retry_the_others_get_one_try() -> None:
    """A 500 may be of one path alone, so the others are asked; but not for the whole time-out each."""
    tries: dict[str, int] = {}

    def answer(request: Request) -> Response:
        tries[path_of(request)] = tries.get(path_of(request), 0) + 1
        return respond(500)

    client, _, _ = make_client(answer, {"VAULT_MAX_RETRIES": "2"})
    plan = make_plan([(name, f"vault:kv/{name}#k") for name in "abc"])
    fetch(plan, client, run_in_order)
    assert tries == {"kv/a": 3, "kv/b": 1, "kv/c": 1}


def test_ciphertext_needs_a_key() -> None:
    run = Inject({"A": "vault:v1:a", "B": "vault:secret/data/app#user"}, APP, transit=TransitSettings())
    assert run.faults == ["A: a transit ciphertext needs VAULT_TRANSIT_KEY_ID, the name of its key"]
    assert run.asked == ["GET secret/data/app"]


@pytest.mark.parametrize("size", [0, -1])
def test_batch_size_is_at_least_one(size: int) -> None:
    assert TransitSettings("k", batch_size=size).batch_size == 1


def test_jobs_may_run_at_the_same_time() -> None:
    """Every job waits until all have started: were they not independent, this would not end."""
    barrier = threading.Barrier(8, timeout=30)

    def answer(request: Request) -> Response:
        barrier.wait()
        return respond(200, kv1({"k": path_of(request)}))

    def run_together(jobs: list[Job]) -> None:
        threads = [threading.Thread(target=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    client, _, _ = make_client(answer)
    plan = make_plan([(f"V{number}", f"vault:kv/{number}#k") for number in range(8)])
    rendered = render(plan, fetch(plan, client, run_together))
    assert rendered.values == {f"V{number}": f"kv/{number}".encode() for number in range(8)}


def test_plan_keeps_the_order() -> None:
    plan = make_plan([("A", "${vault:b#x}${vault:a#x}"), ("B", "vault:b#y"), ("C", "vault:c#x")])
    plan.add_paths(FROM_PATH, "d, a", SCHEME)
    assert list(plan.sources) == [Read("b"), Read("a"), Read("c"), Read("d")]


BOTH = (SCHEME, BAO_SCHEME)
OF_TWO = {
    "A": "vault:kv/a#k",
    "B": "bao:kv/a#k",
    "AB": "${vault:kv/a#k}-${bao:kv/a#k}-${bao:v1:x}${vault:v1:x}",
    "GONE": "${vault:kv/a#k}${bao:kv/gone#k}",
    "VAULT_TOKEN": "vault:login",
    "BAO_TOKEN": "bao:login",
}


def test_each_scheme_is_asked_of_its_own_server() -> None:
    """Paths and ciphertexts are the same on both; tokens and what is forgiven are each server's own."""
    fetched, asked = [], {}
    plan = make_plan(OF_TWO.items(), BOTH)
    plan.add_paths("BAO_FROM_PATH", "kv/more", BAO_SCHEME)
    for scheme in sorted(plan.asked()):
        name = scheme.removesuffix(":")
        plain = base64.b64encode(f"{name}-plain".encode()).decode()

        def answer(request: Request, name: str = name, plain: str = plain) -> Response:
            if request.method == "PUT":
                assert json.loads(request.body)["batch_input"] == [{"ciphertext": "vault:v1:x"}]
                return respond(200, {"data": {"batch_results": [{"plaintext": plain}]}})
            return respond(404) if "gone" in request.url else respond(200, kv1({"k": f"{name}-value"}))

        client, transport, _ = make_client(answer, {"VAULT_TRANSIT_KEY_ID": "app"}, token=f"{name}-token")
        fetched.append(fetch(plan, client, run_in_order, scheme, ignores_missing=scheme == BAO_SCHEME))
        asked[name] = sorted(path_of(request) for request in transport.sent)
    rendered = render(plan, *fetched)
    assert asked == {
        "vault": ["kv/a", "transit/decrypt/app"],
        "bao": ["kv/a", "kv/gone", "kv/more", "transit/decrypt/app"],
    }
    assert rendered.values == {
        "A": b"vault-value",
        "B": b"bao-value",
        "AB": b"vault-value-bao-value-bao-plainvault-plain",
        "VAULT_TOKEN": b"vault-token",
        "BAO_TOKEN": b"bao-token",
    }
    assert rendered.from_path == {"k": b"bao-value"}
    assert ([fault.name for fault in rendered.dropped], rendered.faults) == (["GONE"], [])


@pytest.mark.parametrize("text", ["${vault:kv/gone#k}${vault:kv/a#k}", "${vault:kv/a#k}${vault:kv/gone#k}"])
def test_what_is_forgiven_hides_no_other_fault(text: str) -> None:
    run = Inject({"A": text}, {"kv/a": respond(403)}, ignores_missing=True)
    (fault,) = run.faults
    assert fault.startswith("A: kv/a: permission denied")
    assert (run.rendered.values, run.rendered.dropped) == ({}, [])


def test_variable_with_several_missing_secrets_is_dropped_once() -> None:
    run = Inject({"A": "${vault:kv/gone#k}-${vault:kv/away#k}"}, ignores_missing=True)
    assert [fault.cause.partition(":")[0] for fault in run.rendered.dropped] == ["kv/gone"]
    assert (run.rendered.values, run.faults) == ({}, [])


@pytest.mark.parametrize(
    ("variables", "paths", "expected"),
    [
        ({"A": "bao:a#b"}, {}, {BAO_SCHEME}),
        ({"A": "bao:v1:x"}, {}, {BAO_SCHEME}),
        ({"A": "bao:login"}, {}, {BAO_SCHEME}),
        ({"A": "${bao:a#b}${vault:a#b}"}, {}, {BAO_SCHEME, SCHEME}),
        ({}, {"bao:": "kv/a"}, {BAO_SCHEME}),
        ({"A": "x"}, {}, set()),
    ],
)
def test_who_is_asked(variables: dict[str, str], paths: dict[str, str], expected: set[str]) -> None:
    plan = make_plan(variables.items(), BOTH)
    for scheme, text in paths.items():
        plan.add_paths("PATHS", text, scheme)
    assert plan.asked() == expected


def test_schemes_that_are_none_are_text() -> None:
    assert make_plan([("A", "bao:a#b"), ("B", "x${bao:a#b}")]).asked() == set()
    assert make_plan([("A", "vault:a#b")], (BAO_SCHEME,)).asked() == set()
