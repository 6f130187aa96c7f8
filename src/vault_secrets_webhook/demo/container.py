"""Kubelet's part: starts a container's command with the container's environment, here as a process without a container."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from vault_secrets_webhook.errors import Error

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the copying container would have brought.
INJECTED = "/vault/vault-env"
VAULT_ENV = (sys.executable, "-P", "-m", "vault_secrets_webhook.vaultenv")
SECONDS = 60


class Outcome(NamedTuple):
    """How it went: the environment that the process was started with, and what it wrote."""

    command: list[str]
    environ: dict[str, str]
    log: str
    output: str


def run_container(container: Mapping[str, Any], added: Mapping[str, str]) -> Outcome:
    """Run the command of a container to its end. Raises Error when it fails.

    `added` is what a container would find in its file system instead, such as the ServiceAccount's token.
    """
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    if command[:1] != [INJECTED]:
        raise Error("the webhook did not put vault-env before the command")
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        **added,
        **{variable["name"]: variable["value"] for variable in container.get("env") or ()},
    }
    try:
        ended = subprocess.run(  # noqa: S603 - the sample's command
            [*VAULT_ENV, *command[1:]],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Error(f"the container's command did not end within {SECONDS} seconds") from None
    if ended.returncode != 0:
        raise Error(f"the container ended with status {ended.returncode}:\n{ended.stderr.rstrip()}")
    return Outcome(command, environ, ended.stderr, ended.stdout)
