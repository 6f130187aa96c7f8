"""The few threads of vault-env."""

from __future__ import annotations

import _thread
import threading
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.vaultenv import parallel
from vault_secrets_webhook.vaultenv.parallel import run_jobs

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_job_runs_once(count: int) -> None:
    done: list[int] = []
    run_jobs([lambda number=number: done.append(number) for number in range(count)], workers=4)  # type: ignore[misc]
    assert sorted(done) == list(range(count))


def test_jobs_run_at_the_same_time() -> None:
    barrier = threading.Barrier(4, timeout=30)
    passed: list[int] = []
    run_jobs([lambda: passed.append(barrier.wait())] * 8, workers=4)
    assert sorted(passed) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_no_more_than_so_many_at_a_time() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def job() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.001)
        with lock:
            running[0] -= 1

    run_jobs([job] * 40, workers=3)
    assert 1 <= most[0] <= 3


def test_one_job_needs_no_thread() -> None:
    where: list[int] = []
    run_jobs([lambda: where.append(threading.get_ident())])
    assert where == [threading.get_ident()]


def test_error_of_a_job_is_raised_when_all_have_ended() -> None:
    done: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    jobs: list[Callable[[], None]] = [fail, *[lambda: done.append(1)] * 9]
    with pytest.raises(ZeroDivisionError):
        run_jobs(jobs, workers=2)
    assert len(done) == 9


def test_without_threads_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel, "start_new_thread", refuse)
    done: list[int] = []
    run_jobs([lambda: done.append(_thread.get_ident())] * 5)
    assert done == [_thread.get_ident()] * 5
