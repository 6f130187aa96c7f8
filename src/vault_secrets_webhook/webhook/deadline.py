"""The moment by which the review at hand must be answered, known to whatever is awaited for it.

The API server hangs up after the `timeout` it sends along (Kubernetes, "Dynamic Admission Control", Timeouts), and then
its user reads nothing but "context deadline exceeded". We answer a little before that, and say what took so long.
Each review runs in a task of its own, so the variable needs no resetting.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import lru_cache
from urllib.parse import parse_qsl

from vault_secrets_webhook.goparse import SECOND, parse_duration

# `timeoutSeconds` of a webhook: 10 when left out, 30 at most.
DEFAULT_TIMEOUT = 10.0
LONGEST_TIMEOUT = 30.0
PARAMETER = "timeout"
LONGEST_QUERY = 1000  # what is longer comes from no API server, and the last ones are remembered
# Which share of that time look-ups may take, and after which share we answer whatever has come of them.
LOOKUP_SHARE = 0.85
ANSWER_SHARE = 0.95

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@lru_cache(maxsize=32)  # an API server sends very few different ones
def find_timeout(query: str) -> str:
    """Find the `timeout` parameter in the query of a request (`timeout=10s`), "" without one."""
    return dict(parse_qsl(query[:LONGEST_QUERY])).get(PARAMETER, "")


def set_deadline(timeout: str) -> float:
    """Read the `timeout` parameter of a request (`10s`), and set the deadline of look-ups by it.

    Returns when to answer at the latest, in the loop's time. A parameter that is missing, malformed or out of the
    API's range counts as the API's default or limit.
    """
    seconds = read_timeout(timeout)
    now = asyncio.get_running_loop().time()
    _deadline.set(now + seconds * LOOKUP_SHARE)
    return now + seconds * ANSWER_SHARE


@lru_cache(maxsize=32)
def read_timeout(text: str) -> float:
    """Read the `timeout` parameter as seconds."""
    try:
        seconds = parse_duration(text) / SECOND
    except ValueError:
        seconds = 0.0
    return min(seconds or DEFAULT_TIMEOUT, LONGEST_TIMEOUT)


def give_seconds(seconds: float) -> None:
    """Give the task at hand so many seconds, whatever its maker has left: for work that others wait for too."""
    _deadline.set(asyncio.get_running_loop().time() + seconds)


def remaining_seconds() -> float:
    """Tell how many seconds are left, zero or more; without a deadline, as many as a review has by default."""
    deadline = _deadline.get()
    return DEFAULT_TIMEOUT if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())
