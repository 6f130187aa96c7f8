"""Versions: reading, writing and ordering them. Source: Masterminds/semver v3.3.0, version.go."""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import LimitError
from vault_secrets_webhook.gotemplate.values import Type, define_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from vault_secrets_webhook.gotemplate.values import Method

VERSION = define_type("semver.Version", "struct")
POINTER = define_type("*semver.Version", "ptr")
POINTER.elem = VERSION
MOST_SEGMENTS = 3
LONGEST = 1 << 16  # bytes of a version; later releases of the source take 256
DIGITS = b"0123456789"
WORD = DIGITS + b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"


class Version:
    """A `semver.Version`: major, minor and patch, what comes before the release, what is said of the build."""

    __slots__ = ("metadata", "numbers", "original", "prerelease")
    go_type: ClassVar[Type] = VERSION
    go_hidden_fields: ClassVar = ("major", "minor", "patch", "pre", "metadata", "original")

    def __init__(
        self,
        numbers: tuple[int, int, int] = (0, 0, 0),
        prerelease: bytes = b"",
        metadata: bytes = b"",
        original: bytes = b"",
    ) -> None:
        self.numbers = numbers
        self.prerelease = prerelease
        self.metadata = metadata
        self.original = original

    @property
    def go_size(self) -> int:
        """How many bytes there are to look at."""
        return len(self.prerelease) + len(self.metadata)

    @property
    def go_methods(self) -> Mapping[str, Method]:
        from .methods import VERSION_METHODS

        return VERSION_METHODS

    def copy_exported(self) -> Version:
        """Give what `copystructure` makes of it: it cannot copy any of the fields."""
        return Version()

    def write(self) -> bytes:
        """Write the version without the letter v that may have been before it."""
        prerelease = b"-" + self.prerelease if self.prerelease else b""
        metadata = b"+" + self.metadata if self.metadata else b""
        return b"%d.%d.%d" % self.numbers + prerelease + metadata

    def compare(self, other: Version) -> int:
        """Give -1, 0 or 1 for a version that is before, like or after another; metadata do not count."""
        if self.numbers != other.numbers:
            return 1 if self.numbers > other.numbers else -1
        return compare_prereleases(self.prerelease, other.prerelease)

    def replace(self, numbers: tuple[int, int, int], prerelease: bytes = b"", metadata: bytes = b"") -> Version:
        """Make another version of this one; a letter v stays before the original text."""
        check_length(prerelease)
        check_length(metadata)
        version = Version(numbers, prerelease, metadata)
        version.original = (b"v" if self.original.startswith(b"v") else b"") + version.write()
        return version


class VersionPointer:
    """A `*semver.Version`."""

    __slots__ = ("version",)
    go_type: ClassVar[Type] = POINTER
    go_hidden_fields: ClassVar = Version.go_hidden_fields

    def __init__(self, version: Version) -> None:
        self.version = version

    @property
    def go_size(self) -> int:
        """How many bytes there are to look at in what it points to."""
        return self.version.go_size

    @property
    def go_methods(self) -> Mapping[str, Method]:
        from .methods import POINTER_METHODS

        return POINTER_METHODS

    def assign(self, other: VersionPointer) -> None:
        """Let what this points to be as what another points to."""
        self.version = other.version

    def copy_exported(self) -> VersionPointer:
        return VersionPointer(Version())


def check_length(text: bytes) -> None:
    """Raises LimitError for a text that is too long for a version."""
    if len(text) > LONGEST:
        raise LimitError(f"a version may not have more than {LONGEST} bytes")


def parse_version(text: bytes) -> Version:
    """Read a version, in which minor and patch may be missing.

    Raises FunctionError for what is none, LimitError for what is too long.
    """
    check_length(text)
    core, plus, metadata = text.partition(b"+")
    core, dash, prerelease = core.partition(b"-")
    segments = core.removeprefix(b"v").split(b".")
    if (
        len(segments) > MOST_SEGMENTS
        or not all(map(is_digits, segments))
        or (dash and not is_dotted(prerelease))
        or (plus and not is_dotted(metadata))
    ):
        raise FunctionError("Invalid Semantic Version", is_constant=True)
    numbers = [parse_segment(segment) for segment in segments] + [0, 0]
    check_prerelease(prerelease)
    return Version((numbers[0], numbers[1], numbers[2]), prerelease, metadata, text)


def is_digits(text: bytes) -> bool:
    return bool(text) and not text.strip(DIGITS)


def is_dotted(text: bytes) -> bool:
    """Tell whether a text is words of letters, digits and hyphens with points between them."""
    return all(word and not word.strip(WORD) for word in text.split(b"."))


def parse_segment(text: bytes) -> int:
    from vault_secrets_webhook.gotemplate.strconv import parse_uint

    try:
        return parse_uint(text, 10)
    except FunctionError as error:
        raise FunctionError(f"Error parsing version segment: {error}") from None


def check_prerelease(text: bytes) -> None:
    """Refuse other words than those of letters, digits and hyphens, and numbers with leading zeros; empty ones pass."""
    for word in text.split(b"."):
        if not word.strip(DIGITS):
            if len(word) > 1 and word.startswith(b"0"):
                raise FunctionError("Version segment starts with 0", is_constant=True)
        elif word.strip(WORD):
            raise FunctionError("Invalid Prerelease string", is_constant=True)


def check_metadata(text: bytes) -> None:
    if any(word.strip(WORD) for word in text.split(b".")):
        raise FunctionError("Invalid Metadata string", is_constant=True)


def compare_prereleases(one: bytes, other: bytes) -> int:
    """Compare word by word; the release itself, with no words, is after all of them."""
    if one == other:
        return 0
    if not one or not other:
        return -1 if one else 1
    # Words that are not there count as empty ones.
    ours, theirs = ([rank_word(word) for word in text.rstrip(b".").split(b".")] for text in (one, other))
    return (ours > theirs) - (ours < theirs)


def rank_word(word: bytes) -> tuple[int, int, bytes]:
    """Give what a word is ordered by: numbers come first, by their value. A list that ends is before one that goes on."""
    if is_digits(word) and len(word.lstrip(b"0")) <= 20:  # noqa: PLR2004 - digits of the largest uint64
        number = int(word)
        if number < 1 << 64:
            return 1, number, b""
    return (2, 0, word) if word else (0, 0, b"")
