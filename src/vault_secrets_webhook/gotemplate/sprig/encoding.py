"""Sprig's base64 and base32. What cannot be decoded gives the error as its result.

Base32 has no function in C; a number in base 32 is one to Python's `int`, and bytes become digits ten bits at a time.

Source: Sprig's strings.go; package encoding/base32, `StdEncoding`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
TO_PYTHON = bytes.maketrans(ALPHABET, b"0123456789abcdefghijklmnopqrstuv")
QUANTUM = 8  # digits
QUANTUM_BYTES = 5
BLOCK = QUANTUM_BYTES << 14  # bytes that are encoded at a time, so that not all digits are objects at once
PADDING = ord("=")
PAIRS: list[bytes] = []  # of digits: those of ten bits; made when first needed


def b64enc(budget: Budget, string: bytes) -> bytes:
    from vault_secrets_webhook.gotemplate.crypto.base64 import encode_base64

    budget.reserve(len(string) * 4 // 3)
    return encode_base64(string)


def b64dec(string: bytes) -> bytes:
    """Decode, or give `illegal base64 data at input byte N`."""
    from vault_secrets_webhook.gotemplate.crypto.base64 import decode_base64

    try:
        return decode_base64(string)
    except FunctionError as error:
        return str(error).encode()


def b32enc(budget: Budget, string: bytes) -> bytes:
    budget.spend_steps(len(string) // QUANTUM_BYTES)
    budget.reserve(len(string) * QUANTUM // QUANTUM_BYTES)
    padded = string + bytes(-len(string) % QUANTUM_BYTES)
    if not PAIRS:
        PAIRS.extend(bytes((first, second)) for first in ALPHABET for second in ALPHABET)
    digits = bytearray()
    for start in range(0, len(padded), BLOCK):
        digits += encode_block(padded[start : start + BLOCK])
    missing = (len(padded) - len(string)) * 8 // QUANTUM_BYTES
    return bytes(digits[: len(digits) - missing]) + b"=" * missing


def encode_block(block: bytes) -> bytes:
    """Give the digits of a multiple of five bytes."""
    return b"".join(
        encode_quantum(int.from_bytes(block[start : start + QUANTUM_BYTES], "big"))
        for start in range(0, len(block), QUANTUM_BYTES)
    )


def encode_quantum(number: int) -> bytes:
    """Give the digits of five bytes."""
    return PAIRS[number >> 30] + PAIRS[number >> 20 & 1023] + PAIRS[number >> 10 & 1023] + PAIRS[number & 1023]


def b32dec(string: bytes) -> bytes:
    """Decode, or give `illegal base32 data at input byte N`. Go does not look at what is behind the padding."""
    text = string.translate(None, b"\r\n")
    strange = text.translate(None, ALPHABET)
    end = text.index(strange[:1]) if strange else len(text)
    problem = find_problem(text, end)
    if problem is not None:
        return b"illegal base32 data at input byte %d" % problem
    bits = end * 5
    return (int(text[:end].translate(TO_PYTHON) or b"0", 32) >> bits % 8).to_bytes(bits // 8, "big")


def find_problem(text: bytes, end: int) -> int | None:
    """Give the byte that Go complains of, if it does. `end` is where the digits end; line ends are not counted."""
    digits = end % QUANTUM
    behind = len(text) - end - 1
    if behind < 0:
        return end - digits if digits else None
    if text[end] != PADDING or digits < 2 or behind >= QUANTUM:  # noqa: PLR2004 # two digits make a byte
        return end
    padding = QUANTUM - 1 - digits
    if behind < padding:
        return len(text)
    for index in range(padding):
        if text[end + 1 + index] != PADDING:
            return end + index
    return end if digits in (1, 3, 6) else None


FUNCTIONS: dict[str, Entry] = {
    "b32dec": ("string -> string", b32dec),
    "b32enc": ("budget, string -> string", b32enc),
    "b64dec": ("string -> string", b64dec),
    "b64enc": ("budget, string -> string", b64enc),
}
