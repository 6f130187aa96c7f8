"""Awaiting, with a deadline, what mostly ends without waiting for anything.

Most reviews need neither cluster nor registry, and then a timer that is set and taken back costs more than reading the
review. So the coroutine's first step is made by hand, and only one that waits gets a timer.
"""

from __future__ import annotations

import asyncio
import types
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

Result = TypeVar("Result")


async def finish_by(moment: float, work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work`, until a moment in the loop's time at the latest. Raises TimeoutError."""
    try:
        waited = work.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    async with asyncio.timeout_at(moment):
        return await go_on(work, waited)


@types.coroutine
def go_on(work: Coroutine[Any, Any, Result], waited: Any) -> Generator[Any, Any, Result]:
    """Go on with a coroutine that waits for `waited`, a future that the event loop has not been told of yet."""
    while True:
        try:
            answer = yield waited
        except BaseException as error:  # noqa: BLE001 - also the cancellation is the coroutine's own business
            step = partial(work.throw, error)
        else:
            step = partial(work.send, answer)
        try:
            waited = step()
        except StopIteration as end:
            result: Result = end.value
            return result
