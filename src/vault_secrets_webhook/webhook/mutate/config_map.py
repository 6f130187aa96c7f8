"""A ConfigMap: references in the texts of `data`, and values of `binaryData` that are one reference as a whole.

What a reference of `binaryData` gives is meant to be base64, because Vault keeps text only; what is not is taken as it
is. Source: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/config-map-v1/
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.inject.reference import OPEN

from .document import (
    BYTE_MARKS,
    LOOKS_LIKE_REFERENCE,
    MARKS,
    Metadata,
    Text,
    decode_object,
    looks_like_reference,
    name_place,
    remove,
)
from .grammar import OF_VAULT
from .patch import PatchOperation, escape
from .secret import HELM, OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vault_secrets_webhook.webhook.refusals import Refusals

    from .document import Values
    from .grammar import Grammar


class ConfigMap(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of a ConfigMap. Go writes an absent map as null."""

    metadata: Metadata | None = None
    data: dict[str, str | None] | None = None
    binary_data: dict[str, str | None] | None = None
    immutable: bool | None = None


DECODER = msgspec.json.Decoder(ConfigMap)


class ConfigMapDocument:
    """A `Document` of a ConfigMap. `stored` is the same object as it is in the cluster, empty for a new one."""

    def __init__(self, text: bytes, stored: bytes = b"") -> None:
        """Read it. Raises Refused."""
        self.config_map = decode_object(DECODER, "ConfigMap", text)
        # What was immutable stays so, or the API server refuses the update.
        self.stored = decode_object(DECODER, "ConfigMap", stored) if stored and self.config_map.immutable else None
        metadata = self.config_map.metadata or Metadata()
        self.annotations: Mapping[str, str] = metadata.annotations or {}
        self.labels = metadata.labels or {}
        self.object_name = metadata.name or ""
        self.changed: list[str] = []
        self.grammar = OF_VAULT

    def left_alone(self) -> str:
        """Pass over what Helm keeps its releases in, and a ConfigMap that cannot be changed any more and is not."""
        if self.labels.get(OWNER) == HELM:
            return "helm"
        return "immutable" if is_kept(self.config_map, self.stored) else ""

    def binary_values(self) -> Iterator[tuple[str, str]]:
        """Give key and text of what may be a reference in `binaryData`."""
        for key, encoded in (self.config_map.binary_data or {}).items():
            try:
                value = a2b_base64(encoded or "")
            except (Base64Error, ValueError):  # which the API server refuses
                continue
            if any(mark in value for mark in BYTE_MARKS):
                yield key, value.decode("utf-8", "surrogateescape")

    def has_mark(self) -> bool:
        """Tell whether there is a value to be looked at."""
        texts = (self.config_map.data or {}).values()
        is_marked = any(text and mark in text for text in texts for mark in MARKS)
        return is_marked or next(self.binary_values(), None) is not None

    def find(self, grammar: Grammar, refusals: Refusals) -> list[Text]:  # noqa: ARG002 - of the protocol
        """Give the values with references."""
        self.grammar = grammar
        found = [
            Text(f"/data/{escape(key)}", name_place("data", key), text)
            for key, text in (self.config_map.data or {}).items()
            if text and grammar.has_reference(text)
        ]
        found += [
            Text(f"/binaryData/{escape(key)}", name_place("binaryData", key), text)
            for key, text in self.binary_values()
            if grammar.has_reference(text) and not is_inline(text, grammar)
        ]
        return found

    def change(self, values: Values, refusals: Refusals) -> list[PatchOperation]:
        """Put the values in."""
        operations = []
        for member, keys in (("data", self.config_map.data), ("binaryData", self.config_map.binary_data)):
            for key in keys or {}:
                path, place = f"/{member}/{escape(key)}", name_place(member, key)
                if path in values.missing:
                    operations.append(remove(path))
                elif path in values.found:
                    value = refusals.attempt(self.encode, member, place, values.found[path])
                    operations.append(PatchOperation("replace", path, value))
                else:
                    continue
                self.changed.append(place)
        return operations

    def encode(self, member: str, place: str, value: bytes) -> str:
        """Write a value as `data` or `binaryData` has it. Raises Refused."""
        if member == "data":
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise Refused(f"{place}: the value is not UTF-8; it can be given in binaryData only") from None
        try:
            value = a2b_base64(b"".join(value.split()), strict_mode=True)
        except (Base64Error, ValueError):
            return b64encode(value).decode()
        if looks_like_reference(value, self.grammar):
            raise Refused(f"{place}: {LOOKS_LIKE_REFERENCE}")
        return b64encode(value).decode()


def is_inline(text: str, grammar: Grammar) -> bool:
    """Tell whether the references of a text stand inside of it."""
    return not text.startswith((grammar.mark, ">>" + grammar.mark)) and OPEN in text


def is_kept(new: ConfigMap, stored: ConfigMap | None) -> bool:
    """Tell whether a ConfigMap is immutable and its data stay what they are: then a change of ours would be refused."""
    if stored is None or stored.immutable is not True:
        return False
    return (new.data, new.binary_data) == (stored.data, stored.binary_data)
