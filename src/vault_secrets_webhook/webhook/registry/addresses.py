"""Where a registry may send us on to. No I/O: names are not resolved here.

A registry chooses where its blobs and its access tokens come from, and whoever writes a pod may choose the registry. So
an address that only this machine or its network has is not followed to (CWE-918), unless the image itself names it.
"""

from __future__ import annotations

from vault_secrets_webhook.webhook.policy import is_forbidden_name, is_private_literal


def is_inner(host: str | None) -> bool:
    """Tell whether a host is this machine, a cloud's metadata or a number that is not public."""
    return not host or is_forbidden_name(host) or is_private_literal(host)
