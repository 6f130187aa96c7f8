"""A few threads, straight on `_thread`: the package `threading` would cost half an interpreter start for one loop."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WORKERS = 16


def run_jobs(jobs: list[Callable[[], None]], workers: int = MAX_WORKERS) -> None:
    """Run all jobs, at most `workers` at a time, and return when the last has ended.

    The calling thread works too, so that signals find it and one job needs no thread. An exception of a job is
    raised when all have ended (the first of them).
    """
    waiting = jobs[::-1]
    failures: list[BaseException] = []

    def work() -> None:
        while True:
            try:
                job = waiting.pop()
            except IndexError:
                return
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - it belongs to the calling thread, which raises it
                failures.append(error)

    ends = [end for _ in range(min(workers, len(jobs)) - 1) if (end := start_worker(work)) is not None]
    work()
    for end in ends:
        end()
    if failures:
        raise failures[0]


def start_worker(work: Callable[[], None]) -> Callable[[], object] | None:
    """Start a thread; the function that waits for its end. None where no more threads are allowed."""
    ended = allocate_lock()
    ended.acquire()

    def run() -> None:
        try:
            work()
        finally:
            ended.release()

    try:
        start_new_thread(run, ())
    except RuntimeError:  # the container's limit of processes: the other workers do it all
        return None
    return ended.acquire
