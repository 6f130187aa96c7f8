"""The threads that wait for Vault, so that the event loop does not.

A bounded number for all reviews together, and a bounded part of them for the requests of one object, so that a large
object cannot keep the others waiting.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.inject.resolve import Job

Result = TypeVar("Result")

MOST_THREADS = 32
MOST_FOR_ONE_OBJECT = 8


class Threads:
    """A pool of threads."""

    def __init__(self, threads: int = MOST_THREADS, share: int = MOST_FOR_ONE_OBJECT) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="vault")
        self.share = share

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do something in a thread, and give what comes of it."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    def run_jobs(self, jobs: list[Job]) -> None:
        """Run the jobs of one object, a few at a time, and return when the last has ended. For a thread of the pool.

        This thread works too, and waits for no other that has not begun: so the jobs come to an end even when all
        threads are busy with objects like this one.
        """
        waiting = jobs[::-1]

        def work() -> None:
            while True:
                try:
                    job = waiting.pop()
                except IndexError:
                    return
                job()

        helpers = [self.pool.submit(work) for _ in range(min(self.share, len(jobs)) - 1)]
        try:
            work()
        finally:
            for helper in helpers:
                if not helper.cancel():
                    helper.result()

    def close(self) -> None:
        """Let the threads end; what has not begun is dropped."""
        self.pool.shutdown(wait=False, cancel_futures=True)
