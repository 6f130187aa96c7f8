"""Our own faults, told without the data that was at hand.

The text of an exception may hold anything: a key of a dictionary, a value that could not be converted, a line of a
request. So only its type and the places it went through are logged (CWE-209, CWE-532), also for what aiohttp and the
event loop report.
"""

from __future__ import annotations

import logging
from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from vault_secrets_webhook.textlog import Log

DEEPEST = 12
LIBRARY_LOGGER = "vault_secrets_webhook.libraries"


def locate(error: BaseException) -> str:
    """Write where an exception came through, innermost place first: `pod.py:12 mutate_pod < server.py:34 answer`."""
    places = [
        f"{PurePath(frame.f_code.co_filename).name}:{line} {frame.f_code.co_qualname}"
        for frame, line in walk_tb(error.__traceback__)
    ]
    return " < ".join(reversed(places[-DEEPEST:]))


def log_fault(log: Log, message: str, error: BaseException, **fields: str | None) -> None:
    """Log an exception that nobody expected, without its text."""
    log.error(message, error=type(error).__qualname__, at=locate(error), **fields)


class LibraryHandler(logging.Handler):
    """Takes what a library logs: the constant part of the message, and the type and place of the exception."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record as our own line."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            self.log.warning("a library reports", report=str(record.msg))
        else:
            log_fault(self.log, "a library reports", error, report=str(record.msg))


def make_library_logger(log: Log) -> logging.Logger:
    """Make a logger to hand to a library."""
    logger = logging.Logger(LIBRARY_LOGGER, logging.WARNING)  # noqa: LOG001 - one for each server, out of the tree
    logger.addHandler(LibraryHandler(log))
    return logger


def watch_loop(loop: asyncio.AbstractEventLoop, log: Log) -> None:
    """Have the faults that the event loop reports logged in the same way."""

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = str(context.get("message", ""))
        if isinstance(error, OSError):  # a peer that went away, or does not speak TLS
            log.debug("a connection failed", error=type(error).__qualname__, report=message)
        elif error is None:
            log.warning("the event loop reports", report=message)
        else:
            log_fault(log, "the event loop reports", error, report=message)

    loop.set_exception_handler(report)
