"""How long things may take at the server."""

from __future__ import annotations

import msgspec


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds.

    `keep_alive` must be longer than the 90 seconds after which the API server closes an idle connection: whoever
    closes first while the other one sends loses a review. `drain` is the time between the end of readiness and the
    end of listening, `finish` the time for reviews under way after that.
    """

    handshake: float = 10.0
    header: float = 10.0
    body: float = 10.0
    answer: float = 30.0
    linger: float = 5.0
    keep_alive: float = 120.0
    drain: float = 5.0
    finish: float = 15.0
    certificate_poll: float = 5.0
    certificate_wait: float = 5.0
    poll: float = 1.0
