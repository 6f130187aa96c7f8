"""The variables that steer vault-env."""

from __future__ import annotations

from typing import Any

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.vaultenv.settings import SECRET_INIT, VAULT_ENV, Program, Settings, find_program, wants_json

GOOD: list[tuple[dict[str, str], str, Any]] = [
    ({}, "log_level", "info"),
    ({"VAULT_LOG_LEVEL": ""}, "log_level", "info"),
    ({"VAULT_LOG_LEVEL": "Debug"}, "log_level", "Debug"),
    ({}, "logs_json", False),
    ({"VAULT_JSON_LOG": "true"}, "logs_json", True),
    ({}, "delay", 0.0),
    ({"VAULT_ENV_DELAY": ""}, "delay", 0.0),
    ({"VAULT_ENV_DELAY": "1m30s"}, "delay", 90.0),
    ({"VAULT_ENV_DELAY": "2"}, "delay", 2.0),
    ({}, "names_paths", False),
    ({"VAULT_ENV_FROM_PATH": "a,b#1"}, "names_paths", True),
    ({}, "schemes", ("vault:",)),
    ({"VAULT_ENV_PASSTHROUGH": "A, B ,C"}, "passed_through", ("A", "B", "C")),
    ({"VAULT_ENV_LOG_SERVER": "host:514"}, "has_log_server", True),
    ({"VAULT_ENV_DAEMON": "false"}, "has_log_server", False),
]


@pytest.mark.parametrize(("environ", "attribute", "expected"), GOOD, ids=[f"{row[1]}-{row[0]}" for row in GOOD])
def test_good_values(environ: dict[str, str], attribute: str, expected: Any) -> None:
    assert getattr(Settings(environ), attribute) == expected


# The same things have other names for secret-init, and each server has its own.
OF_SECRET_INIT: list[tuple[dict[str, str], str, Any]] = [
    ({"SECRET_INIT_LOG_LEVEL": "debug", "VAULT_LOG_LEVEL": "loud"}, "log_level", "debug"),
    ({"SECRET_INIT_JSON_LOG": "true", "VAULT_JSON_LOG": "loud"}, "logs_json", True),
    ({"SECRET_INIT_DELAY": "2s", "VAULT_ENV_DELAY": "soon"}, "delay", 2.0),
    ({"SECRET_INIT_LOG_SERVER": "host:514"}, "has_log_server", True),
    ({"VAULT_ENV_LOG_SERVER": "host:514", "VAULT_ENV_DAEMON": "true"}, "has_log_server", False),
    ({}, "schemes", ("vault:", "bao:")),
    ({"VAULT_FROM_PATH": "a"}, "names_paths", True),
    ({"BAO_FROM_PATH": "a"}, "names_paths", True),
    ({"VAULT_ENV_FROM_PATH": "a"}, "names_paths", False),
    ({"VAULT_PASSTHROUGH": "A, B", "BAO_PASSTHROUGH": "C"}, "passed_through", ("A", "B", "C")),
]


@pytest.mark.parametrize(
    ("environ", "attribute", "expected"), OF_SECRET_INIT, ids=[f"{row[1]}-{row[0]}" for row in OF_SECRET_INIT]
)
def test_good_values_of_secret_init(environ: dict[str, str], attribute: str, expected: Any) -> None:
    assert getattr(Settings(environ, SECRET_INIT), attribute) == expected


OF_SERVERS: list[tuple[Program, dict[str, str], str, list[Any]]] = [
    (VAULT_ENV, {}, "from_path", [""]),
    (VAULT_ENV, {"VAULT_ENV_FROM_PATH": "a,b#1", "VAULT_FROM_PATH": "x"}, "from_path", ["a,b#1"]),
    (VAULT_ENV, {}, "ignores_missing", [False]),
    (VAULT_ENV, {"VAULT_IGNORE_MISSING_SECRETS": "T"}, "ignores_missing", [True]),
    (VAULT_ENV, {}, "revokes_token", [False]),
    (VAULT_ENV, {"VAULT_REVOKE_TOKEN": "1"}, "revokes_token", [True]),
    (SECRET_INIT, {"VAULT_FROM_PATH": "a", "BAO_FROM_PATH": "b"}, "from_path", ["a", "b"]),
    (SECRET_INIT, {"BAO_IGNORE_MISSING_SECRETS": "T"}, "ignores_missing", [False, True]),
    (SECRET_INIT, {"VAULT_REVOKE_TOKEN": "1"}, "revokes_token", [True, False]),
]


@pytest.mark.parametrize(("program", "environ", "attribute", "expected"), OF_SERVERS)
def test_good_values_of_servers(program: Program, environ: dict[str, str], attribute: str, expected: list[Any]) -> None:
    assert [getattr(server, attribute) for server in Settings(environ, program).servers] == expected


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("/vault/secret-init", SECRET_INIT),
        ("secret-init", SECRET_INIT),
        ("./secret-init", SECRET_INIT),
        ("/vault/vault-env", VAULT_ENV),
        ("/secret-init/x", VAULT_ENV),
        ("secret-init2", VAULT_ENV),
        ("", VAULT_ENV),
    ],
)
def test_name_by_which_it_is_called(called: str, expected: Program) -> None:
    assert find_program(called) is expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VAULT_LOG_LEVEL", "loud"),
        ("VAULT_JSON_LOG", "yes"),
        ("VAULT_ENV_DELAY", "-1s"),
        ("VAULT_ENV_DELAY", "soon"),
        ("VAULT_IGNORE_MISSING_SECRETS", "on"),
        ("VAULT_REVOKE_TOKEN", "y"),
        ("VAULT_ENV_DAEMON", "2"),
        ("VAULT_ENV_DAEMON", "true"),
    ],
)
def test_bad_value_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        Settings({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SECRET_INIT_LOG_LEVEL", "loud"),
        ("SECRET_INIT_JSON_LOG", "yes"),
        ("SECRET_INIT_DELAY", "soon"),
        ("SECRET_INIT_DAEMON", "true"),
        ("VAULT_IGNORE_MISSING_SECRETS", "on"),
        ("BAO_IGNORE_MISSING_SECRETS", "on"),
        ("BAO_REVOKE_TOKEN", "y"),
    ],
)
def test_bad_value_for_secret_init_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        Settings({name: text}, SECRET_INIT)


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("0", False), ("", False), ("yes", False)])
def test_form_of_the_log_is_known_whatever_else_is_wrong(text: str, expected: bool) -> None:
    assert wants_json({"VAULT_JSON_LOG": text, "VAULT_LOG_LEVEL": "loud"}) is expected
