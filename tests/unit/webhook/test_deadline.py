"""Deadlines of reviews."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook.deadline import find_timeout, remaining_seconds, set_deadline

TIMEOUTS: list[tuple[str, float]] = [
    ("10s", 10.0),
    ("30s", 30.0),
    ("1m", 30.0),
    ("500ms", 0.5),
    ("5", 5.0),
    ("0s", 10.0),
    ("", 10.0),
    ("soon", 10.0),
    ("-1s", 10.0),
]


@pytest.mark.parametrize(("text", "seconds"), TIMEOUTS)
def test_deadline(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 1000.0)
        answer_by = set_deadline(text)
        look_up_by = 1000.0 + remaining_seconds()
        assert 1000.0 < look_up_by < answer_by < 1000.0 + seconds
        assert look_up_by - 1000.0 == pytest.approx(0.85 * seconds)
        monkeypatch.undo()

    asyncio.run(check())


@in_loop
async def test_without_a_deadline() -> None:
    assert remaining_seconds() == 10.0


@in_loop
async def test_reviews_do_not_share_it() -> None:
    async def review(text: str) -> float:
        set_deadline(text)
        await asyncio.sleep(0)
        return remaining_seconds()

    short, long = await asyncio.gather(asyncio.create_task(review("1s")), asyncio.create_task(review("30s")))
    assert short < 1.0 < long
    assert remaining_seconds() == 10.0


QUERIES = [
    ("timeout=10s", "10s"),
    ("pretty=true&timeout=2s", "2s"),
    ("timeout=%32s", "2s"),
    ("timeout=", ""),
    ("timeouts=2s", ""),
    ("", ""),
    ("=&&=%ff&%", ""),
    ("x" * 1000 + "&timeout=2s", ""),
]


@pytest.mark.parametrize(("query", "timeout"), QUERIES, ids=[row[0][:20] or "empty" for row in QUERIES])
def test_parameter_of_a_query(query: str, timeout: str) -> None:
    assert find_timeout(query) == timeout
