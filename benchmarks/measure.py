"""Timing of whole processes, in turns: A B C A B C ..., so that a machine that gets slower does so for all."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Case(NamedTuple):
    """A command to time. `env` is its whole environment; its output is thrown away."""

    name: str
    argv: list[str]
    env: Mapping[str, str]


class Figures(NamedTuple):
    """Wall milliseconds of the runs of a case."""

    median: float
    least: float
    most: float


def time_cases(cases: Sequence[Case], runs: int) -> dict[str, Figures]:
    """Run each case `runs` times in turns, after one run that is not counted. Raises RuntimeError if one fails."""
    samples: dict[str, list[float]] = {case.name: [] for case in cases}
    for turn in range(runs + 1):
        for case in cases:
            seconds = time_once(case)
            if turn:
                samples[case.name].append(seconds * 1000)
    return {name: Figures(statistics.median(times), min(times), max(times)) for name, times in samples.items()}


def time_once(case: Case) -> float:
    """Give the seconds from start to end of one run."""
    null = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    start = time.perf_counter()
    pid = os.posix_spawn(case.argv[0], case.argv, dict(case.env), file_actions=null)
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - start
    if status:
        done = subprocess.run(case.argv, env=dict(case.env), capture_output=True, text=True, check=False)
        raise RuntimeError(f"{case.name} failed:\n{done.stderr}")
    return seconds


def peak_memory(case: Case, *, settle_seconds: float = 1.0) -> float:
    """Give the peak resident MiB of a command that waits before it becomes the application (VAULT_ENV_DELAY).

    Read from /proc while it waits, because execve replaces the memory whose peak is asked for.
    """
    env = {**case.env, "VAULT_ENV_DELAY": f"{settle_seconds * 2:g}s"}
    process = subprocess.Popen(case.argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(settle_seconds)
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.kill()
        process.wait()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
