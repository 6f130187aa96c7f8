"""Keeps what was found for a while, a bounded number of things, and finds each only once for all who wait for it.

What the keys are made of is up to the caller. It must hold whoever may see the value: what was found with one
credential is no answer for another one. What went wrong is not kept.

The finding is nobody's own: it has a deadline of its own, and everybody who waits for it has his.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from vault_secrets_webhook.webhook.deadline import DEFAULT_TIMEOUT, give_seconds, remaining_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

Value = TypeVar("Value")


class Fresh(NamedTuple, Generic[Value]):
    """A value, and for how many seconds it may be kept."""

    value: Value
    seconds: float


class Cache(Generic[Value]):
    """At most `size` values; the one that was not asked for the longest goes first. `clock` gives seconds.

    Finding one may take as long as a review has by default, or as long as who asks first has, if that is more.
    """

    def __init__(self, size: int, clock: Callable[[], float] = monotonic) -> None:
        self.size = size
        self.clock = clock
        self.kept: dict[Hashable, tuple[Value, float]] = {}  # value, end of its time; the latest used are last
        self.under_way: dict[Hashable, asyncio.Task[Value]] = {}

    async def get(self, key: Hashable, find: Callable[[], Awaitable[Fresh[Value]]]) -> Value:
        """Give the value of a key; `find` finds it when it is not there. Raises what that raises.

        Whoever gives up waiting does not take it away from the others: the finding goes on.
        """
        if (kept := self.peek(key)) is not None:
            return kept
        task = self.under_way.get(key)
        if task is None:
            task = self.under_way[key] = asyncio.create_task(self.fill(key, find))
            task.add_done_callback(note_end)
        return await asyncio.shield(task)

    async def fill(self, key: Hashable, find: Callable[[], Awaitable[Fresh[Value]]]) -> Value:
        limit = max(DEFAULT_TIMEOUT, remaining_seconds())
        give_seconds(limit)
        try:
            async with asyncio.timeout(limit):
                found = await find()
        finally:
            del self.under_way[key]
        if found.seconds > 0:
            self.kept[key] = (found.value, self.clock() + found.seconds)
            while len(self.kept) > self.size:
                del self.kept[next(iter(self.kept))]
        return found.value

    def peek(self, key: Hashable) -> Value | None:
        """Give the value of a key if it is there."""
        if key in self.kept:
            value, end = self.kept.pop(key)
            if self.clock() < end:
                self.kept[key] = (value, end)
                return value
        return None

    def forget(self, key: Hashable) -> None:
        """Drop a value that turned out to be of no use any more."""
        self.kept.pop(key, None)


def note_end(task: asyncio.Task[Value]) -> None:
    """Take note of how it ended, so that the loop does not report what nobody waits for any more."""
    if not task.cancelled():
        task.exception()
