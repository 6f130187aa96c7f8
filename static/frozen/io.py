"""What the interpreter has instead of `io`: files that are opened by name, and standard streams that take nothing.

vault-env writes its log lines to the descriptor, each by one system call. What the interpreter itself would write to
`sys.stderr`, such as a traceback, may show a value, and goes nowhere.
"""

import _io


class Silence:
    """A standard stream as the interpreter makes, asks and uses it."""

    encoding = "utf-8"

    def __init__(self, *_):
        self.raw = self

    def isatty(self):
        return False

    def write(self, text):
        return len(text)

    def flush(self):
        """There is nothing to be written."""


TextIOWrapper = Silence


def open(file, *arguments, **named):  # noqa: A001 - the name that the interpreter asks for
    """Open a file by its path; the interpreter alone gives numbers, those of the standard streams."""
    return Silence() if isinstance(file, int) else _io.open(file, *arguments, **named)
