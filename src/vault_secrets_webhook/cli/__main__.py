"""`python -m vault_secrets_webhook.cli`, for where the command `vault-secrets-webhook` is not on PATH."""

from __future__ import annotations

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
