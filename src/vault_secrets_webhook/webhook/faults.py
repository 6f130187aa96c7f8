"""Our own faults, told without the data that was at hand.

The text of an exception may hold anything: a key of a dictionary, a value that could not be converted, a line of a
request. So only its type and the places it went through are logged (CWE-209, CWE-532), also for what libraries, the
event loop and the interpreter report.
"""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from vault_secrets_webhook.textlog import Log

DEEPEST = 12
CALLBACK = " callback"  # after it, event loops show the callback, with its arguments


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


def watch_loop(loop: asyncio.AbstractEventLoop, log: Log) -> None:
    """Have the faults that the event loop reports logged in the same way."""

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = "".join(str(context.get("message", "")).partition(CALLBACK)[:2])
        if isinstance(error, OSError):  # a peer that went away, or does not speak TLS
            log.debug("a connection failed", error=type(error).__qualname__, report=message)
        elif error is None:
            log.warning("the event loop reports", report=message)
        else:
            log_fault(log, "the event loop reports", error, report=message)

    loop.set_exception_handler(report)


def watch_process(log: Log) -> None:
    """Have what nobody catches in this process logged in the same way, instead of on standard error with its text.

    These are exceptions that end a thread or the process, those that nobody can be told of (`__del__`), and what
    libraries log that were given no logger of ours.
    """

    def report_end(_: object, error: BaseException, __: object) -> None:
        log_fault(log, "the process ends because of a fault", error)

    def report_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log_fault(log, "a thread ends because of a fault", args.exc_value)

    def report_unraisable(args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            log_fault(log, "the interpreter reports", args.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = report_end, report_thread, report_unraisable
    logging.getLogger().addHandler(LibraryHandler(log))
