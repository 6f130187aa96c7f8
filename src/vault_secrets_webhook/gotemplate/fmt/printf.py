"""Format strings: `%[2]*.[1]*f` and what may be wrong with them.

    directive = "%" flags [index] width ["." [index] precision] [index] verb
    flags     = { "#" | "0" | "+" | "-" | " " }
    index     = "[" number "]"
    width     = [ number | "*" ]        precision likewise

Whatever is wrong is written where the operand would be; there are no errors but for what is too long.

Source: package fmt, sections "Explicit argument indexes" and "Format errors" of its documentation.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import decode, type_of

from . import check_size
from .printer import Printer
from .style import Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.gotemplate.limits import Budget

LARGEST = 1_000_000  # that a width, a precision or an index may be
SHORTEST_INDEX = 3  # bytes; less at the end of a format string is not read as an index
FLAGS = {ord("#"): "sharp", ord("0"): "zero", ord("+"): "plus", ord("-"): "minus", ord(" "): "space"}
STAR, BRACKET, DOT = b"*[."


def format_values(budget: Budget, text: bytes, values: Sequence[object]) -> bytes:
    """Write values as a format string wants them. Raises LimitError if they are too long."""
    reader = Reader(budget, text, values)
    while reader.copy_text():
        reader.print_directive()
        check_size(reader.out)
    reader.print_extra()
    return bytes(reader.out)


class Reader:
    """Reads a format string, `at` the byte that comes next; `argument` is the operand that comes next.

    `is_reordered` tells that an index was met anywhere, `is_bad` that one of the present directive leads nowhere, and
    `after_index` that one was read just now.
    """

    __slots__ = (
        "after_index",
        "argument",
        "at",
        "budget",
        "is_bad",
        "is_reordered",
        "last_bracket",
        "out",
        "printer",
        "text",
        "values",
    )

    def __init__(self, budget: Budget, text: bytes, values: Sequence[object]) -> None:
        self.budget = budget
        self.text = text
        self.values = values
        self.out = bytearray()
        self.printer = Printer(budget, self.out)
        self.at = self.argument = 0
        self.last_bracket = text.rfind(b"]")
        self.is_reordered = self.is_bad = self.after_index = False

    def copy_text(self) -> bool:
        """Copy up to the next directive and step over its percent sign; tell whether there is one."""
        found = self.text.find(b"%", self.at)
        self.out += self.text[self.at : found if found >= 0 else None]
        self.at = found + 1
        return found >= 0

    def peek(self) -> int:
        return self.text[self.at] if self.at < len(self.text) else -1

    def print_directive(self) -> None:
        self.budget.spend_steps(1)
        style = self.printer.style = Style()
        self.is_bad = False
        while flag := FLAGS.get(self.peek()):
            setattr(style, flag, True)
            self.at += 1
        self.read_index()
        self.read_width(style)
        if self.peek() == DOT and self.at + 1 < len(self.text):
            self.at += 1
            self.read_precision(style)
        if not self.after_index:
            self.read_index()
        if self.at >= len(self.text):
            self.out += b"%!(NOVERB)"
            return
        self.budget.reserve(style.width + (style.precision or 0))
        self.print_operand(style, self.read_verb())

    def print_operand(self, style: Style, verb: str) -> None:
        if verb == "%":
            self.out += b"%"
        elif self.is_bad:
            self.out += b"%%!%b(BADINDEX)" % verb.encode()
        elif self.argument >= len(self.values):
            self.out += b"%%!%b(MISSING)" % verb.encode()
        else:
            if verb in "vw":
                style.turn_to_verb_v()
            value = self.values[self.argument]
            self.argument += 1
            self.printer.print_operand(value, verb)

    def print_extra(self) -> None:
        """Name the operands that were not used, unless the format string chose among them."""
        if self.is_reordered or self.argument >= len(self.values):
            return
        self.printer.style = Style()
        self.out += b"%!(EXTRA "
        for at, value in enumerate(self.values[self.argument :]):
            self.out += b", " if at else b""
            if value is not None:
                self.out += type_of(value).name.encode() + b"="
            self.printer.print_operand(value, "v")
        self.out += b")"

    def read_index(self) -> None:
        self.after_index = False
        if self.peek() != BRACKET:
            return
        self.is_reordered = True
        # Looked for only where there is one, or many that are not closed would each be followed to the end of the text.
        end = self.text.find(b"]", self.at) if self.at < self.last_bracket else -1
        number = None
        if end < 0 or self.at + SHORTEST_INDEX > len(self.text):
            self.at += 1
        else:
            number = parse_number(self.text[self.at + 1 : end])
            self.at = end + 1
        self.after_index = number is not None
        if number is not None and 0 < number <= len(self.values):
            self.argument = number - 1
        else:
            self.is_bad = True

    def read_width(self, style: Style) -> None:
        if self.peek() == STAR:
            width = self.take_number()
            if width is None:
                self.out += b"%!(BADWIDTH)"
            style.width = abs(width or 0)
            if style.width != (width or 0):
                style.minus = True
            return
        width = self.read_number()
        style.width = width or 0
        self.is_bad |= self.after_index and width is not None

    def read_precision(self, style: Style) -> None:
        self.is_bad |= self.after_index
        self.read_index()
        if self.peek() != STAR:
            style.precision = self.read_number() or 0
            return
        precision = self.take_number()
        style.precision = None if precision is None or precision < 0 else precision
        if style.precision is None:
            self.out += b"%!(BADPREC)"

    def take_number(self) -> int | None:
        """Step over a `*` and give the operand that it stands for, or None if that is no usable integer."""
        self.at += 1
        self.after_index = False
        if self.argument >= len(self.values):
            return None
        value = self.values[self.argument]
        self.argument += 1
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
            return None
        return int(value)

    def read_number(self) -> int | None:
        """Read digits, if there are any. A number that is too large takes the rest of the format string with it."""
        start = self.at
        number = 0
        while 0 <= self.peek() - ord("0") <= 9:  # noqa: PLR2004 # the last digit
            if number > LARGEST:
                self.at = len(self.text)
                return None
            number = number * 10 + self.peek() - ord("0")
            self.at += 1
        return None if self.at == start else number

    def read_verb(self) -> str:
        char = decode(self.text[self.at : self.at + 4])[0]
        if char >= "\udc80" and char <= "\udcff":
            self.at += 1
            return "\ufffd"
        self.at += len(char.encode())
        return char


def parse_number(digits: bytes) -> int | None:
    """Give the number of an index, or None if it is none or too large to be read."""
    if not digits.isdigit() or len(digits.lstrip(b"0")) > len(str(LARGEST)) + 1:
        return None
    number = int(digits)
    return number if number // 10 <= LARGEST else None
