"""`vault-secrets-webhook template`: a Go template over JSON, as vault-env or the webhook would render it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.inject.template import encode_data, fill, parse_template
from vault_secrets_webhook.webhook.role import execute_role_template, parse_role_template
from vault_secrets_webhook.wire.jsontext import loads

if TYPE_CHECKING:
    import argparse

    from vault_secrets_webhook.wire.jsontext import JSON

SUMMARY = "render a Go template over JSON, to try what a reference or a role will give"
DESCRIPTION = (
    "Render a Go template over JSON, as vault-env does with the part of a reference behind #, or with --role as the"
    " webhook does with the annotation vault-role. Numbers are taken as they are written, as vault-env takes Vault's."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "template", metavar="TEMPLATE", help="its text; @FILE takes it from a file, @- from standard input"
    )
    parser.add_argument(
        "-d", "--data", default="{}", metavar="JSON", help="the data; @FILE and @- as above (default: {})"
    )
    parser.add_argument(
        "--role",
        action="store_true",
        help="render it as the webhook renders a role: delimiters {{ }}, every key must exist, pure functions only",
    )


def run(options: argparse.Namespace) -> int:
    """Print what the template gives; returns the exit code. Raises ConfigurationError and TemplateError."""
    text, data = read_text(options.template), read_data(options.data)
    if options.role:
        output = execute_role_template(parse_role_template(text), encode_data(data))
    else:
        output = fill(parse_template(text), data)
    sys.stdout.buffer.write(output)
    if sys.stdout.isatty() and not output.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    return 0


def read_text(given: str) -> str:
    """Give an argument, or what is in the file that it names. Raises ConfigurationError."""
    if not given.startswith("@"):
        return given
    try:
        raw = sys.stdin.buffer.read() if given == "@-" else Path(given[1:]).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{given} cannot be read: {error.strerror}") from None
    return raw.decode("utf-8", "surrogateescape")


def read_data(given: str) -> JSON:
    """Read the JSON of an argument. Raises ConfigurationError."""
    try:
        return loads(read_text(given).encode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise ConfigurationError(f"--data: {error}") from None
