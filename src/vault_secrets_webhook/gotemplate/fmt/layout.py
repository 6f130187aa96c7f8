"""All the fields of the structs that templates meet, as fmt sees them: also those that no template can name.

They show when a verb does not ask for a string, in `printf "%d" now`, and in Go's syntax where a type has none of its
own. Types that are not here show their exported fields.

Sources: Go package time, types Time and Location; Masterminds/semver v3, type Version.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import Int64, Slice, Type, Uint64, find_fields, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

HAS_MONOTONIC = 1 << 63  # the bit of a wall clock's reading that tells that it is one
SECONDS_UNTIL_1885 = 59453308800  # where the wall clock counts from, when it is one, since the year 1
NANOSECOND_BITS = 30


class NilPointer:
    """A nil pointer in a field."""

    __slots__ = ("go_type",)
    is_nil = True

    def __init__(self, name: str) -> None:
        self.go_type = Type(name, "ptr")


def find_layout(value: object) -> Mapping[str, object]:
    """Give the fields of a struct, or of what a pointer points to, by name."""
    lay_out = LAYOUTS.get(type_of(value).name.removeprefix("*"))
    return lay_out(value) if lay_out else find_fields(value)


def lay_out_time(value: Any) -> Mapping[str, object]:
    from vault_secrets_webhook.gotemplate.time.location import UTC

    wall, ext = value.nanoseconds, value.seconds
    if value.monotonic is not None:
        wall |= HAS_MONOTONIC | (ext - SECONDS_UNTIL_1885) << NANOSECOND_BITS
        ext = value.monotonic
    location = NilPointer("*time.Location") if value.location is UTC else value.location
    return {"wall": Uint64(wall), "ext": Int64(ext), "loc": location}


def lay_out_location(value: Any) -> Mapping[str, object]:
    return {
        "name": getattr(value, "go_pointed", value).name,
        "zone": Slice(Type("[]time.zone", "slice"), is_nil=True),
        "tx": Slice(Type("[]time.zoneTrans", "slice"), is_nil=True),
        "extend": b"",
        "cacheStart": Int64(0),
        "cacheEnd": Int64(0),
        "cacheZone": NilPointer("*time.zone"),
    }


def lay_out_version(value: Any) -> Mapping[str, object]:
    version = getattr(value, "version", value)  # what a pointer points to
    major, minor, patch = map(Uint64, version.numbers)
    texts = {"pre": version.prerelease, "metadata": version.metadata, "original": version.original}
    return {"major": major, "minor": minor, "patch": patch, **texts}


LAYOUTS: dict[str, Callable[[Any], Mapping[str, object]]] = {
    "time.Time": lay_out_time,
    "time.Location": lay_out_location,
    "semver.Version": lay_out_version,
}
