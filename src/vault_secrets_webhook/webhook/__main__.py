"""The webhook as a process: `python -m vault_secrets_webhook.webhook`, set up by its environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.textlog import Log

from .settings import IGNORED, Settings
from .workers import WRONG_SETTING, find_place, run_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST_BUFFER = 1024 * 1024


def keep_buffers_on_the_heap() -> None:
    """Spare glibc from mapping and unmapping memory for each read over TLS, a fifth of the time of a review.

    The event loop reads into 256 KiB and gives most of it back. Such a block is mapped, unless a larger mapped one
    was freed before: that raises the limit, see `M_MMAP_THRESHOLD` in mallopt(3). With another libc it is of no use
    and does no harm.
    """
    bytes(LARGEST_BUFFER)


def warn_ignored(environ: Mapping[str, str], log: Log) -> None:
    """Log each variable that is set for Bank-Vaults' webhook and means nothing to this one."""
    for name, reason in IGNORED.items():
        if environ.get(name):
            log.warning("a setting has no effect", setting=name, reason=reason)


def read_environment() -> Settings:
    """Read the settings from the environment. Raises ConfigurationError."""
    return Settings.from_environment(os.environ)


def run_server(settings: Settings) -> int:
    """Serve in this process; returns the exit status. Raises ConfigurationError."""
    import uvloop  # noqa: PLC0415 - a parent of workers needs none of it

    from .server import serve  # noqa: PLC0415

    keep_buffers_on_the_heap()
    uvloop.run(serve(settings))
    return 0


def main(read_settings: Callable[[], Settings] = read_environment) -> int:
    """Serve until a signal ends it; returns the exit status: 0, or 2 for settings that cannot be used.

    Those are told in a log line, whatever is wrong about them: who reads the log of a container finds it there.
    """
    log = Log()
    try:
        settings = read_settings()
        log = Log(settings.log_level, as_json=settings.json_log)
        place = find_place()
        if place is None:
            warn_ignored(os.environ, log)
            if settings.workers > 1:
                return run_workers(settings, log)
        else:
            log = log.bind(worker=place.number)
        return run_server(settings)
    except ConfigurationError as error:
        log.error(str(error))  # noqa: TRY400 - our own log, and nobody needs a traceback of a wrong setting
        return WRONG_SETTING


if __name__ == "__main__":
    sys.exit(main())
