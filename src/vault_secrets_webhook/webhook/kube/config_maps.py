"""Makes the ConfigMap that a pod needs before it is there.

One that is there already is compared and never written over: its name holds a digest of what we would write, so a
different content is somebody else's, or was changed by somebody. `immutable` keeps it from being changed from then on
(https://kubernetes.io/docs/concepts/configuration/configmap/#configmap-immutable). What is in it is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.errors import Refused

from .client import CONFLICT, Call, decode_answer, find
from .errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .client import Client

RESOURCE = "configmaps"
LABELS = {"app.kubernetes.io/managed-by": "vault-secrets-webhook"}


class Content(msgspec.Struct):
    """What a ConfigMap holds."""

    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = msgspec.field(default=None, name="binaryData")


DECODER = msgspec.json.Decoder(Content)


async def ensure_config_map(
    client: Client, namespace: str, name: str, data: Mapping[str, str], owner_references: Sequence[Mapping[str, str]]
) -> None:
    """Make a ConfigMap unless it is there as it should be.

    Raises Refused when there is another one of that name, and KubernetesError when it could neither be made nor read.
    """
    try:
        await create_config_map(client, namespace, name, data, owner_references)
    except KubernetesError as error:
        # Without an answer nobody knows whether it was made; everything but a conflict is for the operator to act on.
        if error.status is not None and error.status != CONFLICT:
            raise
        if not await is_there(client, namespace, name, data):
            raise


async def create_config_map(
    client: Client, namespace: str, name: str, data: Mapping[str, str], owner_references: Sequence[Mapping[str, str]]
) -> None:
    """Make a ConfigMap. Raises KubernetesError, with status 409 when there is one of that name."""
    metadata = {"name": name, "labels": LABELS, "ownerReferences": list(owner_references)}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, "data": dict(data)}
    permission = f"the verb create for {RESOURCE} in namespace {namespace}"
    path = f"/api/v1/namespaces/{namespace}/{RESOURCE}"
    await client.send(Call("POST", path, f"{RESOURCE} {namespace}/{name}", permission, msgspec.json.encode(body)))


async def is_there(client: Client, namespace: str, name: str, data: Mapping[str, str]) -> bool:
    """Tell whether there is a ConfigMap with these data. Raises Refused when it has others, and KubernetesError."""
    what, permission = f"{RESOURCE} {namespace}/{name}", f"the verb get for {RESOURCE} in namespace {namespace}"
    answer = await find(client, Call("GET", f"/api/v1/namespaces/{namespace}/{RESOURCE}/{name}", what, permission))
    if answer is None:
        return False
    content = decode_answer(answer, DECODER, what)
    if content.data != dict(data) or content.binary_data:
        raise Refused(
            f"the ConfigMap {name}, which the pod's agent needs, is there with another content than the webhook gives it:"
            " find out who made or changed it, and delete it"
        )
    return True
