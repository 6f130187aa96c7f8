"""`vault-secrets-webhook demo`: the main path, on this machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from vault_secrets_webhook.manifest.difference import shows_colours

if TYPE_CHECKING:
    import argparse

SUMMARY = "see a secret travel from a real OpenBao or Vault into a process"
DESCRIPTION = (
    "See a secret travel from a real OpenBao or Vault into a process. A development server is started for it, in memory"
    " and on loopback only; where VAULT_ADDR and VAULT_TOKEN are set, that server is used: one secret of a fresh name is"
    " written below secret/ and deleted again. Nothing is left behind."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, of which there are none."""
    del parser


def run(options: argparse.Namespace) -> int:
    """Run the demo; returns the exit code."""
    from vault_secrets_webhook.demo.scenario import run_demo  # noqa: PLC0415 - the others need neither keys nor client

    del options
    run_demo(os.environ, colours=shows_colours(sys.stdout))
    return 0
