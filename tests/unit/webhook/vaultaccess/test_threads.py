"""The pool: bounded for one object, and never waiting for itself."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.webhook.vaultaccess.threads import Threads

if TYPE_CHECKING:
    from vault_secrets_webhook.inject.resolve import Job


def test_all_jobs_are_done_even_when_every_thread_runs_such_jobs() -> None:
    async def work() -> None:
        threads = Threads(threads=2, share=4)
        done: list[int] = []
        objects: list[list[Job]] = [
            [partial(done.append, index * 100 + job) for job in range(20)] for index in range(8)
        ]
        await asyncio.gather(*(threads.run(partial(threads.run_jobs, jobs)) for jobs in objects))
        threads.close()
        assert sorted(done) == sorted(index * 100 + job for index in range(8) for job in range(20))

    asyncio.run(work())


def test_the_jobs_of_one_object_run_at_the_same_time_within_their_share() -> None:
    async def work() -> None:
        threads = Threads(threads=8, share=3)
        together = threading.Barrier(3, timeout=10)
        under_way: list[int] = []
        most: list[int] = []

        def job() -> None:
            under_way.append(1)
            most.append(len(under_way))
            together.wait()
            under_way.pop()

        await threads.run(partial(threads.run_jobs, [job] * 9))
        threads.close()
        assert max(most) == 3

    asyncio.run(work())


def test_no_jobs_and_faults() -> None:
    async def work() -> None:
        threads = Threads()
        await threads.run(partial(threads.run_jobs, []))
        with pytest.raises(ZeroDivisionError):
            await threads.run(partial(threads.run_jobs, [lambda: 1 // 0, lambda: None]))  # type: ignore[list-item]
        threads.close()

    asyncio.run(work())
