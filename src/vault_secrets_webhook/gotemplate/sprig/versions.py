"""Sprig's semantic versions: semver, semverCompare.

Source: Sprig v3.3.0, semver.go; documentation "Semantic Version Functions".
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.semver import VersionPointer, holds, parse_constraints, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.semver.constraint import Constraint
    from vault_secrets_webhook.gotemplate.semver.version import Version
    from vault_secrets_webhook.gotemplate.sprig import Entry

BYTES_PER_STEP = 16  # of versions that are compared


def make_version(text: bytes) -> VersionPointer:
    return VersionPointer(parse_version(text))


def meets(budget: Budget, constraint: bytes, text: bytes) -> bool:
    """Tell whether a version meets a constraint. Raises FunctionError for texts that are no such things."""
    alternatives = parse_constraints(budget, constraint)
    version = parse_version(text)
    return any(all(check(budget, part, version) for part in parts) for parts in alternatives)


def check(budget: Budget, part: Constraint, version: Version) -> bool:
    budget.spend_steps(1 + (version.go_size + part.pattern.version.go_size) // BYTES_PER_STEP)
    return holds(part.operator, version, part.pattern)


FUNCTIONS: dict[str, Entry] = {
    "semver": ("string -> *semver.Version", make_version),
    "semverCompare": ("budget, string, string -> bool", meets),
}
