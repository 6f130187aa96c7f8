"""Options and environment variables are one table, and options win."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook import __version__
from vault_secrets_webhook.cli.options import add_settings, name_option, read_settings
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.settings import ALL_VARIABLES, Settings

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Run


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings(parser)
    return parser.parse_args(arguments)


def test_every_variable_has_an_option(run: Run) -> None:
    text = run("serve", "--help").output
    for variable in ALL_VARIABLES:
        assert f"  {name_option(variable)} " in text


@pytest.mark.parametrize(("variable", "default"), [(name, row[0]) for name, row in ALL_VARIABLES.items() if row[0]])
def test_option_means_what_the_variable_means(variable: str, default: str) -> None:
    """With the default itself, which is a good value of every row that has one."""
    by_option = read_settings(parse(f"{name_option(variable)}={default}"), {})
    assert by_option == Settings.from_environment({variable: default})


def test_option_wins() -> None:
    environ = {"LISTEN_ADDRESS": ":1", "VAULT_ROLE": "environment", "ENABLE_JSON_LOG": "true"}
    settings = read_settings(parse("--listen-address", ":2", "--enable-json-log", "false"), environ)
    assert (settings.listen_address, settings.json_log, settings.defaults.vault_role) == (":2", False, "environment")


@pytest.mark.parametrize(
    ("arguments", "expected"), [([], False), (["--run-as-non-root"], True), (["--run-as-non-root=false"], False)]
)
def test_switches_need_no_value(arguments: list[str], expected: bool) -> None:
    assert read_settings(parse(*arguments), {}).defaults.run_as_non_root is expected


def test_error_names_the_setting() -> None:
    with pytest.raises(ConfigurationError, match="VAULT_CLIENT_TIMEOUT: 'soon' is not a duration"):
        read_settings(parse("--vault-client-timeout", "soon"), {})


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"vault-secrets-webhook {__version__}\n", "")


@pytest.mark.parametrize("command", ["serve", "mutate", "demo"])
def test_help(run: Run, command: str) -> None:
    code, output, errors = run(command, "--help")
    assert (code, errors) == (0, "")
    assert f"usage: vault-secrets-webhook {command}" in output


def test_serve_with_settings_that_cannot_be_used(run: Run) -> None:
    code, output, errors = run("serve", "--tls-cert-file", "only-this.pem")
    assert (code, output) == (2, "")
    assert "TLS_PRIVATE_KEY_FILE" in errors
