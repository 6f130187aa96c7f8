"""PEM as Go reads and writes it.

Source: package encoding/pem, `Decode` and `Encode`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.base64 import decode_base64, encode_base64

BEGIN = b"-----BEGIN "
END = b"\n-----END "
DASHES = b"-----"
BLANKS = b" \t"
LINE_LENGTH = 64


def encode_pem(label: str, data: bytes) -> bytes:
    """Write one block, in lines of 64 characters."""
    digits = encode_base64(data)
    lines = [digits[start : start + LINE_LENGTH] + b"\n" for start in range(0, len(digits), LINE_LENGTH)]
    name = label.encode() + DASHES + b"\n"
    return BEGIN + name + b"".join(lines) + END[1:] + name


def decode_pem(text: bytes) -> tuple[bytes, bytes] | None:
    """Give label and content of the first block that can be read, or None."""
    start = 0  # what is before it is read
    while True:
        end = text.find(END, start)
        if end < 0:
            return None
        begin = text.rfind(BEGIN, start, end)
        # A BEGIN that starts no line leaves `start` where the END is over, and so do all other faults.
        if begin >= 0 and (begin == start or text[begin - 1 : begin] == b"\n"):
            found = read_block(text, begin, end)
            if found is not None:
                return found
        start = end + len(END)


def read_block(text: bytes, begin: int, end: int) -> tuple[bytes, bytes] | None:
    """Read the block whose BEGIN and END are known; None if it is none."""
    label, position = read_line(text, begin + len(BEGIN))
    if not label.endswith(DASHES):
        return None
    label = label[: -len(DASHES)]
    body = skip_headers(text, position, end)
    if body > position and end < body:  # the END has to be on a line of its own
        return None
    trailer = end + len(END)
    closing = label + DASHES
    if text[trailer : trailer + len(closing)] != closing or read_line(text, trailer + len(closing))[0]:
        return None
    try:
        return label, decode_base64(text[body : max(end, body)].translate(None, BLANKS))
    except FunctionError:
        return None


def skip_headers(text: bytes, start: int, end: int) -> int:
    """Give where the first line without a colon starts; behind the END's own line it is not looked for."""
    while start <= end + 1:
        line, following = read_line(text, start)
        if b":" not in line:
            break
        start = following
    return start


def read_line(text: bytes, start: int) -> tuple[bytes, int]:
    """Give the line without its end and the blanks before that, and where the next one starts."""
    end = text.find(b"\n", start)
    if end < 0:
        return text[start:].rstrip(BLANKS), len(text)
    return text[start:end].removesuffix(b"\r").rstrip(BLANKS), end + 1
