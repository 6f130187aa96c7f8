"""What stands between a `%` and its verb: flags, width and precision, and the padding that they ask for.

Source: package fmt, sections "Width and precision" and "Other flags" of its documentation.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import decode


class Style:
    """How an operand is to be written. A width of 0 is none; a precision of None is none.

    `is_go` and `is_plus` are the flags `#` and `+` of the verb v, where they mean Go's syntax and names of fields; the
    flags themselves are unset then.
    """

    __slots__ = ("is_go", "is_plus", "minus", "plus", "precision", "sharp", "space", "width", "zero")

    def __init__(self) -> None:
        self.minus = self.plus = self.sharp = self.space = self.zero = False
        self.is_go = self.is_plus = False
        self.width = 0
        self.precision: int | None = None

    def turn_to_verb_v(self) -> None:
        self.is_go, self.sharp = self.sharp, False
        self.is_plus, self.plus = self.plus, False

    def pad(self, text: bytes, *, may_zero: bool = True) -> bytes:
        """Fill a text up to the width, counted in runes. Strings too get zeros if the flag is set, as in Go."""
        if not self.width:
            return text
        missing = self.width - (len(text) if text.isascii() else len(decode(text)))
        if missing <= 0:
            return text
        if self.minus:
            return text + b" " * missing
        return (b"0" if self.zero and may_zero else b" ") * missing + text

    def truncate(self, string: bytes) -> bytes:
        """Cut a string to as many runes as the precision says."""
        if self.precision is None or len(string) <= self.precision:
            return string
        if string.isascii():
            return string[: self.precision]
        return decode(string)[: self.precision].encode("utf-8", "surrogateescape")


PLAIN = Style()
