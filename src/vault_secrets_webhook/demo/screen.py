"""What the demo shows, on standard output: for a terminal in colours, else as plain text."""

from __future__ import annotations

import sys

from vault_secrets_webhook.manifest.difference import colour_difference

BOLD, PLAIN = "\033[1m", "\033[0m"
MARGIN = "   "
LABEL_WIDTH = 14


class Screen:
    """Shows parts with a title, and what is in them."""

    def __init__(self, *, colours: bool) -> None:
        self.colours = colours

    def title(self, number: int, text: str) -> None:
        """Begin a part."""
        line = f"{number}  {text}"
        if number > 1:
            self.write("")
        self.write(f"{BOLD}{line}{PLAIN}" if self.colours else line)

    def fact(self, label: str, text: str) -> None:
        """Show a line, or several, under a label."""
        for index, line in enumerate(text.splitlines()):
            self.write(f"{MARGIN}{label if index == 0 else '':{LABEL_WIDTH}}{line}")

    def difference(self, text: str) -> None:
        """Show a unified diff."""
        for line in (colour_difference(text) if self.colours else text).splitlines():
            self.write(MARGIN + line)

    def end(self, text: str) -> None:
        """Show the last line."""
        self.write("")
        self.write(text)

    def write(self, line: str) -> None:
        """Show a line at once: something slow may come next."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
