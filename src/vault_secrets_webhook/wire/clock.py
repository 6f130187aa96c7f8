"""The machine's own time and chance, for the retries of the Vault client."""

from __future__ import annotations

import os
import time


class SystemClock:
    """Implements `vault.client.Clock`."""

    def now(self) -> float:
        """Give the seconds of a clock that is never set back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def jitter(self) -> float:
        """Give a number from 0 up to 1; the module `random` would import a dozen others for it."""
        return int.from_bytes(os.urandom(4), "big") / (1 << 32)
