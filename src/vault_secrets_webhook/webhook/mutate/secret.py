"""A Secret: references in the values of `data`, which are base64, and in `stringData`.

The API server merges `stringData` into `data` before it asks anybody; who asks without it is served as well.
Credentials for image registries are read by `docker_config`. Source:
https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.errors import Refused

from .docker_config import FORMS, DockerConfig
from .document import BYTE_MARKS, LOOKS_LIKE_REFERENCE, MARKS, Metadata, Text, decode_object, name_place, remove
from .grammar import OF_VAULT
from .patch import PatchOperation, escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vault_secrets_webhook.webhook.refusals import Refusals

    from .document import Values
    from .grammar import Grammar

HELM_TYPE = "helm.sh/release.v1"
OWNER, HELM = "owner", "helm"


class Secret(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of a Secret. Go writes an absent map as null."""

    metadata: Metadata | None = None
    type: str | None = None
    data: dict[str, str | None] | None = None
    string_data: dict[str, str | None] | None = None
    immutable: bool | None = None


DECODER = msgspec.json.Decoder(Secret)


class SecretDocument:
    """A `Document` of a Secret. `stored` is the same object as it is in the cluster, empty for a new one."""

    def __init__(self, text: bytes, stored: bytes = b"") -> None:
        """Read it. Raises Refused."""
        self.secret = decode_object(DECODER, "Secret", text)
        # What was immutable stays so, or the API server refuses the update.
        self.stored = decode_object(DECODER, "Secret", stored) if stored and self.secret.immutable else None
        metadata = self.secret.metadata or Metadata()
        self.annotations: Mapping[str, str] = metadata.annotations or {}
        self.labels = metadata.labels or {}
        self.object_name = metadata.name or ""
        self.changed: list[str] = []
        self.configs: dict[str, DockerConfig] = {}
        self.grammar = OF_VAULT

    def left_alone(self) -> str:
        """Pass over what Helm keeps its releases in, and a Secret that cannot be changed any more and is not."""
        if self.secret.type == HELM_TYPE or self.labels.get(OWNER) == HELM:
            return "helm"
        return "immutable" if is_kept(self.secret, self.stored) else ""

    def values(self) -> Iterator[tuple[str, str, bytes]]:
        """Give map, key and value of each datum that may hold a reference. What is not base64 is the API server's."""
        for key, encoded in (self.secret.data or {}).items():
            try:
                value = a2b_base64(encoded or "")
            except (Base64Error, ValueError):
                continue
            if key in FORMS or any(mark in value for mark in BYTE_MARKS):
                yield "data", key, value
        for key, text in (self.secret.string_data or {}).items():
            if text and (key in FORMS or any(mark in text for mark in MARKS)):
                yield "stringData", key, text.encode()

    def has_mark(self) -> bool:
        """Tell whether there is a value to be looked at."""
        return next(self.values(), None) is not None

    def find(self, grammar: Grammar, refusals: Refusals) -> list[Text]:  # noqa: ARG002 - of the protocol
        """Give the values with references, and the parts of registry credentials that have some."""
        found = []
        self.grammar = grammar
        for member, key, value in self.values():
            path, place = f"/{member}/{escape(key)}", name_place(member, key)
            text = value.decode("utf-8", "surrogateescape")
            if (config := read_config(place, key, text, grammar)) is not None:
                self.configs[path] = config
                found += config.find()
            elif grammar.has_reference(text):
                found.append(Text(path, place, text))
        return found

    def change(self, values: Values, refusals: Refusals) -> list[PatchOperation]:
        """Put the values in, encoded as their map has them."""
        operations = []
        for member, key, _ in self.values():
            path, place = f"/{member}/{escape(key)}", name_place(member, key)
            if path in values.missing:
                operations.append(remove(path))
            elif path in self.configs:
                if (text := self.configs[path].fill(values, refusals)) is None:
                    continue
                operations.append(PatchOperation("replace", path, encode(member, place, text)))
            elif path in values.found:
                refusals.attempt(self.check, place, key, values.found[path])
                value = refusals.attempt(encode, member, place, values.found[path])
                operations.append(PatchOperation("replace", path, value))
            else:
                continue
            self.changed.append(place)
        return operations

    def check(self, place: str, key: str, value: bytes) -> None:
        """Raise Refused for credentials for registries that came out of Vault as a whole and hold references."""
        config = read_config(place, key, value.decode("utf-8", "surrogateescape"), self.grammar)
        if config is not None and config.find():
            raise Refused(f"{place}: {LOOKS_LIKE_REFERENCE}")


def read_config(place: str, key: str, text: str, grammar: Grammar) -> DockerConfig | None:
    """Read credentials for registries; None for another value, and for text that is not JSON (yet)."""
    if key not in FORMS:
        return None
    try:
        return DockerConfig(place, text, FORMS[key], grammar)
    except ValueError:
        return None


def encode(member: str, place: str, value: bytes) -> str:
    """Write a value as `data` or `stringData` has it. Raises Refused."""
    if member == "data":
        return b64encode(value).decode()
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refused(f"{place}: the value is not UTF-8; it can be given in data only") from None


def is_kept(new: Secret, stored: Secret | None) -> bool:
    """Tell whether a Secret is immutable and its data stay what they are: then a change of ours would be refused."""
    return stored is not None and stored.immutable is True and new.data == stored.data
