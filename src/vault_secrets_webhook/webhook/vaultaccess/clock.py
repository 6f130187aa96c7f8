"""Time and chance for the retries of the Vault client, in worker threads."""

from __future__ import annotations

import random
import time


class SystemClock:
    """Implements `vault.client.Clock` on the machine's own."""

    def now(self) -> float:
        """Give the seconds of a clock that is never set back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def jitter(self) -> float:
        """Give a number from 0 up to 1."""
        return random.random()  # noqa: S311 - spreads load, keeps no secret
