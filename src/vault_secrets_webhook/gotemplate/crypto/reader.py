"""DER read element by element, as golang.org/x/crypto/cryptobyte does; whoever reads says what an error is to say.

Source: golang.org/x/crypto/cryptobyte, methods of `String`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.der import BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER

HEADER_SIZE = 2
LONG_TAG = 0x1F
SHORT_LENGTH = 0x80
LENGTH_BYTES = 4
NUMBER_BYTES = 5  # of a part of an identifier
NUMBER_LIMIT = 1 << 24  # from which on one more digit would leave 31 bits


class Reader:
    """Reads the elements of some DER in their order. Every method raises FunctionError with the text it is given."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def has_more(self) -> bool:
        return self.position < len(self.data)

    def starts_with(self, tag: int) -> bool:
        return self.has_more() and self.data[self.position] == tag

    def read_any(self, problem: str) -> tuple[int, bytes, bytes]:
        """Give tag, content and the whole of the next element."""
        start, data = self.position, self.data
        size = measure(data[start : start + HEADER_SIZE + LENGTH_BYTES])
        if size is None or start + sum(size) > len(data):
            raise FunctionError(problem, is_constant=True)
        header, length = size
        self.position = start + header + length
        return data[start], data[start + header : self.position], data[start : self.position]

    def read_whole(self, tag: int, problem: str) -> bytes:
        found, _, whole = self.read_any(problem)
        if found != tag:
            raise FunctionError(problem, is_constant=True)
        return whole

    def read(self, tag: int, problem: str) -> bytes:
        found, content, _ = self.read_any(problem)
        if found != tag:
            raise FunctionError(problem, is_constant=True)
        return content

    def read_optional(self, tag: int, problem: str) -> bytes | None:
        return self.read(tag, problem) if self.starts_with(tag) else None

    def read_boolean(self, problem: str) -> bool:
        content = self.read(BOOLEAN, problem)
        if content not in {b"\0", b"\xff"}:
            raise FunctionError(problem, is_constant=True)
        return content == b"\xff"

    def read_integer(self, problem: str, numbers: range | None = None, tag: int = INTEGER) -> int:
        """Read an INTEGER, if `numbers` is given one of these."""
        content = self.read(tag, problem)
        is_padded = len(content) > 1 and (content[0], content[1] >> 7) in ((0, 0), (0xFF, 1))
        number = int.from_bytes(content, "big", signed=True)
        if not content or is_padded or (numbers is not None and number not in numbers):
            raise FunctionError(problem, is_constant=True)
        return number

    def read_bits(self, problem: str) -> tuple[bytes, int]:
        """Read a BIT STRING: its bytes, and how many low bits of the last one do not count."""
        content = self.read(BIT_STRING, problem)
        unused = content[0] if content else 8
        if unused > 7 or (len(content) == 1 and unused) or content[-1] & (1 << unused) - 1:  # noqa: PLR2004 # of a byte
            raise FunctionError(problem, is_constant=True)
        return content[1:], unused

    def read_identifier(self, problem: str) -> str:
        """Read an OBJECT IDENTIFIER as `1.2.840`."""
        content = self.read(OBJECT_IDENTIFIER, problem)
        numbers = split_identifier(content)
        if not numbers:
            raise FunctionError(problem, is_constant=True)
        first = numbers[0]
        start = divmod(first, 40) if first < 80 else (2, first - 80)  # noqa: PLR2004 # two numbers in one: 40 * a + b
        return ".".join(map(str, (*start, *numbers[1:])))


def measure(header: bytes) -> tuple[int, int] | None:
    """Give the sizes of header and content, or None if the header is not DER's."""
    if len(header) < HEADER_SIZE or header[0] & LONG_TAG == LONG_TAG:
        return None
    length = header[1]
    if length < SHORT_LENGTH:
        return HEADER_SIZE, length
    count = length & 0x7F
    digits = header[HEADER_SIZE : HEADER_SIZE + count]
    length = int.from_bytes(digits, "big")
    if not 0 < count <= LENGTH_BYTES or len(digits) < count or not digits[0] or length < SHORT_LENGTH:
        return None
    return HEADER_SIZE + count, length


def split_identifier(content: bytes) -> list[int] | None:
    """Give the numbers of an identifier, or None if there is none or one is cut, too long or not as short as it can be."""
    numbers, number, count = [], 0, 0
    for byte in content:
        if count == NUMBER_BYTES or number >= NUMBER_LIMIT or (count == 0 and byte == SHORT_LENGTH):
            return None
        number = number << 7 | byte & 0x7F
        count += 1
        if byte < SHORT_LENGTH:
            numbers.append(number)
            number, count = 0, 0
    return None if count else numbers


def align_right(data: bytes, unused: int) -> bytes:
    """Give the bits of a BIT STRING with the unused ones in front."""
    return (int.from_bytes(data, "big") >> unused).to_bytes(len(data), "big")
