"""Tokens of ServiceAccounts by the TokenRequest API.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from .client import Call, decode_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .client import Client


class ServiceAccountToken(NamedTuple):
    """A token, and until when it is good (RFC 3339, as the API server wrote it)."""

    token: str
    expires_at: str

    def __repr__(self) -> str:
        return f"ServiceAccountToken(expires_at={self.expires_at!r})"


class TokenRequestStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of `TokenRequestStatus`."""

    token: str
    expiration_timestamp: str


class TokenRequest(msgspec.Struct, frozen=True):
    """What is used of a `TokenRequest` in an answer."""

    status: TokenRequestStatus


DECODER = msgspec.json.Decoder(TokenRequest)


async def request_token(
    client: Client, namespace: str, name: str, audiences: Sequence[str], seconds: int
) -> ServiceAccountToken:
    """Ask for a token of a ServiceAccount; both names are checked ones. Without audiences it is for the API server.

    The API server gives none for less than 600 seconds. Raises KubernetesError, with status 404 when there is no such
    ServiceAccount.
    """
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": list(audiences), "expirationSeconds": seconds},
    }
    what = f"a token of serviceaccounts {namespace}/{name}"
    call = Call(
        "POST",
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
        what,
        f"the verb create for serviceaccounts/token in namespace {namespace}",
        msgspec.json.encode(body),
    )
    status = decode_answer(await client.send(call), DECODER, what).status
    return ServiceAccountToken(status.token, status.expiration_timestamp)
