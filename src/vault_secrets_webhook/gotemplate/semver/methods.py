"""The methods of versions that templates may call. Source: Masterminds/semver v3.3.0, version.go."""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import Slice, Uint8, Uint64, define_type, find_type

from .version import Version, VersionPointer, check_metadata, check_prerelease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.gotemplate.values import Method

define_type("driver.Value", "interface")
BYTES = find_type("[]uint8")
MAX_UINT64 = (1 << 64) - 1


def write_bytes(text: bytes) -> Slice:
    return Slice(BYTES, map(Uint8, text))


def increase_major(version: Version) -> Version:
    major, _, _ = version.numbers
    return version.replace((major + 1 & MAX_UINT64, 0, 0))


def increase_minor(version: Version) -> Version:
    major, minor, _ = version.numbers
    return version.replace((major, minor + 1 & MAX_UINT64, 0))


def increase_patch(version: Version) -> Version:
    """Give the next patch release, which after a prerelease is the release itself."""
    major, minor, patch = version.numbers
    return version.replace((major, minor, patch if version.prerelease else patch + 1 & MAX_UINT64))


def set_prerelease(version: Version, text: bytes) -> Version:
    check_prerelease(text)
    return version.replace(version.numbers, text, version.metadata)


def set_metadata(version: Version, text: bytes) -> Version:
    check_metadata(text)
    return version.replace(version.numbers, version.prerelease, text)


def is_equal(pointer: VersionPointer, other: VersionPointer | None) -> bool:
    return other is not None and compare(pointer, other) == 0


def compare(pointer: VersionPointer, other: VersionPointer | None) -> int:
    if other is None:
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference", is_constant=True)
    return pointer.version.compare(other.version)


VERSION_METHODS: dict[str, Method] = {
    "IncMajor": ("-> semver.Version", increase_major),
    "IncMinor": ("-> semver.Version", increase_minor),
    "IncPatch": ("-> semver.Version", increase_patch),
    "Major": ("-> uint64", lambda version: Uint64(version.numbers[0])),
    "MarshalJSON": ("-> []uint8", lambda version: write_bytes(b'"%s"' % version.write())),
    "MarshalText": ("-> []uint8", lambda version: write_bytes(version.write())),
    "Metadata": ("-> string", lambda version: version.metadata),
    "Minor": ("-> uint64", lambda version: Uint64(version.numbers[1])),
    "Patch": ("-> uint64", lambda version: Uint64(version.numbers[2])),
    "Prerelease": ("-> string", lambda version: version.prerelease),
    "SetMetadata": ("string -> semver.Version", set_metadata),
    "SetPrerelease": ("string -> semver.Version", set_prerelease),
    "String": ("-> string", Version.write),
    "Value": ("-> driver.Value", Version.write),
}


def follow_pointer(method: Method) -> Method:
    """Make a method of versions one of pointers to them."""
    signature, call = method
    return signature, lambda pointer, *arguments: call(pointer.version, *arguments)


def make_comparison(holds: Callable[[int], bool]) -> Method:
    return "*semver.Version -> bool", lambda pointer, other: holds(compare(pointer, other))


POINTER_METHODS: dict[str, Method] = {
    **{name: follow_pointer(method) for name, method in VERSION_METHODS.items()},
    "Compare": ("*semver.Version -> int", compare),
    "Equal": ("*semver.Version -> bool", is_equal),
    "GreaterThan": make_comparison(lambda order: order > 0),
    "GreaterThanEqual": make_comparison(lambda order: order >= 0),
    "LessThan": make_comparison(lambda order: order < 0),
    "LessThanEqual": make_comparison(lambda order: order <= 0),
    "Original": ("-> string", lambda pointer: pointer.version.original),
}
