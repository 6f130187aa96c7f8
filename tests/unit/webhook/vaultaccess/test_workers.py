"""The pool: bounded for one object, and never waiting for itself."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.webhook.vaultaccess.workers import Workers

if TYPE_CHECKING:
    from vault_secrets_webhook.inject.resolve import Job


def test_all_jobs_are_done_even_when_every_thread_runs_such_jobs() -> None:
    async def work() -> None:
        workers = Workers(workers=2, share=4)
        done: list[int] = []
        objects: list[list[Job]] = [
            [partial(done.append, index * 100 + job) for job in range(20)] for index in range(8)
        ]
        await asyncio.gather(*(workers.run(partial(workers.run_jobs, jobs)) for jobs in objects))
        workers.close()
        assert sorted(done) == sorted(index * 100 + job for index in range(8) for job in range(20))

    asyncio.run(work())


def test_the_jobs_of_one_object_run_at_the_same_time_within_their_share() -> None:
    async def work() -> None:
        workers = Workers(workers=8, share=3)
        together = threading.Barrier(3, timeout=10)
        under_way: list[int] = []
        most: list[int] = []

        def job() -> None:
            under_way.append(1)
            most.append(len(under_way))
            together.wait()
            under_way.pop()

        await workers.run(partial(workers.run_jobs, [job] * 9))
        workers.close()
        assert max(most) == 3

    asyncio.run(work())


def test_no_jobs_and_faults() -> None:
    async def work() -> None:
        workers = Workers()
        await workers.run(partial(workers.run_jobs, []))
        with pytest.raises(ZeroDivisionError):
            await workers.run(partial(workers.run_jobs, [lambda: 1 // 0, lambda: None]))  # type: ignore[list-item]
        workers.close()

    asyncio.run(work())
