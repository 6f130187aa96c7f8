"""The webhook as a process: signals and exit status."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "vault_secrets_webhook.webhook"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "KUBE", "TLS_"))}


class Webhook:
    """A running webhook, and what it logs."""

    def __init__(self, **variables: str) -> None:
        environment = {**CLEAN, "LISTEN_ADDRESS": "127.0.0.1:0", "ENABLE_JSON_LOG": "true", **variables}
        self.process = subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True)
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.messages: list[str] = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put(json.loads(line))

    def expect(self, message: str) -> dict[str, Any]:
        """Wait for a line of the log."""
        while True:
            line = self.lines.get(timeout=30)
            self.messages.append(line["msg"])
            if line["msg"] == message:
                return line

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    running = Webhook(SHUTDOWN_DELAY="1h")
    yield running
    running.end()


def fetch_status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            status: int = response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(webhook: Webhook, number: signal.Signals) -> None:
    url = webhook.expect("serving")["url"]
    assert fetch_status(f"{url}/readyz") == 200
    webhook.process.send_signal(number)
    assert webhook.expect("shutting down")["seconds"] == 3600.0
    assert fetch_status(f"{url}/readyz") == 503
    webhook.process.send_signal(number)
    webhook.expect("stopped")
    assert webhook.process.wait(timeout=30) == 0


def test_settings_that_mean_nothing_here(canary: str) -> None:
    """They mean something to Bank-Vaults' webhook: who brings them along is told, and not what they hold."""
    variables = {
        "MUTATE_CONFIGMAP": canary,
        "VAULT_AGENT_SHARE_PROCESS_NAMESPACE": "true",
        "LISTEN_ADDRESS": "8443",
    }
    ended = subprocess.run(COMMAND, env={**CLEAN, **variables}, capture_output=True, check=False, text=True, timeout=60)
    lines = [line for line in ended.stderr.splitlines() if "level=WARN" in line and "a setting has no effect" in line]
    found = [line.partition(" setting=")[2].partition(" ")[0] for line in lines]
    assert sorted(found) == ["MUTATE_CONFIGMAP", "VAULT_AGENT_SHARE_PROCESS_NAMESPACE"]
    assert canary not in ended.stderr


def test_settings_are_not_warned_about_without_a_reason(webhook: Webhook) -> None:
    webhook.expect("serving")
    assert "a setting has no effect" not in webhook.messages


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("address", {"LISTEN_ADDRESS": "8443"}, "LISTEN_ADDRESS"),
    (
        "certificate",
        {"TLS_CERT_FILE": "/nowhere/tls.crt", "TLS_PRIVATE_KEY_FILE": "/nowhere/tls.key"},
        "/nowhere/tls.crt",
    ),
    ("kubeconfig", {"KUBECONFIG": "/nowhere/config"}, "/nowhere/config"),
    ("log level", {"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
]


@pytest.mark.parametrize(("variables", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_settings(variables: dict[str, str], message: str) -> None:
    ended = subprocess.run(COMMAND, env={**CLEAN, **variables}, capture_output=True, check=False, text=True, timeout=60)
    errors = [line for line in ended.stderr.splitlines() if "level=ERROR" in line]
    assert (ended.returncode, ended.stdout, len(errors)) == (2, "", 1)
    assert message in errors[0]
    assert "Traceback" not in ended.stderr
