"""Log lines on standard error, as text or as JSON.

Both halves log through this, and vault-env pays for every import at each pod start: so no `logging`, no `json`, only
`os` and `time`. A line is written by one system call, so that lines of several threads and processes do not mix.

    time=2026-08-01T12:00:00.123Z level=INFO msg="pod mutated" namespace=shop containers=app,worker
    {"time":"2026-08-01T12:00:00.123Z","level":"INFO","msg":"pod mutated","namespace":"shop","containers":["app"]}

The text form is that of Go's `log/slog` TextHandler: a value is quoted when it is empty or holds a space, `"`, `=`
or anything that is not printable. No value can start a new line, end its quotes or move the cursor of a terminal
(CWE-117). What must not be logged is the caller's business: this module does not know secrets.
"""

from __future__ import annotations

import os
import time

from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Value: TypeAlias = str | int | float | bool | Sequence[str] | None

DEBUG, INFO, WARN, ERROR = 10, 20, 30, 40
LEVELS = {"debug": DEBUG, "info": INFO, "warn": WARN, "warning": WARN, "error": ERROR}
STDERR = 2
SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
BYTE_ESCAPES = range(0xDC80, 0xDD00)  # how `surrogateescape` carries the bytes 0x80 to 0xFF (PEP 383)
LAST_BYTE, LAST_OF_BASIC_PLANE = 0xFF, 0xFFFF


class Log:
    """Writes lines of a level and above; `fields` are written on each line, before those of the call.

    Raises ConfigurationError when the level is none of debug, info, warn (or warning) and error, in any case.
    """

    __slots__ = ("as_json", "descriptor", "fields", "second", "threshold")

    def __init__(
        self, level: str = "info", *, as_json: bool = False, descriptor: int = STDERR, **fields: Value
    ) -> None:
        self.threshold = parse_level(level)
        self.as_json = as_json
        self.descriptor = descriptor
        self.fields = fields
        self.second = (-1, "")

    def bind(self, **fields: Value) -> Log:
        """Make a log that writes these fields too."""
        bound = Log(as_json=self.as_json, descriptor=self.descriptor)
        bound.threshold = self.threshold
        bound.fields = {**self.fields, **fields}
        return bound

    def debug(self, message: str, /, **fields: Value) -> None:
        """Write what only who searches for a fault wants to see."""
        if self.threshold <= DEBUG:
            self.write("DEBUG", message, fields)

    def info(self, message: str, /, **fields: Value) -> None:
        """Write what happened as it should."""
        if self.threshold <= INFO:
            self.write("INFO", message, fields)

    def warning(self, message: str, /, **fields: Value) -> None:
        """Write what somebody should look at."""
        if self.threshold <= WARN:
            self.write("WARN", message, fields)

    def error(self, message: str, /, **fields: Value) -> None:
        """Write what somebody must look at."""
        if self.threshold <= ERROR:
            self.write("ERROR", message, fields)

    def write(self, level: str, message: str, fields: dict[str, Value]) -> None:
        """Write one line. A field that is None is left out. What cannot be written is lost, never an error."""
        entries = {"time": self.timestamp(time.time()), "level": level, "msg": message, **self.fields, **fields}
        line = format_json(entries) if self.as_json else format_text(entries)
        try:
            os.write(self.descriptor, line.encode() + b"\n")
        except OSError:  # a closed, full or broken stream must not stop what is being logged
            return

    def timestamp(self, seconds: float) -> str:
        """Write seconds since the epoch as RFC 3339 in UTC with milliseconds."""
        whole = int(seconds)
        known, text = self.second
        if known != whole:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
            self.second = (whole, text)
        return f"{text}.{int((seconds - whole) * 1000):03d}Z"


def parse_level(text: str) -> int:
    """Read a level's name as its threshold. Raises ConfigurationError."""
    try:
        return LEVELS[text.lower()]
    except KeyError:
        raise ConfigurationError(f"{text!r} is not a log level: write debug, info, warn or error") from None


def format_text(entries: dict[str, Value]) -> str:
    """Write `key=value` pairs. A list becomes its items separated by commas."""
    return " ".join(
        [f"{quote_text(key)}={quote_text(plain(value))}" for key, value in entries.items() if value is not None]
    )


def format_json(entries: dict[str, Value]) -> str:
    """Write one JSON object on one line."""
    pairs = [f"{quote_json(key)}:{json_value(value)}" for key, value in entries.items() if value is not None]
    return "{" + ",".join(pairs) + "}"


def plain(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return ",".join(value or ())


def json_value(value: Value) -> str:
    if isinstance(value, bool | int):
        return plain(value)
    if isinstance(value, float):  # JSON has neither NaN nor infinities
        return str(value) if abs(value) < float("inf") else quote_json(str(value))
    if isinstance(value, str):
        return quote_json(value)
    return "[" + ",".join(map(quote_json, value or ())) + "]"


def quote_text(text: str) -> str:
    if not text.isprintable():
        return '"' + "".join(escape_go(char) for char in text) + '"'
    if text and " " not in text and "=" not in text and '"' not in text and "\\" not in text:
        return text
    # Each message has a space: looking at its characters one by one was a fifth of what a line costs.
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape_go(char: str) -> str:
    """Escape a character as Go's `strconv.Quote` does."""
    code = ord(char)
    if char in SHORT_ESCAPES:
        return SHORT_ESCAPES[char]
    if char.isprintable():
        return char
    if code in BYTE_ESCAPES:
        return f"\\x{code & LAST_BYTE:02x}"
    if code < 0x20 or code == 0x7F:  # noqa: PLR2004 - the control characters of ASCII
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= LAST_OF_BASIC_PLANE else f"\\U{code:08x}"


def quote_json(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(escape_json(char) for char in text) + '"'


def escape_json(char: str) -> str:
    """Escape a character for a JSON string (RFC 8259, section 7)."""
    code = ord(char)
    if char in SHORT_ESCAPES:
        return SHORT_ESCAPES[char]
    if char.isprintable():
        return char
    if code <= LAST_OF_BASIC_PLANE:
        return f"\\u{code:04x}"
    high, low = divmod(code - LAST_OF_BASIC_PLANE - 1, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


__all__ = ["Log", "Value", "parse_level"]
