"""The webhook as a process: `python -m vault_secrets_webhook.webhook`, set up by its environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvloop

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.textlog import Log

from .server import serve
from .settings import Settings

if TYPE_CHECKING:
    from .server import Timing

WRONG_SETTING = 2
LARGEST_BUFFER = 1024 * 1024


def keep_buffers_on_the_heap() -> None:
    """Spare glibc from mapping and unmapping memory for each read over TLS, a fifth of the time of a review.

    The event loop reads into 256 KiB and gives most of it back. Such a block is mapped, unless a larger mapped one
    was freed before: that raises the limit, see `M_MMAP_THRESHOLD` in mallopt(3). With another libc it is of no use
    and does no harm.
    """
    bytes(LARGEST_BUFFER)


def run(settings: Settings, timing: Timing | None = None) -> int:
    """Serve until a signal ends it; returns the exit status: 0, or 2 for settings that cannot be used."""
    keep_buffers_on_the_heap()
    try:
        uvloop.run(serve(settings, timing))
    except ConfigurationError as error:
        Log(settings.log_level, as_json=settings.json_log).error(str(error))
        return WRONG_SETTING
    return 0


def main() -> int:
    """Read the settings from the environment, and serve."""
    try:
        settings = Settings.from_environment(os.environ)
    except ConfigurationError as error:
        Log().error(str(error))
        return WRONG_SETTING
    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
