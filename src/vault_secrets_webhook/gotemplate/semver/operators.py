"""What the operators of constraints mean. Source: Masterminds/semver v3.3.0, constraints.go."""

from __future__ import annotations

from .version import Version, compare_prereleases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAJOR, MINOR, PATCH = range(3)
NUMBERS = 3


class Pattern:
    """A version and how many of its numbers are known: `1.x` has one, `1.2.3` all three."""

    __slots__ = ("known", "version")

    def __init__(self, version: Version, known: int) -> None:
        self.version = version
        self.known = known

    @property
    def is_exact(self) -> bool:
        return self.known == NUMBERS


def holds(operator: bytes, version: Version, pattern: Pattern) -> bool:
    """Tell whether a version meets a constraint.

    Prereleases only meet constraints that name one; `!=` with a whole version is met by all others.
    """
    if version.prerelease and not pattern.version.prerelease and not (operator == b"!=" and pattern.is_exact):
        return False
    return OPERATORS[operator](version, pattern)


def is_same(version: Version, pattern: Pattern) -> bool:
    return is_near(version, pattern) if not pattern.is_exact else version.compare(pattern.version) == 0


def is_different(version: Version, pattern: Pattern) -> bool:
    if pattern.known in {MINOR, PATCH}:
        if version.numbers[: pattern.known] != pattern.version.numbers[: pattern.known]:
            return True
        return pattern.known == PATCH and compare_prereleases(version.prerelease, pattern.version.prerelease) != 0
    if pattern.known == MAJOR and version.numbers != pattern.version.numbers:
        return True
    return version.compare(pattern.version) != 0


def is_greater(version: Version, pattern: Pattern) -> bool:
    """Tell whether a version is after all that the pattern stands for."""
    if pattern.known in {MINOR, PATCH}:
        return version.numbers[: pattern.known] > pattern.version.numbers[: pattern.known]
    return version.compare(pattern.version) > 0


def is_less(version: Version, pattern: Pattern) -> bool:
    return version.compare(pattern.version) < 0


def is_not_less(version: Version, pattern: Pattern) -> bool:
    return version.compare(pattern.version) >= 0


def is_not_greater(version: Version, pattern: Pattern) -> bool:
    """Tell whether a version is not after all that the pattern stands for."""
    if pattern.is_exact:
        return version.compare(pattern.version) <= 0
    compared = MINOR if pattern.known == MINOR else PATCH
    return version.numbers[:compared] <= pattern.version.numbers[:compared]


def is_near(version: Version, pattern: Pattern) -> bool:
    """Tell whether a version differs from the pattern, upwards, in no number before the last but one that is known."""
    if is_less(version, pattern):
        return False
    if pattern.version.numbers == (0, 0, 0) and pattern.known not in {MINOR, PATCH}:
        return True  # ~0.0.0 is any version
    compared = MINOR if pattern.known == MINOR else PATCH
    return version.numbers[:compared] == pattern.version.numbers[:compared]


def is_compatible(version: Version, pattern: Pattern) -> bool:
    """Tell whether a version differs from the pattern, upwards, in no number up to the first that is not zero."""
    if is_less(version, pattern):
        return False
    major, minor, _ = pattern.version.numbers
    if major or pattern.known == MINOR:
        compared = MINOR
    elif minor or pattern.known == PATCH:
        compared = PATCH
    else:
        compared = NUMBERS
    return version.numbers[:compared] == pattern.version.numbers[:compared]


OPERATORS: dict[bytes, Callable[[Version, Pattern], bool]] = {
    b"": is_same,
    b"=": is_same,
    b"!=": is_different,
    b">": is_greater,
    b"<": is_less,
    b">=": is_not_less,
    b"=>": is_not_less,
    b"<=": is_not_greater,
    b"=<": is_not_greater,
    b"~": is_near,
    b"~>": is_near,
    b"^": is_compatible,
}
