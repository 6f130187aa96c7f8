"""Secrets and ConfigMaps of the input of `mutate`, and the cluster's where that may be asked: a `webhook.lookup`."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from vault_secrets_webhook.manifest.document import InvalidManifest
from vault_secrets_webhook.manifest.workload import describe, read_mapping
from vault_secrets_webhook.webhook.lookup import CONFIG_MAP, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vault_secrets_webhook.manifest.workload import Object
    from vault_secrets_webhook.webhook.lookup import ObjectLookup


Value = TypeVar("Value")


class Unknown(Mapping[str, Value]):
    """The data of an object that nothing is known of: no key is listed, and each that is asked for holds nothing.

    So a mutation finds no reference in it, and does not call missing what only the input lacks.
    """

    def __init__(self, nothing: Value) -> None:
        self.nothing = nothing

    def __getitem__(self, key: str) -> Value:
        return self.nothing

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class InputLookup:
    """Implements `webhook.lookup.ObjectLookup` over objects of the input.

    `cluster` is asked for the others; without it nothing is known of them, and `note` is told so, once for each.
    """

    def __init__(
        self, objects: Iterable[Object], namespace: str, note: Callable[[str], None], cluster: ObjectLookup | None
    ) -> None:
        """`namespace` is that of objects without one. Raises InvalidManifest for an object that has no proper data."""
        self.secrets: dict[tuple[str, str], Mapping[str, bytes]] = {}
        self.config_maps: dict[tuple[str, str], Mapping[str, str]] = {}
        self.note = note
        self.noted: set[tuple[str, str, str]] = set()
        self.cluster = cluster
        for one in objects:
            key = (one.namespace or namespace, one.name)
            if one.api_version == "v1" and one.kind == SECRET:
                self.secrets[key] = read_secret(one)
            elif one.api_version == "v1" and one.kind == CONFIG_MAP:
                self.config_maps[key] = read_texts(one, "data")

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Give the data of a Secret; None when there is none."""
        if (namespace, name) in self.secrets:
            return self.secrets[namespace, name]
        if self.cluster is not None:
            return await self.cluster.secret(namespace, name)
        self.tell_missing(SECRET, namespace, name)
        return Unknown(b"")

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Give the data of a ConfigMap; None when there is none."""
        if (namespace, name) in self.config_maps:
            return self.config_maps[namespace, name]
        if self.cluster is not None:
            return await self.cluster.config_map(namespace, name)
        self.tell_missing(CONFIG_MAP, namespace, name)
        return Unknown("")

    def tell_missing(self, kind: str, namespace: str, name: str) -> None:
        if (kind, namespace, name) not in self.noted:
            self.noted.add((kind, namespace, name))
            self.note(
                f"{kind} {namespace}/{name} is not in the input and counts as missing;"
                " add it by -f, or ask the cluster with --cluster"
            )


def read_secret(one: Object) -> dict[str, bytes]:
    """Read the data of a Secret: base64 of `data`, then `stringData` over it. Raises InvalidManifest."""
    data = {}
    for key, text in read_texts(one, "data").items():
        try:
            data[key] = binascii.a2b_base64("".join(text.splitlines()), strict_mode=True)
        except ValueError:
            raise InvalidManifest(f"{one.place()}: data.{key} is not base64") from None
    data.update((key, text.encode()) for key, text in read_texts(one, "stringData").items())
    return data


def read_texts(one: Object, field: str) -> dict[str, str]:
    """Read a field that maps text to text. Raises InvalidManifest naming the key that holds something else."""
    texts = {}
    for key, value in (read_mapping(one.place(), one.value, field) or {}).items():
        if not isinstance(value, str | None):
            raise InvalidManifest(f"{one.place()}: {field}.{key} must be text, and is {describe(value)}: quote it")
        texts[key] = value or ""
    return texts
