"""Paths of Vault at which a token deals with itself: their answers hold it, or end it.

For an object the webhook asks with a token of its own, which it shares among objects. Read there, the token would end
in a Secret of whoever asks; revoked there, it would take the leases of all others along. The policy `default` of Vault
lets every token do both. Source: https://developer.hashicorp.com/vault/api-docs/auth/token
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault_secrets_webhook.inject.reference import Login, Reference

if TYPE_CHECKING:
    from vault_secrets_webhook.inject.reference import Part

MOUNT = ["auth", "token"]
# Those without `-self` mean the caller, too, when nothing else is named. `create` is not among them: what it makes is
# another token, and no role may do that unless its policies say so.
ENDPOINTS = frozenset(("lookup", "lookup-self", "renew", "renew-self", "revoke", "revoke-self"))


def asks_for_token(part: Part) -> bool:
    """Tell whether a part of a value is or ends the token that it is asked for with."""
    return isinstance(part, Login) or (isinstance(part, Reference) and is_about_itself(part.source.path))


def is_about_itself(path: str) -> bool:
    """Tell whether a path is such an endpoint, be it in a namespace of Vault; the client drops empty segments too."""
    segments = list(filter(None, path.split("/")))
    return segments[-3:-1] == MOUNT and segments[-1] in ENDPOINTS
