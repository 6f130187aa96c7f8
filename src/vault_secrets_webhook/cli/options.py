"""The webhook's settings as command-line options: `--vault-addr` is VAULT_ADDR, and so for every row of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault_secrets_webhook.webhook.settings import ALL_VARIABLES, Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

BOOLEANS = frozenset(("true", "false"))


def add_settings(parser: argparse.ArgumentParser, left_out: Collection[str] = ()) -> None:
    """Add an option for every variable but those left out."""
    group = parser.add_argument_group(
        "settings", "Each can be given as an environment variable too, in capitals and with _ for -. The option wins."
    )
    for name, (default, text) in sorted(ALL_VARIABLES.items()):
        if name in left_out:
            continue
        help_text = f"{text} (default: {default})" if default else text
        option, escaped = name_option(name), help_text.replace("%", "%%")
        if default in BOOLEANS:
            group.add_argument(option, dest=name, nargs="?", const="true", metavar="BOOL", help=escaped)
        else:
            group.add_argument(option, dest=name, metavar=name.rpartition("_")[2], help=escaped)


def name_option(variable: str) -> str:
    return "--" + variable.lower().replace("_", "-")


def read_settings(options: argparse.Namespace, environ: Mapping[str, str], left_out: Collection[str] = ()) -> Settings:
    """Read the settings from options and environment. Raises ConfigurationError.

    Variables that are left out count as absent, whatever the environment says.
    """
    given = {name: text for name in ALL_VARIABLES if (text := getattr(options, name, None)) is not None}
    kept = {name: text for name, text in environ.items() if name not in left_out}
    return Settings.from_environment({**kept, **given})
