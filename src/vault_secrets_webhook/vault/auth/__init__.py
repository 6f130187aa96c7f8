"""Login methods: the table from the words of VAULT_AUTH_METHOD to the files that carry them out."""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError

# Both send role and JWT to the login endpoint of their mount; they differ in how Vault checks the JWT.
METHODS = {"jwt": "kubernetes", "kubernetes": "kubernetes"}
LATER = frozenset(("aws-ec2", "aws-iam", "gcp-gce", "gcp-iam", "azure", "namespaced"))


def check_method(method: str, name: str = "VAULT_AUTH_METHOD") -> str:
    """Give the module of a method's name, which the variable `name` has. Raises ConfigurationError for one that we do not have."""
    if module := METHODS.get(method):
        return module
    if method in LATER:
        raise ConfigurationError(f"{name} {method} is not supported by this version; use kubernetes or jwt")
    raise ConfigurationError(f"{name} {method!r} is unknown; use kubernetes or jwt")
