"""The variables that steer vault-env."""

from __future__ import annotations

from typing import Any

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.vaultenv.settings import Settings, wants_json

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
    ({}, "from_path", ""),
    ({"VAULT_ENV_FROM_PATH": "a,b#1"}, "from_path", "a,b#1"),
    ({}, "ignores_missing", False),
    ({"VAULT_IGNORE_MISSING_SECRETS": "T"}, "ignores_missing", True),
    ({}, "revokes_token", False),
    ({"VAULT_REVOKE_TOKEN": "1"}, "revokes_token", True),
    ({"VAULT_ENV_PASSTHROUGH": "A, B ,C"}, "passed_through", ("A", "B", "C")),
    ({"VAULT_ENV_LOG_SERVER": "host:514"}, "has_log_server", True),
    ({"VAULT_ENV_DAEMON": "false"}, "has_log_server", False),
]


@pytest.mark.parametrize(("environ", "attribute", "expected"), GOOD, ids=[f"{row[1]}-{row[0]}" for row in GOOD])
def test_good_values(environ: dict[str, str], attribute: str, expected: Any) -> None:
    assert getattr(Settings(environ), attribute) == expected


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


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("0", False), ("", False), ("yes", False)])
def test_form_of_the_log_is_known_whatever_else_is_wrong(text: str, expected: bool) -> None:
    assert wants_json({"VAULT_JSON_LOG": text, "VAULT_LOG_LEVEL": "loud"}) is expected
