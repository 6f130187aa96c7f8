"""Awaiting with a deadline that costs nothing where nothing is waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook.eager import finish_by

if TYPE_CHECKING:
    from collections.abc import Coroutine


def moment(seconds: float = 20.0) -> float:
    """Give a moment some seconds from now."""
    return asyncio.get_running_loop().time() + seconds


@in_loop
async def test_what_waits_for_nothing() -> None:
    async def work() -> str:
        return "done"

    assert await finish_by(moment(), work()) == "done"
    assert await finish_by(moment(-1.0), work()) == "done"  # late, and here all the same


@in_loop
async def test_what_fails_at_once() -> None:
    async def work() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        await finish_by(moment(), work())


@in_loop
async def test_what_waits_several_times() -> None:
    """For futures, for other tasks, and for nothing but the next turn of the loop."""
    seen = []

    async def work() -> list[int]:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 1)
        seen.append(await future)
        await asyncio.sleep(0)
        seen.extend(await asyncio.gather(asyncio.sleep(0.001, 2), asyncio.sleep(0.002, 3)))
        return seen

    assert await finish_by(moment(), work()) == [1, 2, 3]


@in_loop
async def test_an_error_of_what_is_waited_for() -> None:
    async def work() -> str:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, OSError("no"))
        try:
            await future
        except OSError:
            await asyncio.sleep(0)
            return "saved"
        return "lost"

    assert await finish_by(moment(), work()) == "saved"


async def wait_for_ever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("cleaned up")


@in_loop
async def test_too_late() -> None:
    ended: list[str] = []
    with pytest.raises(TimeoutError):
        await finish_by(moment(0.01), wait_for_ever(ended))
    assert ended == ["cleaned up"]


@in_loop
async def test_inner_deadline_and_inner_error() -> None:
    """Time-outs and task groups inside belong to the same task."""

    async def inner() -> str:
        try:
            async with asyncio.timeout(0.005):
                await asyncio.Event().wait()
        except TimeoutError:
            return "inner"
        return ""

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.sleep(10))
            tasks.create_task(fail())

    async def fail() -> None:
        raise KeyError

    assert await finish_by(moment(), inner()) == "inner"
    with pytest.raises(ExceptionGroup):
        await finish_by(moment(), group())


@in_loop
async def test_cancelled_from_outside() -> None:
    ended: list[str] = []
    work: Coroutine[Any, Any, None] = wait_for_ever(ended)
    task = asyncio.create_task(finish_by(moment(), work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cleaned up"]
