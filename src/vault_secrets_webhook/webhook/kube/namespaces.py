"""Reads the annotations of Namespace objects.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .client import Call, decode_answer, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

PERMISSION = "the verb get for namespaces (NAMESPACE_DEFAULTS=annotations)"


class Metadata(msgspec.Struct, frozen=True):
    """What is used of a Namespace's metadata."""

    annotations: dict[str, str] | None = None


class Namespace(msgspec.Struct, frozen=True):
    """What is used of a Namespace."""

    kind: str
    metadata: Metadata


DECODER = msgspec.json.Decoder(Namespace)


async def read_namespace_annotations(client: Client, name: str) -> Mapping[str, str]:
    """Give the annotations of a namespace, none when there is no such namespace. Raises KubernetesError."""
    call = Call("GET", f"/api/v1/namespaces/{name}", f"namespace {name}", PERMISSION)
    answer = await find(client, call)
    return {} if answer is None else decode_answer(answer, DECODER, call.what).metadata.annotations or {}
