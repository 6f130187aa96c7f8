"""Challenges of registries: what is read of them."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.webhook.registry.access import Challenge, read_challenge
from vault_secrets_webhook.webhook.registry.transport import Answer

CASES: list[tuple[str, Challenge | None]] = [
    ("", None),
    ("Negotiate", None),
    ("Basically", None),
    ('Basic realm="a"', Challenge("basic", "a")),
    ("basic", Challenge("basic")),
    (
        'Bearer realm="https://a/t",service="b",scope="repository:c:pull,push"',
        Challenge("bearer", "https://a/t", "b"),
    ),
    ('BEARER  Realm = "https://a/t" , Service=b', Challenge("bearer", "https://a/t", "b")),
    ('Bearer service="a \\"b\\", realm=c"', Challenge("bearer", "", 'a \\"b\\", realm=c')),
    ('Bearer error="invalid_token",realm="a"', Challenge("bearer", "a")),
    ('Bearer realm="a', Challenge("bearer")),
    ("Bearer " + "a" * 8000, Challenge("bearer")),
    ("Bearer a" + " " * 8000 + "b", Challenge("bearer")),
    ("Bearer " + 'a="' * 2600, Challenge("bearer")),
]


@pytest.mark.parametrize(("header", "expected"), CASES, ids=[header[:30] for header, _ in CASES])
def test_challenge(header: str, expected: Challenge | None) -> None:
    assert read_challenge(Answer(401, {"WWW-Authenticate": header}, b"", None)) == expected
