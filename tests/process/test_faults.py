"""Everything that can go wrong with Vault: the message names the variable and the path, and shows no secret."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.server import Raw, Reply, Silence
from tests.fakes.vault import errors, kv1, kv2, serve_paths
from tests.process.runner import Ended, run
from tests.servers.process import find_free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.server import Answer, Asked, FakeServer

PATH = "secret/data/shop/db"
ONCE = {"VAULT_MAX_RETRIES": "0"}
CUT = Raw(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"data":{"data":{"password":"CANARY')
HTML = Reply(200, b"<html>CANARY</html>", {"Content-Type": "text/html"})
DELETED = Reply(404, kv2(None, deletion_time="2026-08-01T12:00:00Z"))
POLICIES = {"auth/token/lookup-self": kv1({"policies": ["default", "shop"]})}

FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("path missing", {}, "PATH#password", "no secret at this path"),
    ("key missing", {PATH: kv2({"pw": "CANARY"})}, "PATH#password", "no key 'password'; there are: pw"),
    ("unknown version", {}, "PATH#password#9", "no secret, or no version 9 of it"),
    ("deleted", {PATH: DELETED}, "PATH#password", "its current version was deleted; undelete it"),
    ("deleted version", {PATH: DELETED}, "PATH#password#2", "version 2 of it was deleted"),
    ("destroyed", {PATH: Reply(404, kv2(None, destroyed=True))}, "PATH#password", "its current version was destroyed"),
    (
        "denied by policy",
        {PATH: errors(403, "permission denied"), **POLICIES},
        "PATH#password",
        "permission denied (HTTP 403); the token's policies (default, shop) do not allow it",
    ),
    (
        "expired token",
        {PATH: errors(403, "permission denied"), "auth/token/lookup-self": errors(403, "permission denied")},
        "PATH#password",
        "permission denied (HTTP 403); the token itself is not valid: it is wrong, has expired or was revoked",
    ),
    (
        "KV 2 without data/",
        {
            "secret/shop/db": errors(404),
            "sys/internal/ui/mounts/secret/shop/db": kv1({"path": "secret/", "options": {"version": "2"}}),
        },
        "secret/shop/db#password",
        "secret/ is KV version 2: write secret/data/shop/db",
    ),
    (
        "bad request",
        {PATH: errors(400, "bad thing")},
        "PATH#password",
        "refused as a bad request (HTTP 400): bad thing",
    ),
    ("sealed", {PATH: errors(503, "Vault is sealed")}, "PATH#password", "Vault is sealed; it must be unsealed"),
    ("failing", {PATH: errors(500, "internal error")}, "PATH#password", "failed (HTTP 500): internal error"),
    ("HTML", {PATH: HTML}, "PATH#password", "is text/html instead of JSON; does VAULT_ADDR name a Vault"),
    ("JSON list", {PATH: Reply(200, ["CANARY"])}, "PATH#password", "is JSON, but not an object"),
    ("data of the wrong type", {PATH: Reply(200, {"data": "CANARY"})}, "PATH#password", "data is not an object"),
    ("cut in the body", {PATH: CUT}, "PATH#password", "the connection was closed in the middle of the body"),
    (
        "closed at once",
        {PATH: Raw()},
        "PATH#password",
        "the connection was closed in the middle of the response's head",
    ),
    ("not HTTP", {PATH: Raw(b"SSH-2.0-CANARY\r\n")}, "PATH#password", "this is not an HTTP/1.1 response"),
    (
        "body too large",
        {PATH: Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")},
        "PATH#password",
        "larger than 32 MiB",
    ),
    ("redirect to nowhere", {PATH: Reply(307, b"CANARY")}, "PATH#password", "answers 307 to nowhere"),
    (
        "redirect in a circle",
        {PATH: Reply(307, b"CANARY", {"Location": f"/v1/{PATH}"})},
        "PATH#password",
        "only one redirect is followed",
    ),
]


def put_canary(answer: Any, canary: str) -> Any:
    if isinstance(answer, Raw):
        return Raw(answer.data.replace(b"CANARY", canary.encode()))
    if isinstance(answer, Reply):
        body = answer.body
        if isinstance(body, bytes):
            return answer._replace(body=body.replace(b"CANARY", canary.encode()))
        return answer._replace(body=json.loads(json.dumps(body).replace("CANARY", canary)))
    return json.loads(json.dumps(answer).replace("CANARY", canary))


def check(seen: Ended, name: str, path: str, message: str, *hidden: str) -> None:
    """Exit code 1, nothing on standard output, and one line that names the variable, the path and the cause."""
    assert (seen.code, seen.output) == (1, b"")
    lines = [json.loads(line) for line in seen.log.splitlines()]
    (line,) = [line for line in lines if name in line.get("variables", [line.get("variable")])]
    assert line["level"] == "ERROR"
    assert path in line["cause"]
    assert message in line["cause"]
    for text in hidden:
        assert text not in seen.log


@pytest.mark.parametrize(("paths", "reference", "message"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault(
    vault: FakeServer, environ: dict[str, str], canary: str, paths: dict[str, Any], reference: str, message: str
) -> None:
    vault.answer = serve_paths({path: put_canary(answer, canary) for path, answer in paths.items()})
    reference = reference.replace("PATH", PATH)
    token = f"token-{canary}"
    given = {"DB_PASSWORD": f"db://{canary}@${{vault:{reference}}}", "VAULT_TOKEN": token, "VAULT_JSON_LOG": "true"}
    seen = run({**environ, **ONCE, **given})
    check(seen, "DB_PASSWORD", reference.partition("#")[0], message, canary)


def test_slow_vault(vault: FakeServer, environ: dict[str, str], canary: str) -> None:
    vault.answer = lambda _: Silence()
    given = {"A": f"vault:{PATH}#k", "VAULT_CLIENT_TIMEOUT": "1s", "VAULT_TOKEN": canary, "VAULT_JSON_LOG": "true"}
    seen = run({**environ, **given})
    check(seen, "A", PATH, f"{vault.address} did not answer within 1 s", canary)


def test_slow_vault_costs_its_time_once(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = lambda _: Silence()
    references = {f"V{number}": f"vault:kv/{number}#k" for number in range(40)}
    seen = run({**environ, **references, "VAULT_CLIENT_TIMEOUT": "500ms", "VAULT_JSON_LOG": "true"})
    check(seen, "V0", "kv/", "did not answer within")
    assert len(vault.asked) == 16


def test_outage_is_one_line(vault: FakeServer, environ: dict[str, str]) -> None:
    """Forty variables, threads that fail at the same time, a ciphertext and a path: one thing is wrong."""
    vault.answer = lambda _: errors(503, "Vault is sealed")
    given = {f"V{number}": f"vault:kv/{number}#k" for number in range(40)}
    given |= {"C": "vault:v1:abc", "VAULT_TRANSIT_KEY_ID": "app", "VAULT_ENV_FROM_PATH": "kv/all"}
    seen = run({**environ, **given, **ONCE, "VAULT_JSON_LOG": "true"})
    assert (seen.code, seen.output) == (1, b"")
    (line,) = map(json.loads, seen.log.splitlines())
    assert (line["msg"], line["count"], line["variables"][-1]) == ("Vault cannot be used", 42, "...")
    assert "Vault is sealed" in line["cause"]


def test_variables_of_one_missing_path_are_one_line(environ: dict[str, str]) -> None:
    given = {"A": "vault:kv/gone#a", "B": "vault:kv/gone#b", "C": "vault:kv/none#c", "VAULT_JSON_LOG": "true"}
    lines = [json.loads(line) for line in run({**environ, **given}).log.splitlines()]
    assert [line.get("variables", line.get("variable")) for line in lines] == [["A", "B"], "C"]


UNUSABLE: list[tuple[str, dict[str, str], str]] = [
    ("CA", {"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_CACERT": "/gone/ca.crt"}, "VAULT_CACERT"),
    ("client key", {"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_CLIENT_CERT": "/gone/crt"}, "VAULT_CLIENT_KEY"),
    ("transit key", {"C": "vault:v1:abc", "D": "vault:v1:def"}, "VAULT_TRANSIT_KEY_ID is not set"),
    ("batch size", {"VAULT_TRANSIT_BATCH_SIZE": "0"}, "VAULT_TRANSIT_BATCH_SIZE"),
]


@pytest.mark.parametrize(("given", "message"), [row[1:] for row in UNUSABLE], ids=[row[0] for row in UNUSABLE])
def test_configuration_is_one_line_before_anything_is_asked(
    vault: FakeServer, environ: dict[str, str], given: dict[str, str], message: str
) -> None:
    references = {f"V{number}": f"vault:kv/{number}#k" for number in range(20)}
    seen = run({**environ, **references, **given})
    assert (seen.code, seen.output, vault.asked) == (1, b"", [])
    assert seen.log.count("\n") == 1
    assert message in seen.log


def test_configuration_is_checked_before_the_login(vault: FakeServer, environ: dict[str, str], tmp_path: Path) -> None:
    given = {"VAULT_TOKEN": "", "VAULT_JWT_FILE": str(tmp_path / "gone"), "C": "vault:v1:abc"}
    seen = run({**environ, **given})
    assert (seen.code, vault.asked) == (1, [])
    assert "VAULT_TRANSIT_KEY_ID is not set" in seen.log
    assert seen.log.count("\n") == 1


def test_nothing_is_left_open_when_it_fails(vault: FakeServer, environ: dict[str, str]) -> None:
    """Python's development mode tells of each connection that is left to the garbage collector."""
    vault.answer = lambda _: Reply(200, kv1({"x": "y"}))
    seen = run({**environ, "A": f"vault:{PATH}#k", "PYTHONDEVMODE": "1"})
    assert seen.code == 1
    assert "ResourceWarning" not in seen.log
    assert seen.log.count("\n") == 1


def test_nobody_listens(environ: dict[str, str]) -> None:
    port = find_free_port()
    given = {"VAULT_ADDR": f"http://127.0.0.1:{port}", "A": f"vault:{PATH}#k", "VAULT_JSON_LOG": "true", **ONCE}
    check(
        run({**environ, **given}), "A", PATH, f"http://127.0.0.1:{port} refuses the connection: nothing listens there"
    )


def test_passing_trouble_is_waited_out(vault: FakeServer, environ: dict[str, str]) -> None:
    answers: list[Answer] = [errors(503, "Vault is sealed"), Raw(), errors(429), Reply(200, kv2({"k": "v"}))]
    vault.answer = lambda _: answers.pop(0)
    assert run({**environ, "A": f"vault:{PATH}#k", "VAULT_CLIENT_TIMEOUT": "30s"}).environ["A"] == "v"
    assert (len(vault.asked), answers) == (4, [])


def test_every_fault_is_told(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": "v"}), "kv/denied": errors(403, "permission denied")})
    given = {"GOOD": "vault:kv/a#k", "GONE": "vault:kv/gone#k", "KEY": "vault:kv/a#x", "DENIED": "vault:kv/denied#x"}
    seen = run({**environ, **given})
    assert seen.code == 1
    named = {word for line in seen.log.splitlines() for word in line.split() if word.startswith("variable=")}
    assert named == {"variable=GONE", "variable=KEY", "variable=DENIED"}


def test_wrong_reference_is_told_before_anything_is_asked(
    vault: FakeServer, environ: dict[str, str], canary: str
) -> None:
    given = {
        "NO_KEY": f"db://{canary}@${{vault:secret/data/app}}",
        "VERSION": "vault:secret/data/app#k#latest",
        "TEMPLATE": "vault:secret/data/app#${.k | nosuch}",
        "BODY": f'vault:pki/issue/app#k#{{"x":"{canary}"}}',
        "VAULT_ENV_FROM_PATH": "secret/data/app#new",
        "GOOD": "vault:secret/data/app#user",
        "VAULT_JSON_LOG": "true",
    }
    seen = run(environ | given)
    assert (seen.code, seen.output, vault.asked) == (1, b"", [])
    lines = {line["variable"]: line for line in map(json.loads, seen.log.splitlines())}
    assert lines.keys() == given.keys() - {"GOOD", "VAULT_JSON_LOG"}
    assert (lines["NO_KEY"].get("reference"), lines["NO_KEY"]["column"]) == (None, 24)
    assert lines["NO_KEY"]["cause"] == "no key: write vault:PATH#KEY"
    assert lines["VERSION"]["cause"].startswith("a version is a whole number")
    assert lines["VERSION"]["reference"] == "vault:secret/data/app#k#latest"
    assert lines["TEMPLATE"]["cause"] == 'secret/data/app: template: config:1: function "nosuch" not defined'
    assert canary not in seen.log


def make_jwt(canary: str, **claims: Any) -> str:
    parts = [
        b'{"alg":"RS256"}',
        json.dumps({"sub": "system:serviceaccount:shop:app", **claims}).encode(),
        canary.encode(),
    ]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


LOGINS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("denied", errors(403, "permission denied"), {}, "ServiceAccount shop/app: is it bound to the role?"),
    ("unknown role", errors(400, 'invalid role name "shop"'), {}, 'invalid role name "shop"'),
    ("no such mount", errors(404, "no handler"), {}, "no handler"),
    ("expired JWT", errors(403, "token is expired"), {"exp": 1_000_000}, "the token expired "),
    ("JWT of tomorrow", errors(403, "token not valid yet"), {"nbf": 99_999_999_999}, "the clocks differ"),
    ("sealed", errors(503, "Vault is sealed"), {}, "Vault is sealed"),
    ("HTML", Reply(200, b"<html>"), {}, "instead of JSON"),
    ("no token in the answer", Reply(200, {"auth": {}}), {}, "the answer has no client_token"),
    ("cut", Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), {}, "closed in the middle of the body"),
]


@pytest.mark.parametrize(("answer", "claims", "message"), [row[1:] for row in LOGINS], ids=[row[0] for row in LOGINS])
def test_login_fails(
    vault: FakeServer, tmp_path: Path, canary: str, answer: Any, claims: dict[str, Any], message: str
) -> None:
    vault.answer = serve_paths({"auth/cluster/login": answer})
    (tmp_path / "jwt").write_text(make_jwt(canary, **claims))
    given = {"VAULT_JWT_FILE": str(tmp_path / "jwt"), "VAULT_PATH": "cluster", "VAULT_ROLE": "shop"}
    seen = run({"VAULT_ADDR": vault.address, **given, **ONCE, "A": f"vault:{PATH}#k", "VAULT_JSON_LOG": "true"})
    assert (seen.code, seen.output) == (1, b"")
    (line,) = map(json.loads, seen.log.splitlines())
    assert "auth/cluster" in line["msg"]
    assert message in line["msg"]
    assert canary not in seen.log
    assert make_jwt(canary, **claims).split(".")[2] not in seen.log


def test_server_that_repeats_our_secrets_is_not_repeated(
    vault: FakeServer, environ: dict[str, str], canary: str
) -> None:
    ciphertext = f"vault:v1:{canary}"

    def repeat(asked: Asked) -> Reply:
        return errors(400, f"{asked.headers['x-vault-token']} {asked.headers} {asked.body.decode()}")

    vault.answer = repeat
    given = {"C": ciphertext, "R": f"vault:{PATH}#k", "VAULT_TOKEN": f"t-{canary}", "VAULT_TRANSIT_KEY_ID": "app"}
    seen = run(environ | given)
    assert seen.code == 1
    assert canary not in seen.log


TRANSIT: list[tuple[str, Any, dict[str, str], str]] = [
    (
        "denied",
        errors(403, "permission denied"),
        {"VAULT_TRANSIT_KEY_ID": "app"},
        "transit/decrypt/app: permission denied",
    ),
    (
        "bad ciphertext",
        Reply(400, {"data": {"batch_results": [{"error": "invalid ciphertext"}]}}),
        {"VAULT_TRANSIT_KEY_ID": "app"},
        "transit/decrypt/app: invalid ciphertext",
    ),
    (
        "other mount",
        errors(403),
        {"VAULT_TRANSIT_KEY_ID": "k", "VAULT_TRANSIT_PATH": "team/t"},
        "team/t/decrypt/k: permission",
    ),
]


@pytest.mark.parametrize(("answer", "given", "message"), [row[1:] for row in TRANSIT], ids=[row[0] for row in TRANSIT])
def test_transit_fails(
    vault: FakeServer, environ: dict[str, str], canary: str, answer: Any, given: dict[str, str], message: str
) -> None:
    vault.answer = lambda _: answer
    seen = run({**environ, **given, "A": f"vault:v1:{canary}", "VAULT_JSON_LOG": "true"})
    check(seen, "A", "", message, canary)


SETTINGS: list[tuple[str, str]] = [
    ("VAULT_ADDR", "vault:8200"),
    ("VAULT_AGENT_ADDR", "x"),
    ("VAULT_CLIENT_TIMEOUT", "soon"),
    ("VAULT_MAX_RETRIES", "-1"),
    ("VAULT_SKIP_VERIFY", "yes"),
    ("VAULT_NAMESPACE", "a\nb"),
    ("VAULT_HEADERS", "x"),
    ("VAULT_RATE_LIMIT", "fast"),
    ("VAULT_WRAP_TTL", "x"),
    ("VAULT_MFA", "a\nb"),
    ("VAULT_PROXY_ADDR", "ftp://x"),
    ("VAULT_HTTP_PROXY", "http://"),
    ("VAULT_TRANSIT_BATCH_SIZE", "many"),
    ("VAULT_TRANSIT_BATCH_SIZE", "0"),
    ("VAULT_LOG_LEVEL", "loud"),
    ("VAULT_JSON_LOG", "yes"),
    ("VAULT_ENV_DELAY", "-1s"),
    ("VAULT_IGNORE_MISSING_SECRETS", "on"),
    ("VAULT_REVOKE_TOKEN", "on"),
    ("VAULT_ENV_DAEMON", "on"),
    ("VAULT_ENV_DAEMON", "true"),
    ("VAULT_TOKEN", "a b"),
    ("VAULT_TOKEN_FILE", "/gone"),
]


@pytest.mark.parametrize(("name", "text"), SETTINGS)
def test_bad_setting_is_named(vault: FakeServer, environ: dict[str, str], name: str, text: str) -> None:
    seen = run({**environ, "A": f"vault:{PATH}#k", name: text})
    assert (seen.code, seen.output, vault.asked) == (1, b"", [])
    assert name in seen.log
    assert seen.log.count("\n") == 1
    assert "internal error" not in seen.log


@pytest.mark.parametrize(("name", "text"), [("VAULT_LOG_LEVEL", "loud"), ("VAULT_ENV_DELAY", "x"), ("VAULT_MFA", "\n")])
def test_bad_setting_is_told_in_the_form_that_is_wanted(environ: dict[str, str], name: str, text: str) -> None:
    line = json.loads(run({**environ, "A": f"vault:{PATH}#k", "VAULT_JSON_LOG": "true", name: text}).log)
    assert line["level"] == "ERROR"
    assert name in line["msg"]


def test_token_in_place_of_its_file_is_not_shown(environ: dict[str, str], canary: str) -> None:
    for given in ({"VAULT_TOKEN_FILE": f"hvs.{canary}"}, {"VAULT_TOKEN": "", "VAULT_JWT_FILE": f"Bearer eyJ{canary}"}):
        seen = run({**environ, "A": f"vault:{PATH}#k", **given})
        assert seen.code == 1
        assert "is not the path of a file" in seen.log
        assert canary not in seen.log


def test_password_that_looks_like_a_reference_is_not_shown(environ: dict[str, str], canary: str) -> None:
    seen = run({**environ, "A": f"vault:{canary}", "B": f"x${{vault:{canary}}}"})
    assert seen.code == 1
    assert "variable=A" in seen.log
    assert "variable=B" in seen.log
    assert "column=" in seen.log
    assert canary not in seen.log


ERRORS = [
    ("ZeroDivisionError({!r})", "kind=ZeroDivisionError"),
    ("OSError(28, {!r}, {!r})", 'reason="No space left on device"'),
    ("OSError({!r})", "kind=OSError"),
]


@pytest.mark.forms("interpreter")  # the executable imports nothing that stands in front of its own modules
@pytest.mark.parametrize(("error", "shown"), ERRORS)
def test_unforeseen_error_shows_its_place_alone(
    environ: dict[str, str], canary: str, tmp_path: Path, error: str, shown: str
) -> None:
    """A module of the same name in front of ours fails with a text that nobody has checked."""
    (tmp_path / "resource.py").write_text(f"raise {error.format(canary, canary)}\n")
    large = {f"V{number}": "x" * 50_000 for number in range(3)}
    seen = run({**environ, **large, "PYTHONPATH": str(tmp_path)})
    assert (seen.code, seen.output) == (1, b"")
    assert 'msg="internal error" app=vault-env kind=' in seen.log
    assert " place=<module>:1" in seen.log
    assert shown in seen.log
    assert canary not in seen.log
    assert seen.log.count("\n") == 1
