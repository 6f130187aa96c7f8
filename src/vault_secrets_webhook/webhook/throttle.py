"""How often to log what anybody can make happen.

A line for each would be a way to fill disks; no line at all hides a webhook configuration that is wrong. So the first
one is logged, and then one for a while, with the number of those before it.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Throttle:
    """Lets one event of a kind through in `pause` seconds. `clock` gives seconds; kinds are of a bounded number."""

    def __init__(self, pause: float, clock: Callable[[], float] = monotonic) -> None:
        self.pause = pause
        self.clock = clock
        self.next_time: dict[int, float] = {}
        self.pending: dict[int, int] = {}

    def count(self, key: int) -> int:
        """Count an event: how many there were since the last one that was to be logged, 0 when this one is not."""
        now = self.clock()
        times = self.pending.get(key, 0) + 1
        is_due = now >= self.next_time.get(key, now)
        if is_due:
            self.next_time[key] = now + self.pause
        self.pending[key] = 0 if is_due else times
        return times if is_due else 0
