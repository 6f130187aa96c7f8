"""What is logged of what happens again and again."""

from __future__ import annotations

from vault_secrets_webhook.webhook.throttle import Throttle


def test_first_one_then_one_in_a_while() -> None:
    now = 100.0
    throttle = Throttle(10.0, lambda: now)
    counts = []
    for seconds in (0.0, 0.0, 9.9, 10.0, 10.1, 20.0, 500.0):
        now = 100.0 + seconds
        counts.append(throttle.count(404))
    assert counts == [1, 0, 0, 3, 0, 2, 1]


def test_each_kind_for_itself() -> None:
    throttle = Throttle(10.0, lambda: 0.0)
    assert [throttle.count(code) for code in (404, 400, 404, 400)] == [1, 1, 0, 0]
