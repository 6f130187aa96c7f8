"""What clients of HTTP services have in common: when to try again, after which pause, and why there was no answer.

For statuses: RFC 9110, RFC 6585 (429) and RFC 8470 (425). Which requests may be repeated at all is the client's
business.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from vault_secrets_webhook.goparse import is_digits

if TYPE_CHECKING:
    import aiohttp

MOST_TRIES = 3
FIRST_PAUSE = 0.2
SHORTEST_TRY = 0.05
# Statuses after which a request may be sent again.
RETRIABLE = frozenset((408, 425, 429, 500, 502, 503, 504))
UNREACHABLE = "unreachable"  # for metrics, instead of the status of an answer


def read_retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Read the pause that the server asks for, in seconds; a date is as good as nothing."""
    text = response.headers.get("Retry-After", "")
    return float(text) if is_digits(text) else None


def pause_after(number: int, retry_after: float | None) -> float:
    """Choose the pause after a try: what the server asks for, or a random part of a doubling time (full jitter)."""
    if retry_after is not None:
        return retry_after
    return random.uniform(0, FIRST_PAUSE * 2**number)  # noqa: S311 - spreads load, keeps no secret


def describe(error: Exception) -> str:
    """Describe why a connection failed, without the text of whatever was received."""
    inner = getattr(error, "os_error", error)
    return getattr(inner, "strerror", None) or type(error).__name__
