"""What is logged, where, and in which form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes.vault import kv1, serve_paths
from tests.process.runner import run

if TYPE_CHECKING:
    from tests.fakes.server import FakeServer

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


def test_nothing_is_logged_without_references() -> None:
    assert run({"VAULT_LOG_LEVEL": "info"}, "true") == (0, b"", "")


def test_log_server_is_not_supported_yet() -> None:
    seen = run({"VAULT_ENV_LOG_SERVER": "127.0.0.1:514"}, "true")
    assert seen.code == 0
    assert "VAULT_ENV_LOG_SERVER is not supported by this version" in seen.log


@pytest.mark.parametrize("form", ["true", "false"])
def test_no_secret_at_any_level(vault: FakeServer, environ: dict[str, str], canary: str, form: str) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": canary})})
    given = {"A": f"x-{canary} ${{vault:kv/a#k}}", "VAULT_TOKEN": f"token-{canary}", "PLAIN": canary}
    seen = run(
        {**environ, **given, "VAULT_LOG_LEVEL": "debug", "VAULT_JSON_LOG": form},
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
