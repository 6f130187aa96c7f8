"""How Go's package time quotes text in its errors: every byte that is not printable ASCII in hexadecimal.

Source: Go package time, function quote.
"""

from __future__ import annotations


def quote(text: bytes) -> str:
    """Put text into quotation marks. The result is ASCII."""
    return '"' + "".join(map(QUOTED.__getitem__, text)) + '"'


def quote_byte(byte: int) -> str:
    if byte < 0x20 or byte > 0x7F:  # noqa: PLR2004 # control characters, but not DEL, and what is not ASCII
        return f"\\x{byte:02x}"
    return "\\" * (byte in b'"\\') + chr(byte)


QUOTED = tuple(map(quote_byte, range(256)))
