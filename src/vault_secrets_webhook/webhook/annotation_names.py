"""What a question is called in the family of annotations that an object's author writes: for messages about it."""

from __future__ import annotations

from .annotation_table import FAMILIES

KEYS = {
    (provider, row.field): key
    for provider, family in FAMILIES.items()
    for key, row in family.keys.items()
    if row.field and not row.is_older
}


def name_annotation(field: str, provider: str) -> str:
    """Name the annotation that decides a field of Options."""
    return KEYS[provider, field]
