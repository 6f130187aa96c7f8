"""Amounts of resources."""

from __future__ import annotations

from decimal import Decimal

import pytest

from vault_secrets_webhook.webhook.mutate.quantity import fit_request, read_quantity
from vault_secrets_webhook.webhook.values import parse_quantity

READ = [
    ("0", "0"),
    ("2", "2"),
    ("1.5", "1.5"),
    (".5", "0.5"),
    ("1.", "1"),
    ("100m", "0.1"),
    ("5u", "0.000005"),
    ("5n", "0.000000005"),
    ("1k", "1000"),
    ("1M", "1000000"),
    ("1Ki", "1024"),
    ("64Mi", "67108864"),
    ("1.5Gi", "1610612736"),
    ("1E", "1000000000000000000"),
    ("1Ei", "1152921504606846976"),
    ("1e3", "1000"),
    ("1E3", "1000"),
    ("1e-3", "0.001"),
    ("1e+3", "1000"),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_read(text: str, expected: str) -> None:
    assert parse_quantity(text) == text
    assert read_quantity(text) == Decimal(expected)


def test_exponents_that_nobody_can_count_to_cost_nothing() -> None:
    text = "1e" + "9" * 30
    assert parse_quantity(text) == text
    assert read_quantity(text) == Decimal("1e30")


@pytest.mark.parametrize("text", ["", "m", "-1", "1 m", "1e", "1x", "."])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        read_quantity(text)


FITTING = [
    ("100m", "100m", "100m"),
    ("100m", "0.1", "100m"),
    ("100m", "50m", "50m"),
    ("100m", "2", "100m"),
    ("128Mi", "100M", "100M"),
    ("128Mi", "1Gi", "128Mi"),
]


@pytest.mark.parametrize(("request_", "limit", "expected"), FITTING)
def test_fit_request(request_: str, limit: str, expected: str) -> None:
    assert fit_request(request_, limit) == expected
