"""References with templates: what they give, what is told when they fail, and that no secret is told."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.fakes.vault import kv1, kv2
from tests.unit.inject.test_resolve import Inject
from vault_secrets_webhook.gotemplate.functionsets import IN_WEBHOOK
from vault_secrets_webhook.inject.resolve import make_plan

SECRET: dict[str, Any] = {
    "user": "app",
    "password": "p@ss w/rd",
    "port": 5432,
    "ssl": True,
    "none": None,
    "hosts": ["a", "b"],
}
PATHS = {
    "secret/data/db": kv2(SECRET),
    "secret/data/db?version=2": kv2({"user": "old"}),
    "kv/db": kv1({"user": "one", "zero": 0, "big": 1500000, "rate": 1.5}),
    "pki/issue/app": kv1({"certificate": "c\n", "ca_chain": ["x", "y"]}),
    "kv/odd": b'{"data":{"lone":"a\\ud800b\\udcff","deep":{"\\udc80":["\\udcff"]}}}',
}

RENDERED: list[tuple[str, str, bytes]] = [
    (
        "text around",
        "vault:secret/data/db#postgres://${.user}:${.password | urlquery}@db",
        b"postgres://app:p%40ss+w%2Frd@db",
    ),
    ("number as written", "vault:secret/data/db#${.port}", b"5432"),
    ("big number", "vault:kv/db#${.big} ${.rate}", b"1500000 1.5"),
    ("zero is true, being text", "vault:kv/db#${if .zero}yes${else}no${end}", b"yes"),
    ("equal to text", 'vault:secret/data/db#${eq .port "5432"}', b"true"),
    ("range", "vault:secret/data/db#${range $i, $h := .hosts}${if $i},${end}${$h}:${$.port}${end}", b"a:5432,b:5432"),
    ("Sprig", 'vault:secret/data/db#${.user | upper | b64enc}-${join "+" .hosts}', b"QVBQ-a+b"),
    ("brace in a string", 'vault:secret/data/db#${"}"}${.user}${`{`}', b"}app{"),
    ("sharp in the text", "vault:secret/data/db##${.user}#x", b"#app#x"),
    ("version", "vault:secret/data/db#${.user}#2", b"old"),
    ("inline", 'x${vault:secret/data/db#${.user}-${.port}}y{"a":"${vault:kv/db#user}"}', b'xapp-5432y{"a":"one"}'),
    ("write", '>>vault:pki/issue/app#${.certificate}${index .ca_chain 1}#{"common_name":"x"}', b"c\ny"),
    ("null", "vault:secret/data/db#${if .none}a${else}b${end}", b"b"),
    ("JSON", "vault:secret/data/db#${.hosts | toJson}", b'["a","b"]'),
    (
        "lone surrogates",
        "vault:kv/odd#${.lone}${range $k, $v := .deep}${$k}${$v}${end}",
        "a\ufffdb\ufffd\ufffd[\ufffd]".encode(),
    ),
    ("bytes", 'vault:kv/db#${"/w==" | b64dec}', b"\xff"),
    ("accessor", "vault:kv/db#${accessor `kubernetes/`}", b"__accessor__kubernetes"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in RENDERED], ids=[row[0] for row in RENDERED])
def test_template(text: str, expected: bytes) -> None:
    run = Inject({"A": text}, PATHS)
    assert (run.faults, run.rendered.values, run.rendered.doubtful) == ([], {"A": expected}, [])


def test_one_request_serves_keys_and_templates() -> None:
    run = Inject({"A": "vault:kv/db#${.user}", "B": "vault:kv/db#user", "C": "vault:kv/db#${.user}"}, PATHS)
    assert run.asked == ["GET kv/db"]
    assert set(run.rendered.values.values()) == {b"one"}
    assert len(run.plan.templates) == 1


FAULTS: list[tuple[str, str, str]] = [
    ("syntax", "vault:kv/a#${if}${end}", "kv/a: template: config:1: missing value for if"),
    ("function", "vault:kv/a#${uper .user}", 'kv/a: template: config:1: function "uper" not defined'),
    (
        "cloud",
        "vault:kv/a#${blob `s3://b/k`}",
        'kv/a: template: config:1: function "blob" not defined: it reads from a cloud',
    ),
    (
        "field of text",
        "vault:secret/data/db#${.user.name}",
        'secret/data/db: template: config:1:7: executing "config" at <.user.name>: can\'t evaluate field name in type interface {}',
    ),
    ("wrong type", "vault:secret/data/db#${upper .port}", "wrong type for value; expected string; got json.Number"),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault(text: str, words: str) -> None:
    (fault,) = Inject({"A": text}, PATHS).faults
    assert fault.startswith("A: ")
    assert words in fault


def test_syntax_is_told_before_anything_is_asked() -> None:
    plan = make_plan([("A", "vault:kv/a#${if}${end}"), ("B", "vault:kv/b#k")])
    assert [fault.name for fault in plan.faults] == ["A"]
    assert list(plan.sources) == list(make_plan([("B", "vault:kv/b#k")]).sources)


LEAKS = [
    "${fail .k}",
    "${.k | mustToDate `2006`}",
    "${mustFromJson .k}",
    "${mustRegexMatch (print .k `[`) `x`}",
    "${range $i := .k}${end}",
    "${index .l .k}",
    "${$x := .k}${fail $x}",
    "${with .k}${fail .}${end}",
    "${fail (print `x` .k)}",
    "${fail (.k | b64enc | b64dec)}",
    "${.k | atoi | div 1 | fail}",
    "${template .k}",
    "${urlParse (print `http://h:` .k)}",
    "${semver .k}",
    "${.k | fail | upper}",
    "${slice .l 1 .k}",
    "${call .k}",
    "${lt .k .l}",
    "${printf .k | fail}",
    "${toDecimal .k | fail}",
    "${get . .k}${fail (get . `k`)}",
    "${dig `k` `x` . | fail}",
    "${.k.x}",
    "${define `t`}${fail .}${end}${template `t` .k}",
    "${with $x := .k}${range .}${end}${end}",
    "${$m := dict .k 1}${$m.a.b.c}${get $m .k | fail}${fail (keys $m | first)}",
    "${index (dict `a` 1) `a` .k}",
    "${index . .k .k .k}",
    "${printf `%!d %d` .k | fail}",
    "${printf `%[9]*.*d` .k | fail}",
    "${(.k | splitList `-`).x}",
    "${range $i, $c := (.k | len)}${end}",
    "${mustToJson (dict `a` .k) | mustFromJson | toString | fail}",
    "${toDate .k .k | dateInZone .k | fail}",
    "${.k | b64enc | b32enc | repeat 2 | fail}",
    "${mustSlice .k 0 1}",
    "${first .k}",
    "${append .k 1}",
    "${genPrivateKey .k | fail}",
    "${buildCustomCert .k .k}",
    "${genSignedCert .k (list .k) (list) 1 .k}",
    "${decryptAES .k .k}",
    "${derivePassword 1 .k .k .k .k | fail}",
    "${htpasswd (print .k `:`) .k | fail}",
    "${file .k}",
    "${semverCompare .k `1.2.3`}",
    "${typeIs .k .k | ternary .k .k | fail}",
    "${dig .k .k .k .k}",
    "${merge .k .l}",
    "${seq .k | fail}${fail .k}",
    "${slice .k 99999}",
    "${.l.x.y}",
    "${duration .k | fail}",
]


@pytest.mark.parametrize("template", LEAKS)
def test_no_fault_shows_what_came_from_vault(template: str, canary: str) -> None:
    for data in ({"k": canary, "l": ["x"]}, {"k": canary + "\x00%(", "l": ["x"]}):
        run = Inject({"A": f"vault:kv/a#{template}"}, {"kv/a": kv1(data)})
        assert len(run.faults) == 1
        assert canary not in run.faults[0]
        assert "canary" not in run.faults[0]


def test_words_over_constants_are_shown() -> None:
    (fault,) = Inject({"A": 'vault:kv/db#${if .user}${fail "set the port"}${end}'}, PATHS).faults
    assert fault.endswith('at <fail "set the port">: error calling fail: set the port')


def test_missing_key_is_no_value_and_doubtful() -> None:
    run = Inject({"A": "vault:kv/db#${.user}:${.pasword}", "B": "vault:kv/db#${.user}", "C": "<no value>"}, PATHS)
    assert run.rendered.values == {"A": b"one:<no value>", "B": b"one"}
    assert run.rendered.doubtful == ["A"]


def test_missing_secret_of_a_template_can_be_ignored() -> None:
    run = Inject({"A": "vault:secret/data/gone#${.x}"}, PATHS, ignores_missing=True)
    assert ([fault.name for fault in run.rendered.dropped], run.faults) == (["A"], [])


@pytest.mark.parametrize("name", ["env", "expandenv", "file", "getHostByName", "blob"])
def test_the_webhook_has_pure_functions_only(name: str) -> None:
    plan = make_plan([("A", f"vault:kv/a#${{{name} `x`}}")], functions=IN_WEBHOOK)
    assert f'function "{name}" not defined: it ' in str(plan.faults[0])


def test_deep_data_of_a_template_are_told() -> None:
    depth = sys.getrecursionlimit() - 200  # as deep as the JSON reader follows
    nested = b'{"data":{"k":' + b"[" * depth + b"]" * depth + b"}}"
    run = Inject({"A": "vault:kv/a#${.k}", "B": "vault:kv/a#${len .k}"}, {"kv/a": nested})
    assert run.rendered.values.get("B", b"1") == b"1"
    assert all("nested too deep" in fault for fault in run.faults)
