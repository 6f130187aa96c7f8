"""The webhook as a process of its own, as the cluster runs it: environment, certificate, ServiceAccount, log."""

from __future__ import annotations

import re
import sys
import urllib.request
from typing import TYPE_CHECKING, Self

from tests.fakes.certificates import make_pair
from tests.servers.memory import read_memory
from tests.servers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PYTHON = (sys.executable,)
WEBHOOK = ("-m", "vault_secrets_webhook.webhook")


class Webhook:
    """A webhook that serves on a free loopback port over TLS; `url` is its base, `ca_bundle` what trusts it (PEM)."""

    def __init__(
        self, folder: Path, kubeconfig: Path, settings: Mapping[str, str], *, command: Sequence[str] = PYTHON
    ) -> None:
        """Start it; `command` runs the interpreter, `settings` win over what is usual here."""
        pair = make_pair(folder)
        self.ca_bundle = pair.certificate.read_text()
        environ = {
            "LISTEN_ADDRESS": "127.0.0.1:0",
            "TLS_CERT_FILE": str(pair.certificate),
            "TLS_PRIVATE_KEY_FILE": str(pair.key),
            "KUBECONFIG": str(kubeconfig),
            **settings,
        }
        self.process = ServerProcess([*command, *WEBHOOK], log_file=folder / "webhook.log", environ=environ)
        self.context = pair.trust()
        self.url = self.process.wait_until_ready(self._find_url)

    def _find_url(self) -> str | None:
        found = re.search(r"msg=serving\b.* url=\"?(https://127\.0\.0\.1:\d+)", self.process.log)
        return found[1] if found else None

    def get(self, path: str) -> str:
        """Get a page over TLS, the certificate checked."""
        with urllib.request.urlopen(self.url + path, context=self.context, timeout=10) as answer:
            return str(answer.read().decode())

    def read_memory(self) -> bytes:
        return read_memory(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
