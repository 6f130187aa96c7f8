"""The command line: `vault-secrets-webhook serve | mutate | demo`.

Exit codes: 0 done, 1 something is wrong with what was given (a manifest, a secret, a server), 2 wrong usage or settings,
130 interrupted. Errors go to standard error, and only results to standard output.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from vault_secrets_webhook import __version__
from vault_secrets_webhook.errors import ConfigurationError, Error

from . import demo, mutate, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "vault-secrets-webhook"
FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
COMMANDS = {"serve": serve, "mutate": mutate, "demo": demo}


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Gives pods their secrets from Vault or OpenBao at start, past etcd, disk and the webhook.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.SUMMARY, description=module.DESCRIPTION, allow_abbrev=False)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. argparse exits by itself for --help and wrong usage."""
    options = build_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except ConfigurationError as error:
        return complain(error, WRONG_USAGE)
    except Error as error:
        return complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def complain(error: Error, code: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {error}\n")
    return code
