"""Base64 as Go's `base64.StdEncoding` reads it: line ends are skipped, and an error names its byte.

Source: package encoding/base64, `Encoding.DecodeString`.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from vault_secrets_webhook.errors import FunctionError

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LINE_ENDS = b"\r\n"
DIGITS_OF_QUANTUM = 4


def encode_base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False)


def decode_base64(text: bytes) -> bytes:
    """Decode base64. Raises FunctionError `illegal base64 data at input byte N`."""
    digits = text.translate(None, LINE_ENDS)
    strange = digits.translate(None, ALPHABET)
    if strange or len(digits) % DIGITS_OF_QUANTUM:
        problem = find_problem(text, strange)
        if problem is not None:
            raise FunctionError(f"illegal base64 data at input byte {problem}")
    return a2b_base64(digits)


def find_problem(text: bytes, strange: bytes) -> int | None:
    """Give the byte that Go complains of. `strange` is what is neither a digit nor a line end."""
    if not strange:  # it ends within a quantum; Go counts back as if no line end were in that
        return len(text) - count_digits(text) % DIGITS_OF_QUANTUM
    first = text.index(strange[:1])
    digits = count_digits(text[:first]) % DIGITS_OF_QUANTUM
    if strange[:1] != b"=" or digits < 2:  # noqa: PLR2004 # a quantum has two digits at least
        return first
    position = skip_line_ends(text, first + 1)
    if digits == 2:  # noqa: PLR2004 # "==" is due
        if position == len(text):
            return position
        if text[position : position + 1] != b"=":
            return position - 1
        position = skip_line_ends(text, position + 1)
    return position if position < len(text) else None


def count_digits(text: bytes) -> int:
    return len(text.translate(None, LINE_ENDS))


def skip_line_ends(text: bytes, start: int) -> int:
    return len(text) - len(text[start:].lstrip(LINE_ENDS))
