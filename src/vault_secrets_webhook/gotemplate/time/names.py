"""Months and days of the week: whole numbers that print as English names.

Source: Go package time, types Month and Weekday.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import INTEGER_CLASSES, Type, define_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from vault_secrets_webhook.gotemplate.values import Method

MONTHS = (
    *(b"January", b"February", b"March", b"April", b"May", b"June", b"July"),
    *(b"August", b"September", b"October", b"November", b"December"),
)
DAYS = (b"Sunday", b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday")


def name_month(month: int) -> bytes:
    """Name a month. There are other numbers of this type: `range` over a month begins with 0."""
    return MONTHS[month - 1] if 1 <= month <= len(MONTHS) else b"%%!Month(%d)" % month


class Month(int):
    """A `time.Month`: 1 is January."""

    __slots__ = ()
    go_type: ClassVar[Type] = define_type("time.Month", "int")
    go_methods: ClassVar[Mapping[str, Method]] = {"String": ("-> string", name_month)}


class Weekday(int):
    """A `time.Weekday`: 0 is Sunday."""

    __slots__ = ()
    go_type: ClassVar[Type] = define_type("time.Weekday", "int")
    go_methods: ClassVar[Mapping[str, Method]] = {"String": ("-> string", lambda day: DAYS[day])}


INTEGER_CLASSES[Month.go_type] = Month
INTEGER_CLASSES[Weekday.go_type] = Weekday
