"""Reading JSON thoroughly: any depth, any size, and Go's error for what is wrong.

Go's scanner is a machine that is fed byte by byte, and at the end with one space; its errors name the byte that it did
not expect and what it was in the middle of. Here the same text, space included, is read from token to token, by a loop
over the containers that are open. Source: package encoding/json, `Unmarshal` and the states of its `scanner`.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import decode_runes

from .numbers import find_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

SPACES = frozenset(b" \t\r\n")
HEX = frozenset(b"0123456789abcdefABCDEF")
ESCAPES = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))
NUMBER_STARTS = frozenset(b"-0123456789")
LITERALS: dict[int, tuple[bytes, object]] = {
    ord("t"): (b"true", True),
    ord("f"): (b"false", False),
    ord("n"): (b"null", None),
}
MAX_DEPTH = 10_000
MARK = ord('"')
BACKSLASH = ord("\\")
FIRST_PRINTED = 0x20
REPLACEMENT = b"\xef\xbf\xbd"
HIGH_SURROGATES = range(0xD800, 0xDC00)
LOW_SURROGATES = range(0xDC00, 0xE000)
SURROGATES = range(0xD800, 0xE000)
NO_KEY = b""


class Malformed(Exception):
    """Text that is no JSON, in Go's words."""


class Reader:
    """A document and how far it is read."""

    __slots__ = ("budget", "index", "keys", "open", "problem", "text")

    def __init__(self, budget: Budget, text: bytes) -> None:
        self.budget = budget
        self.text = text + b" "
        self.index = 0
        self.open: list[list[object] | dict[bytes, object]] = []  # the containers that are not complete
        self.keys: list[bytes] = []  # of each of them the key whose value is being read
        self.problem = ""

    def read(self) -> tuple[object, str]:
        """Give the value, and what is wrong: of text that is no JSON the value is None."""
        try:
            value = self.read_value()
            self.skip_spaces()
            if self.index < len(self.text):
                raise self.fail("after top-level value")
        except Malformed as error:
            return None, str(error)
        return value, self.problem

    def read_value(self) -> object:
        """Read one value with all that is in it."""
        while True:
            value = self.read_start()
            if isinstance(value, list | dict) and self.enter(value):
                continue
            while self.open:
                if self.store(value):
                    break
                value = self.leave()
            else:
                return value

    def read_start(self) -> object:
        """Read a scalar, or the bracket that opens a container."""
        self.budget.spend_steps(1)
        char = self.next_char()
        if char == MARK:
            return self.read_string()
        if char in NUMBER_STARTS:
            return self.read_number()
        if char in LITERALS:
            return self.read_literal(*LITERALS[char])
        if char not in b"[{":
            raise self.fail("looking for beginning of value")
        if len(self.open) >= MAX_DEPTH:
            raise self.fail("exceeded max depth")
        self.index += 1
        self.budget.reserve_elements(1)
        return [] if char == ord("[") else {}

    def enter(self, container: list[object] | dict[bytes, object]) -> bool:
        """Go into a container to where its first value begins; an empty one is read to its end, and False given."""
        char = self.next_char()
        if char == (ord("]") if isinstance(container, list) else ord("}")):
            self.index += 1
            return False
        self.open.append(container)
        self.keys.append(self.read_key() if isinstance(container, dict) else NO_KEY)
        return True

    def store(self, value: object) -> bool:
        """Put a value into the innermost container and read on; tell whether another value follows."""
        self.budget.reserve_elements(1)
        container = self.open[-1]
        if isinstance(container, list):
            container.append(value)
            return self.read_separator(ord("]"), "after array element")
        container[self.keys[-1]] = value
        if not self.read_separator(ord("}"), "after object key:value pair"):
            return False
        self.keys[-1] = self.read_key()
        return True

    def leave(self) -> object:
        self.keys.pop()
        return self.open.pop()

    def read_separator(self, closing: int, place: str) -> bool:
        char = self.next_char()
        if char not in (closing, ord(",")):
            raise self.fail(place)
        self.index += 1
        return char != closing

    def read_key(self) -> bytes:
        if self.next_char() != MARK:
            raise self.fail("looking for beginning of object key string")
        key = self.read_string()
        if self.next_char() != ord(":"):
            raise self.fail("after object key")
        self.index += 1
        return key

    def skip_spaces(self) -> None:
        text, index, end = self.text, self.index, len(self.text)
        while index < end and text[index] in SPACES:
            index += 1
        self.index = index

    def next_char(self) -> int:
        """Skip spaces and give the byte behind them."""
        self.skip_spaces()
        if self.index == len(self.text):
            raise Malformed("unexpected end of JSON input")
        return self.text[self.index]

    def fail(self, place: str) -> Malformed:
        """Give the error that names the byte here."""
        if self.index >= len(self.text):
            return Malformed("unexpected end of JSON input")
        return Malformed(f"invalid character {quote_char(self.text[self.index])} {place}")

    def read_literal(self, word: bytes, value: object) -> object:
        for expected in word:
            if self.text[self.index] != expected:
                raise self.fail(f"in literal {word.decode()} (expecting '{expected:c}')")
            self.index += 1
        return value

    def read_number(self) -> float | None:
        """Read a number; one beyond float64 gives None, and is the problem unless there is one already."""
        start = self.index
        self.index, wrong = find_end(self.text, start)
        if wrong:
            raise self.fail(wrong)
        number = self.text[start : self.index]
        value = float(number)
        if value - value == 0:
            return value
        self.problem = self.problem or f"json: cannot unmarshal number {number.decode()} into Go value of type float64"
        return None

    def read_string(self) -> bytes:
        """Read a string that begins here."""
        self.index += 1
        parts: list[bytes] = []
        end = -1
        while True:
            if end < self.index:
                end = self.text.find(b'"', self.index)
                end = len(self.text) if end < 0 else end
            escape = self.text.find(b"\\", self.index, end)
            parts.append(self.read_plain(end if escape < 0 else escape))
            if escape >= 0:
                parts.append(self.read_escape())
            elif self.index == len(self.text):
                raise self.fail("")
            else:
                self.index += 1
                return b"".join(parts)

    def read_plain(self, end: int) -> bytes:
        """Read what is no escape, up to an index; what is not UTF-8 becomes U+FFFD."""
        plain = self.text[self.index : end]
        if plain and min(plain) < FIRST_PRINTED:
            self.index += next(offset for offset, char in enumerate(plain) if char < FIRST_PRINTED)
            raise self.fail("in string literal")
        self.index = end
        return plain if plain.isascii() else decode_runes(plain).encode()

    def read_escape(self) -> bytes:
        self.index += 1
        char = self.text[self.index]
        if char in ESCAPES:
            self.index += 1
            return bytes((ESCAPES[char],))
        if char != ord("u"):
            raise self.fail("in string escape code")
        code = self.read_hex()
        if code not in SURROGATES:
            return chr(code).encode()
        return self.read_pair(code)

    def read_pair(self, high: int) -> bytes:
        """Read what follows the first half of a surrogate pair; a half alone becomes U+FFFD."""
        start = self.index
        if high in HIGH_SURROGATES and self.text[start : start + 2] == rb"\u":
            self.index += 1
            low = self.read_hex()
            if low in LOW_SURROGATES:
                return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).encode()
            self.index = start
        return REPLACEMENT

    def read_hex(self) -> int:
        """Read the four digits behind the letter u that is here."""
        start = self.index + 1
        for self.index in range(start, start + 4):
            if self.index >= len(self.text) or self.text[self.index] not in HEX:
                raise self.fail("in \\u hexadecimal character escape")
        self.index += 1
        return int(self.text[start : self.index], 16)


def quote_char(code: int) -> str:
    """Quote a byte as the rune of that number."""
    if chr(code) in "'\"":
        return {"'": "'\\''", '"': "'\"'"}[chr(code)]
    from vault_secrets_webhook.gotemplate.quote import quote

    return f"'{quote(chr(code).encode()).decode()[1:-1]}'"
