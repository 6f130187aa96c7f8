"""What the demo deploys, and the secret that it asks for."""

from __future__ import annotations

import secrets
from typing import NamedTuple

MOUNT = "secret"
NAMESPACE = "demo"
SERVICE_ACCOUNT = "app"
VARIABLE = "DB_PASSWORD"
FILE = "deployment.yaml"

# The command is something that every machine has; env stands first, so that the difference reads well.
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  namespace: demo
spec:
  selector:
    matchLabels: {app: app}
  template:
    metadata:
      labels: {app: app}
    spec:
      serviceAccountName: app
      containers:
      - name: app
        image: example.com/app:1.0
        env:
        - {name: DB_PASSWORD, value: 'REFERENCE'}
        command: [sh, -c, 'echo "DB_PASSWORD is $DB_PASSWORD"']
"""


class Sample(NamedTuple):
    """A secret of the KV version 2 at `secret/`: its name below the mount, and key and value in it."""

    name: str = "demo/app"
    key: str = "password"
    value: str = "correct-horse-battery-staple"

    @property
    def path(self) -> str:
        """The API path."""
        return f"{MOUNT}/data/{self.name}"

    def manifest(self) -> str:
        """Give the manifest that asks for the secret."""
        return MANIFEST.replace("REFERENCE", f"vault:{self.path}#{self.key}")


def make_unique_sample() -> Sample:
    """Make a sample of a name that nobody uses."""
    return Sample(f"vault-secrets-webhook-demo/{secrets.token_hex(8)}")
