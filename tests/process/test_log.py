"""What is logged, where, and in which form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import Reply
from tests.fakes.vault import errors, kv1, serve_paths
from tests.process.runner import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.server import Answer, FakeServer

GIVEN = {"A": "vault:secret/data/app#user", "B": "vault:secret/data/gone#x", "VAULT_IGNORE_MISSING_SECRETS": "true"}


@pytest.mark.parametrize(
    ("level", "levels"),
    [
        ("debug", ["WARN", "INFO", "DEBUG"]),
        ("info", ["WARN", "INFO"]),
        ("", ["WARN", "INFO"]),
        ("warn", ["WARN"]),
        ("WARNING", ["WARN"]),
        ("error", []),
    ],
)
def test_levels(environ: dict[str, str], level: str, levels: list[str]) -> None:
    seen = run({**environ, **GIVEN, "VAULT_LOG_LEVEL": level, "VAULT_JSON_LOG": "true"}, "true")
    assert (seen.code, seen.output) == (0, b"")
    lines = [json.loads(line) for line in seen.log.splitlines()]
    assert [line["level"] for line in lines] == levels
    assert all(line["app"] == "vault-env" and line["time"] and line["msg"] for line in lines)


def test_text(environ: dict[str, str]) -> None:
    seen = run({**environ, **GIVEN}, "true")
    warning, done = seen.log.splitlines()
    assert warning.startswith("time=")
    assert (
        ' level=WARN msg="secret is missing and ignored" app=vault-env variable=B cause="secret/data/gone: ' in warning
    )
    assert done.endswith(' level=INFO msg="secrets are injected" app=vault-env variables=1 requests=2')


def test_transit_counts_among_the_requests(vault: FakeServer, environ: dict[str, str]) -> None:
    results = [{"plaintext": "eA=="}, {"plaintext": "eA=="}]
    vault.answer = serve_paths(
        {
            "kv/a": kv1({"k": "v", "more": "w"}),
            "transit/decrypt/app": lambda asked: Reply(
                200, {"data": {"batch_results": results[: len(asked.json()["batch_input"])]}}
            ),
        }
    )
    given = {"A": "vault:kv/a#k", "V1": "vault:v1:a", "V2": "vault:v1:b", "V3": "vault:v1:c"}
    seen = run({**environ, **given, "VAULT_TRANSIT_KEY_ID": "app", "VAULT_TRANSIT_BATCH_SIZE": "2"}, "true")
    assert seen.log.endswith("variables=4 requests=3\n")
    assert len(vault.asked) == 3


@pytest.mark.parametrize("value", ["a\0b", "x" * 200_000])
def test_success_is_not_told_before_it_is_certain(vault: FakeServer, environ: dict[str, str], value: str) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": value})})
    seen = run({**environ, "A": "vault:kv/a#k"}, "true")
    assert seen.code == 1
    assert "secrets are injected" not in seen.log
    assert seen.log.count("\n") == 1


def test_debug_tells_of_the_login(vault: FakeServer, tmp_path: Path, canary: str) -> None:
    (tmp_path / "jwt").write_text(canary)
    given = {"VAULT_ADDR": vault.address, "VAULT_JWT_FILE": str(tmp_path / "jwt"), "VAULT_ROLE": "shop"}
    given["A"] = "vault:secret/data/app#user"
    assert "login" not in run(given, "true").log
    seen = run({**given, "VAULT_LOG_LEVEL": "debug"}, "true")
    assert (
        'msg="login with the ServiceAccount\'s token" app=vault-env method=jwt mount=auth/kubernetes role=shop'
        in seen.log
    )
    assert canary not in seen.log


def test_debug_tells_of_retries(vault: FakeServer, environ: dict[str, str], canary: str) -> None:
    answers: list[Answer] = [errors(503, "Vault is sealed"), errors(429), Reply(200, kv1({"k": canary}))]
    vault.answer = lambda _: answers.pop(0)
    given = {"A": "vault:kv/a#k", "VAULT_LOG_LEVEL": "debug", "VAULT_JSON_LOG": "true", "VAULT_CLIENT_TIMEOUT": "30s"}
    seen = run({**environ, **given, "VAULT_TOKEN": f"t-{canary}"}, "true")
    assert seen.code == 0
    lines = [json.loads(line) for line in seen.log.splitlines()]
    told = [line for line in lines if line["msg"] == "request is tried again"]
    assert [(line["level"], line["path"], line["tries"]) for line in told] == [
        ("DEBUG", "kv/a", 1),
        ("DEBUG", "kv/a", 2),
    ]
    assert all(line["cause"] and line["pause"].endswith("s") for line in told)
    assert canary not in seen.log


def test_debug_tells_of_keys_that_are_left_out(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"kv/all": kv1({"VAULT_TOKEN": "x", "OWN": "x", "GONE": "x", "NEW": "x"})})
    given = {
        "OWN": "1",
        "GONE": "vault:kv/gone#k",
        "VAULT_ENV_FROM_PATH": "kv/all",
        "VAULT_IGNORE_MISSING_SECRETS": "1",
        "VAULT_LOG_LEVEL": "debug",
    }
    seen = run({**environ, **given})
    assert 'msg="keys of whole secrets are left out" app=vault-env reserved=VAULT_TOKEN set_explicitly=OWN' in seen.log
    assert "variables=2 requests=2" in seen.log
    assert (seen.environ["OWN"], seen.environ["GONE"], seen.environ["NEW"]) == ("1", "x", "x")


def test_nothing_is_logged_without_references() -> None:
    assert run({"VAULT_LOG_LEVEL": "info"}, "true") == (0, b"", "")


def test_log_server_is_not_supported_yet() -> None:
    seen = run({"VAULT_ENV_LOG_SERVER": "127.0.0.1:514"}, "true")
    assert seen.code == 0
    assert "VAULT_ENV_LOG_SERVER is not supported by this version" in seen.log


@pytest.mark.parametrize("as_json", ["true", "false"])
def test_no_secret_at_any_level(vault: FakeServer, environ: dict[str, str], canary: str, as_json: str) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": canary})})
    given = {"A": f"x-{canary} ${{vault:kv/a#k}}", "VAULT_TOKEN": f"token-{canary}", "PLAIN": canary}
    seen = run(
        {**environ, **given, "VAULT_LOG_LEVEL": "debug", "VAULT_JSON_LOG": as_json},
        "sh",
        "-c",
        'test "$A" = "x-$PLAIN $PLAIN"',
    )
    assert (seen.code, seen.output) == (0, b"")
    assert "the command is started" in seen.log
    assert canary not in seen.log


def test_path_cannot_forge_a_line(environ: dict[str, str]) -> None:
    seen = run({**environ, "A": "vault:kv/a\nlevel=INFO msg=forged#k"}, "true")
    assert seen.code == 1
    assert seen.log.count("\n") == 1
