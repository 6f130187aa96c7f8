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


WRONG_SETTINGS: dict[str, list[str]] = {
    "one of two files": ["--tls-cert-file", "only-this.pem"],
    "files that are not there": ["--tls-cert-file", "/nowhere/tls.crt", "--tls-private-key-file", "/nowhere/tls.key"],
    "value": ["--vault-client-timeout", "soon"],
    "address": ["--listen-address", "8443"],
}


@pytest.mark.parametrize("arguments", WRONG_SETTINGS.values(), ids=WRONG_SETTINGS)
def test_serve_tells_all_wrong_settings_in_the_same_way(run: Run, arguments: list[str]) -> None:
    """Whether it is found when options are read or when something is opened: as a line of the log."""
    code, output, errors = run("serve", *arguments)
    assert (code, output) == (2, "")
    [line] = [line for line in errors.splitlines() if "level=ERROR" in line]
    assert line.startswith("time=")
    assert arguments[0].removeprefix("--").upper().replace("-", "_") in line
    assert "vault-secrets-webhook:" not in errors
