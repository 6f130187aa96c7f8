"""The variables that an annotation gives to agents: a JSON array of what `env` of a container holds.

Go reads member names without regard to upper and lower case (https://pkg.go.dev/encoding/json#Unmarshal), so
annotations that were written for it may say `Name` and `Value`; the API server wants the exact names, which are put in
their place. The members are those of EnvVar,
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .message import show

WANTED = 'write a JSON array like [{"name": "A", "value": "b"}]'
LONGEST_MESSAGE = 300


class Part(msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts; null stands for what is not there."""


class KeySelector(Part):
    """A key of a Secret or ConfigMap."""

    name: str | None = None
    key: str | None = None
    optional: bool | None = None


class FieldSelector(Part):
    """A field of the pod."""

    api_version: str | None = None
    field_path: str | None = None


class ResourceSelector(Part):
    """An amount of a resource."""

    container_name: str | None = None
    resource: str | None = None
    divisor: str | None = None


class FileSelector(Part):
    """A key of a file with variables."""

    volume_name: str | None = None
    path: str | None = None
    key: str | None = None
    optional: bool | None = None


class Source(Part):
    """Where a value is taken from."""

    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None
    field_ref: FieldSelector | None = None
    resource_field_ref: ResourceSelector | None = None
    file_key_ref: FileSelector | None = None


class Variable(Part):
    """One variable."""

    name: str
    value: str | None = None
    value_from: Source | None = None


PARTS = (Variable, Source, KeySelector, FieldSelector, ResourceSelector, FileSelector)
NAMES = {name.lower(): name for part in PARTS for name in part.__struct_encode_fields__}


def parse_agent_variables(text: str) -> tuple[dict[str, Any], ...]:
    """Read the array; nothing gives none. Raises ValueError, which shows no value and says what is accepted."""
    if not text.strip():
        return ()
    try:
        variables = msgspec.convert(correct_names(msgspec.json.decode(text)), list[Variable])
    except msgspec.ValidationError as error:
        raise ValueError(f"{show(str(error)[:LONGEST_MESSAGE])}: {WANTED}") from None
    except (msgspec.DecodeError, RecursionError):
        raise ValueError(f"this is not JSON: {WANTED}") from None
    for index, variable in enumerate(variables):
        if not variable.name or "=" in variable.name or not variable.name.isprintable():
            raise ValueError(f"element {index} has no name that a variable can have: {WANTED}")
    return tuple(msgspec.to_builtins(variables))


def correct_names(value: object) -> object:
    """Give members the exact names that the API server knows; others stay."""
    if isinstance(value, list):
        return [correct_names(one) for one in value]
    if isinstance(value, dict):
        return {NAMES.get(name.lower(), name): correct_names(member) for name, member in value.items()}
    return value
