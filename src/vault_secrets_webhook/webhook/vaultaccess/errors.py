"""What keeps the webhook from asking Vault at all. It is never the object's fault: the answer is HTTP 500."""

from __future__ import annotations

from vault_secrets_webhook.errors import VaultError


class AccessFailed(VaultError):
    """Vault cannot be used: it is away, sealed, too slow or no Vault, or our own settings are wrong.

    The text is the cause in the words of who met it, and holds neither a value nor a token.
    """
