"""Keeping what was found: for a while, a bounded number, each found once."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.webhook.serving import in_loop, until
from vault_secrets_webhook.webhook.cache import Cache, Fresh
from vault_secrets_webhook.webhook.deadline import give_seconds, remaining_seconds


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Finder:
    """Finds the next number; waits for `ready` before it does, and raises `error` if there is one."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.seconds = seconds
        self.times = 0
        self.ready = asyncio.Event()
        self.ready.set()
        self.error: Exception | None = None

    async def __call__(self) -> Fresh[int]:
        self.times += 1
        number = self.times
        await self.ready.wait()
        if self.error is not None:
            raise self.error
        return Fresh(number, self.seconds)


@in_loop
async def test_a_value_is_kept_for_its_time() -> None:
    clock, find = Clock(), Finder()
    cache: Cache[int] = Cache(10, clock)
    assert [await cache.get("a", find), await cache.get("a", find)] == [1, 1]
    clock.now = 9.9
    assert (await cache.get("a", find), cache.peek("a")) == (1, 1)
    clock.now = 10.0
    assert (cache.peek("a"), await cache.get("a", find)) == (None, 2)


@in_loop
async def test_keys_are_apart() -> None:
    find = Finder()
    cache: Cache[int] = Cache(10)
    assert [await cache.get("a", find), await cache.get("b", find), await cache.get("a", find)] == [1, 2, 1]


@in_loop
async def test_the_longest_unused_goes_first() -> None:
    find = Finder()
    cache: Cache[int] = Cache(2)
    await cache.get("a", find)
    await cache.get("b", find)
    await cache.get("a", find)
    await cache.get("c", find)
    assert [cache.peek(key) for key in "abc"] == [1, None, 3]
    assert len(cache.kept) == 2


@in_loop
async def test_nothing_is_kept_without_time() -> None:
    find = Finder(seconds=0)
    cache: Cache[int] = Cache(2)
    assert [await cache.get("a", find), await cache.get("a", find)] == [1, 2]
    assert not cache.kept


@in_loop
async def test_a_value_can_be_forgotten() -> None:
    find = Finder()
    cache: Cache[int] = Cache(2)
    await cache.get("a", find)
    cache.forget("a")
    cache.forget("b")
    assert await cache.get("a", find) == 2


@in_loop
async def test_many_who_wait_have_it_found_once() -> None:
    find = Finder()
    find.ready.clear()
    cache: Cache[int] = Cache(2)
    waiting = [asyncio.create_task(cache.get("a", find)) for _ in range(5)]
    await until(lambda: find.times > 0)
    find.ready.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert not cache.under_way


@in_loop
async def test_who_gives_up_does_not_take_it_from_the_others() -> None:
    find = Finder()
    find.ready.clear()
    cache: Cache[int] = Cache(2)
    first, second = (asyncio.create_task(cache.get("a", find)) for _ in range(2))
    await until(lambda: find.times > 0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    find.ready.set()
    assert await second == 1


@in_loop
async def test_a_fault_is_told_to_all_and_not_kept() -> None:
    find = Finder()
    find.ready.clear()
    find.error = ValueError("no")
    cache: Cache[int] = Cache(2)
    waiting = [asyncio.create_task(cache.get("a", find)) for _ in range(2)]
    await until(lambda: find.times > 0)
    find.ready.set()
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [ValueError] * 2
    find.error = None
    assert await cache.get("a", find) == 2


@in_loop
async def test_who_joins_is_not_bound_by_the_time_of_who_came_first() -> None:
    find = Finder()
    find.ready.clear()
    cache: Cache[int] = Cache(2)

    async def review(seconds: float, started: asyncio.Event) -> int:
        give_seconds(seconds)
        started.set()
        async with asyncio.timeout(remaining_seconds()):
            return await cache.get("a", find)

    impatient = asyncio.create_task(review(0.05, asyncio.Event()))
    await until(lambda: find.times > 0)
    joined = asyncio.Event()
    patient = asyncio.create_task(review(30.0, joined))
    await joined.wait()
    with pytest.raises(TimeoutError):
        await impatient
    find.ready.set()
    assert await patient == 1
    assert find.times == 1


@pytest.mark.parametrize(("seconds", "expected"), [(0.05, 10.0), (None, 10.0), (30.0, 30.0)])
@in_loop
async def test_the_finding_has_a_bound_of_its_own(seconds: float | None, expected: float) -> None:
    left: list[float] = []

    async def find() -> Fresh[int]:
        left.append(remaining_seconds())
        return Fresh(1, 1.0)

    if seconds is not None:
        give_seconds(seconds)
    before = remaining_seconds()
    cache: Cache[int] = Cache(2)
    await cache.get("a", find)
    assert expected - 5.0 < left[0] <= expected
    assert remaining_seconds() <= before  # that of who asks is as it was
