"""`vault-secrets-webhook serve`: the webhook itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .options import add_settings, read_settings

if TYPE_CHECKING:
    import argparse

SUMMARY = "answer admission reviews"
DESCRIPTION = "Serve the admission webhook, until SIGTERM or SIGINT. In a cluster it needs no KUBECONFIG."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Serve; returns the exit code."""
    from vault_secrets_webhook.webhook.__main__ import main  # noqa: PLC0415 - the server is not for all

    return main(lambda: read_settings(options, os.environ))
