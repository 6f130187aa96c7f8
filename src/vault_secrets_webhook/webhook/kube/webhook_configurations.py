"""The webhook's own MutatingWebhookConfiguration: which of its webhooks call us, and the caBundle of those.

A change is a JSON Patch (RFC 6902) of the caBundles alone. It names each webhook by its place and tests that it is
still there, and carries the `resourceVersion` that was read: the API server answers 409 when the object is another one
by now. https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/mutating-webhook-configuration-v1/
Admission webhooks are not asked about this kind of object, so it can be changed while ours is down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from .client import JSON_PATCH, Call, decode_answer, find

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from .client import Client

RESOURCE = "mutatingwebhookconfigurations"
FOLDER = f"/apis/admissionregistration.k8s.io/v1/{RESOURCE}"


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of an object's metadata."""

    resource_version: str


class Service(msgspec.Struct, frozen=True):
    """The Service that a webhook is called by."""

    namespace: str
    name: str


class ClientConfig(msgspec.Struct, frozen=True, rename="camel"):
    """How the API server calls a webhook: by a Service or a URL; the bundle comes as base64."""

    service: Service | None = None
    url: str | None = None
    ca_bundle: bytes = b""

    def server_name(self) -> str:
        """Tell which name the API server wants to find in the certificate."""
        if self.service is not None:
            return f"{self.service.name}.{self.service.namespace}.svc"
        try:
            return urlsplit(self.url or "").hostname or ""
        except ValueError:
            return ""


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of one webhook."""

    name: str
    client_config: ClientConfig


class Configuration(msgspec.Struct, frozen=True):
    """What is used of a MutatingWebhookConfiguration."""

    metadata: Metadata
    webhooks: list[Webhook] = []

    def find_own(self, names: AbstractSet[str]) -> Sequence[tuple[int, Webhook]]:
        """Find the webhooks that are called by one of these names, with their places in the list."""
        return [
            (place, webhook)
            for place, webhook in enumerate(self.webhooks)
            if webhook.client_config.server_name() in names
        ]


DECODER = msgspec.json.Decoder(Configuration)


async def read_configuration(client: Client, name: str) -> Configuration | None:
    """Read a configuration, None when there is none. Raises KubernetesError."""
    what, path = f"{RESOURCE} {name}", f"{FOLDER}/{name}"
    answer = await find(client, Call("GET", path, what, f"the verb get for {RESOURCE} {name}"))
    return None if answer is None else decode_answer(answer, DECODER, what)


async def change_bundles(
    client: Client, name: str, seen: Configuration, webhooks: Sequence[tuple[int, Webhook]], bundle: bytes
) -> None:
    """Set the caBundle of some webhooks of a configuration.

    Raises KubernetesError, of status 409 when it is not as `seen` any more.
    """
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": seen.metadata.resource_version}
    operations: list[dict[str, str | bytes]] = [dict(version)]
    for place, webhook in webhooks:
        path = f"/webhooks/{place}"
        operations.append({"op": "test", "path": f"{path}/name", "value": webhook.name})
        operations.append({"op": "add", "path": f"{path}/clientConfig/caBundle", "value": bundle})
    permission = f"the verb patch for {RESOURCE} {name}"
    body = msgspec.json.encode(operations)  # bytes become base64, which is what a caBundle is in JSON
    await client.send(Call("PATCH", f"{FOLDER}/{name}", f"{RESOURCE} {name}", permission, body, JSON_PATCH))
