"""The text of a pattern while it is read: runes, escapes, classes and repeat counts.

The text is what `values.decode` makes of the pattern: a surrogate is a byte that is not UTF-8, an error wherever it is
read as a rune, but none where Go only looks for an ASCII character.

Source: package regexp/syntax, parse.go.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import LimitError

from .charclass import PERL, POSIX, find_unicode_class
from .charset import LAST_ASCII, MAX_RUNE, fold, list_ranges, negate, unite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .charset import Charset

FOLD_CASE, DOT_NEWLINE, MULTI_LINE, NON_GREEDY = 1, 2, 4, 8
END = "\ufffd"  # what Go decodes where there is nothing more
ESCAPES = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
OCTAL = frozenset("01234567")
HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
DIGITS = frozenset("0123456789")
COUNT_LIMIT = 10**8  # from here on Go reads no further
WORK_LIMIT = 4_000_000  # bounds of ranges, parts of sequences and alternatives
RANGES_LIMIT = 20_000  # ranges of a class in brackets that are kept before they are put together
FOLD_WORK = 4  # what a letter counts that is looked up in all cases
LETTERS = 3_000  # that have cases
# The named classes as the flags want them; they are as many as there are names.
ADAPTED: dict[tuple[Charset, int, bool], Charset] = {}


class PatternError(FunctionError):
    """A pattern that is no regular expression, in Go's words."""

    def __init__(self, reason: str, part: str) -> None:
        super().__init__(f"error parsing regexp: {reason}: `{part}`")


def is_invalid(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


def check_utf8(text: str) -> None:
    """Raise PatternError if a byte of the text is not UTF-8."""
    for index, char in enumerate(text):
        if is_invalid(char):
            raise PatternError("invalid UTF-8", text[index:])


class Scanner:
    """A pattern, and how far it is read. All methods raise PatternError."""

    __slots__ = ("at", "flags", "posix_end", "text", "work")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.flags = 0
        self.work = 0
        self.posix_end = 0  # where the last `:]` was found that was looked for, -1 when there are no more

    def read_rune(self) -> str:
        """Give the next rune and go past it."""
        char = self.text[self.at : self.at + 1]
        if is_invalid(char):
            raise PatternError("invalid UTF-8", self.text[self.at :])
        self.at += len(char)
        return char or END

    def peek(self, offset: int = 0) -> str:
        """Give the character that is that far ahead, or nothing."""
        return self.text[self.at + offset : self.at + offset + 1]

    def starts_with(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def read_escape(self) -> int:
        """Read an escape sequence of one rune."""
        start = self.at
        self.at += 1
        if self.at == len(self.text):
            raise PatternError("trailing backslash at end of expression", "")
        char = self.read_rune()
        rune: int | None = None
        if char in ESCAPES:
            rune = ESCAPES[char]
        elif char == "0" or (char in OCTAL and self.peek() in OCTAL):
            rune = self.read_octal(int(char))
        elif char == "x" and self.peek():
            rune = self.read_hexadecimal()
        elif char.isascii() and not char.isalnum():
            rune = ord(char)
        if rune is None:
            raise PatternError("invalid escape sequence", self.text[start : self.at])
        return rune

    def read_octal(self, rune: int) -> int:
        for _ in range(2):
            if (digit := self.peek()) not in OCTAL:
                break
            rune = rune * 8 + int(digit)
            self.at += 1
        return rune

    def read_hexadecimal(self) -> int | None:
        r"""Read what follows `\x`. Gives None if it is no number."""
        first = self.read_rune()
        if first != "{":
            second = self.read_rune()
            return int(first + second, 16) if {first, second} <= HEXADECIMAL else None
        rune = 0
        is_empty = True
        while self.peek():
            digit = self.read_rune()
            if digit == "}":
                return None if is_empty else rune
            if digit not in HEXADECIMAL:
                return None
            rune = rune * 16 + int(digit, 16)
            if rune > MAX_RUNE:
                return None
            is_empty = False
        return None

    def read_count(self) -> int | None:
        """Read a number of a repetition: None if there is none, -1 if it is too big to matter."""
        end = self.at
        while self.text[end : end + 1] in DIGITS and end < len(self.text):
            end += 1
        digits = self.text[self.at : end]
        if not digits or (len(digits) > 1 and digits[0] == "0"):
            return None
        self.at = end
        return int(digits) if len(digits) <= len(str(COUNT_LIMIT)) else -1

    def read_repeat(self) -> tuple[int, int] | None:
        """Read `{n}`, `{n,}` or `{n,m}`. Of what is none of these it reads nothing."""
        start = self.at
        self.at += 1
        least = self.read_count()
        most = least
        if least is not None and self.peek() == ",":
            self.at += 1
            most = -1
            if self.peek() != "}":
                most = self.read_count()
                least = -1 if most == -1 else least
        if least is None or most is None or self.peek() != "}":
            self.at = start
            return None
        self.at += 1
        return least, most

    def read_named_class(self) -> Charset | None:
        """Read a class that has a name, in brackets or outside of them. If there is none, it reads nothing."""
        if not self.starts_with("\\"):
            return None
        letter = self.peek(1)
        if letter in ("p", "P"):
            return self.read_unicode_class()
        group = PERL.get(letter.lower()) if letter.isascii() else None
        if group is None:
            return None
        self.at += 2
        return self.adapt(group, is_negated=letter.isupper())

    def adapt(self, group: Charset, *, is_negated: bool) -> Charset:
        self.count_work(len(group))
        key = (group, self.flags & FOLD_CASE, is_negated)
        adapted = ADAPTED.get(key)
        if adapted is None:
            adapted = fold(group) if self.flags & FOLD_CASE else group
            ADAPTED[key] = adapted = negate(adapted) if is_negated else adapted
        return adapted

    def count_work(self, size: int) -> None:
        """Count what is computed beyond one look at each character. Raises LimitError if it is too much."""
        self.work += size
        if self.work > WORK_LIMIT:
            raise LimitError("a regular expression is too large")

    def read_unicode_class(self) -> Charset:
        start = self.at
        is_negated = self.peek(1) == "P"
        self.at += 2
        name = self.read_rune() if self.peek() else ""
        if name == "{":
            end = self.text.find("}", start)
            if end < 0:
                check_utf8(self.text[start:])
                raise PatternError("invalid character class range", self.text[start:])
            name = self.text[self.at : end]
            check_utf8(name)
            self.at = end + 1
        if name.startswith("^"):
            is_negated = not is_negated
            name = name[1:]
        group = find_unicode_class(name)
        if group is None:
            raise PatternError("invalid character class range", self.text[start : self.at])
        return self.adapt(group, is_negated=is_negated)

    def read_posix_class(self) -> Charset | None:
        """Read `[:alpha:]` or `[:^alpha:]`. If there is no end, it reads nothing."""
        start = self.at
        if not self.starts_with("[:"):
            return None
        if 0 <= self.posix_end < start + 2:
            self.posix_end = self.text.find(":]", start + 2)
        end = self.posix_end
        if end < 0:
            return None
        self.at = end + 2
        name = self.text[start + 2 : end]
        group = POSIX.get(name.removeprefix("^"))
        if group is None:
            raise PatternError("invalid character class range", self.text[start : self.at])
        return self.adapt(group, is_negated=name.startswith("^"))

    def read_bracket(self) -> Charset:
        """Read a class in brackets."""
        start = self.at
        self.at += 1
        is_negated = self.peek() == "^"
        self.at += is_negated
        ranges: list[tuple[int, int]] = []
        is_first = True
        while is_first or self.peek() != "]":
            is_first = False
            group = self.read_posix_class() or self.read_named_class()
            if group is None:
                group = self.read_range(start)
            ranges += list_ranges(group)
            if len(ranges) > RANGES_LIMIT:
                ranges = [*list_ranges(unite(ranges))]
                self.count_work(len(ranges))
        self.at += 1
        charset = unite(ranges)
        return negate(charset) if is_negated else charset

    def read_range(self, bracket: int) -> Charset:
        start = self.at
        low = high = self.read_class_rune(bracket)
        if self.peek() == "-" and self.peek(1) not in ("", "]"):
            self.at += 1
            high = self.read_class_rune(bracket)
            if high < low:
                raise PatternError("invalid character class range", self.text[start : self.at])
        if not self.flags & FOLD_CASE:
            return low, high
        if high > LAST_ASCII:
            self.count_work(FOLD_WORK * min(high - low, LETTERS))
        return fold((low, high))

    def read_class_rune(self, bracket: int) -> int:
        if self.at == len(self.text):
            raise PatternError("missing closing ]", self.text[bracket:])
        return self.read_escape() if self.peek() == "\\" else ord(self.read_rune())
