"""One Secret that the webhook itself keeps: read, created, and changed without losing what another replica wrote.

A change is a JSON merge patch (RFC 7386) that carries `resourceVersion`: it touches only what it names, and the API
server answers 409 when the Secret is not the one any more that was read
(https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). What the data mean is not known here,
and they are in no message.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec

from .client import MERGE_PATCH, Call, decode_answer, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

TLS = "kubernetes.io/tls"


class SecretName(msgspec.Struct, frozen=True):
    """The name of a Secret; both parts are checked names."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"secrets {self.namespace}/{self.name}"

    def folder(self) -> str:
        """Write the path of all Secrets of the namespace."""
        return f"/api/v1/namespaces/{self.namespace}/secrets"

    def permission(self, verb: str) -> str:
        """Say what RBAC has to allow."""
        limit = "" if verb == "create" else f" {self.name}"
        return f"the verb {verb} for secrets{limit} in namespace {self.namespace}"


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of an object's metadata."""

    resource_version: str
    labels: dict[str, str] | None = None


class StoredSecret(msgspec.Struct, frozen=True):
    """What is used of a Secret. The data come as base64."""

    metadata: Metadata
    data: dict[str, bytes] | None = None

    def entries(self) -> Mapping[str, bytes]:
        """Give the data; an empty entry is as good as none."""
        return {key: value for key, value in (self.data or {}).items() if value}

    def labels(self) -> Mapping[str, str]:
        """Give the labels."""
        return self.metadata.labels or {}


DECODER = msgspec.json.Decoder(StoredSecret)


async def read_secret(client: Client, name: SecretName) -> StoredSecret | None:
    """Read a Secret, None when there is none. Raises KubernetesError."""
    path = f"{name.folder()}/{name.name}"
    answer = await find(client, Call("GET", path, str(name), name.permission("get")))
    return None if answer is None else decode_answer(answer, DECODER, str(name))


async def create_secret(
    client: Client, name: SecretName, labels: Mapping[str, str], entries: Mapping[str, bytes]
) -> None:
    """Create a Secret of the type for TLS. Raises KubernetesError, of status 409 when there is one."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name.name, "labels": labels},
        "type": TLS,
        "data": encode(entries),
    }
    permission = name.permission("create")
    await client.send(Call("POST", name.folder(), str(name), permission, msgspec.json.encode(secret)))


async def change_secret(
    client: Client, name: SecretName, seen: StoredSecret, labels: Mapping[str, str], entries: Mapping[str, bytes]
) -> None:
    """Set labels and entries of a Secret. Raises KubernetesError, of status 409 when it is not as `seen` any more."""
    metadata = {"resourceVersion": seen.metadata.resource_version, "labels": labels}
    body = msgspec.json.encode({"metadata": metadata, "data": encode(entries)})
    path, permission = f"{name.folder()}/{name.name}", name.permission("patch")
    await client.send(Call("PATCH", path, str(name), permission, body, MERGE_PATCH))


def encode(entries: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in entries.items()}
