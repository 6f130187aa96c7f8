"""Semantic versions and what constrains them, as Sprig's functions take them.

Source: Masterminds/semver v3.3.0, whose reading is loose (`v1.2` is 1.2.0) and whose constraints are npm's.
"""

from __future__ import annotations

from .constraint import parse_constraints
from .operators import holds
from .version import Version, VersionPointer, parse_version

__all__ = ["Version", "VersionPointer", "holds", "parse_constraints", "parse_version"]
