"""The command line: `vault-secrets-webhook serve | mutate | template | demo`.

Exit codes: 0 done, 1 something is wrong with what was given (a manifest, a secret, a server), 2 wrong usage or
settings, 130 interrupted. Errors go to standard error, and only results to standard output.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from vault_secrets_webhook import __version__
from vault_secrets_webhook.errors import ConfigurationError, Error

from . import demo, mutate, serve, template

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "vault-secrets-webhook"
FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
COMMANDS = {"serve": serve, "mutate": mutate, "template": template, "demo": demo}


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
    replace_closed_streams()
    try:
        try:
            options = build_parser().parse_args(arguments)
            code: int = options.run(options)
        finally:
            sys.stdout.flush()  # here, where its failure is told in a line, and not as Python ends
    except ConfigurationError as error:
        return complain(error, WRONG_USAGE)
    except Error as error:
        return complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        drop_output()
        return FAILED
    except OSError as error:
        drop_output()
        return complain(f"input or output failed: {error}", FAILED)
    return code


def replace_closed_streams() -> None:
    """Have the use of a closed standard stream raise OSError, as that of any broken one; Python has None in its place.

    What is said on a closed standard error is lost. In this order, because each takes the lowest descriptor.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY), "r")
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def drop_output() -> None:
    """Let go of what is still to be written to standard output, or Python would try once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(error: Error | str, code: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {error}\n")
    return code
