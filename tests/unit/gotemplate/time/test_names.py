"""Months and days of the week print as names."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate.fmt import sprint
from vault_secrets_webhook.gotemplate.time.names import Month, Weekday
from vault_secrets_webhook.gotemplate.values import INTEGER_CLASSES, find_type, kind_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Month(1), b"January"),
        (Month(12), b"December"),
        (Month(0), b"%!Month(0)"),
        (Month(13), b"%!Month(13)"),
        (Weekday(0), b"Sunday"),
        (Weekday(6), b"Saturday"),
    ],
)
def test_text(value: object, text: bytes) -> None:
    assert sprint([value]) == text
    assert kind_of(value) == "int"


@pytest.mark.parametrize(("name", "kind"), [("time.Month", Month), ("time.Weekday", Weekday)])
def test_constants_can_be_made_of_the_types(name: str, kind: type[int]) -> None:
    assert INTEGER_CLASSES[find_type(name)] is kind
