"""Sprig's random values, all of them from the system's source.

Sources: Sprig v3.3.0, groups "strings" and "math", `randBytes`, `uuidv4`; goutils, `CryptoRandom`; xstrings, `Shuffle`.
"""

from __future__ import annotations

from os import urandom

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.base64 import encode_base64
from vault_secrets_webhook.gotemplate.values import decode_runes, wrap_int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

BYTES = 256
ADDRESSES = 1 << 48  # bytes that Go's allocator can give at all; beyond, it panics
RUNE_SIZE = 4
DIGITS = b"0123456789"
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PRINTABLE = bytes(range(32, 127))


def check_size(count: int, size: int) -> None:
    if count < 0 or count * size > ADDRESSES:
        raise FunctionError("runtime error: makeslice: len out of range", is_constant=True)


def make_generator(alphabet: bytes) -> Callable[[Budget, int], bytes]:
    """Make a function that gives so many characters of an alphabet; for a negative count none, as Sprig drops the error."""
    fair = BYTES - BYTES % len(alphabet)  # bytes from here on would favour some characters
    table = (alphabet * (BYTES // len(alphabet) + 1))[:BYTES]
    unfair = bytes(range(fair, BYTES))

    def generate(budget: Budget, count: int) -> bytes:
        if count <= 0:
            return b""
        check_size(count, RUNE_SIZE)
        budget.reserve(count)
        text = b""
        while len(text) < count:
            text += urandom(count - len(text) + 16).translate(table, unfair)
        return text[:count]

    return generate


def generate_bytes(budget: Budget, count: int) -> bytes:
    """Give random bytes in base64."""
    check_size(count, 1)
    budget.reserve(count // 3 * 4 + 4)
    return encode_base64(urandom(count))


def choose_below(count: int) -> int:
    """Give one of the numbers below a count as Go's `rand.Intn` does, each as likely as the others."""
    if count <= 0:
        raise FunctionError("invalid argument to Intn", is_constant=True)
    bits = (count - 1).bit_length()
    while True:
        number = int.from_bytes(urandom((bits + 7) // 8), "big") >> -bits % 8
        if number < count:
            return number


def choose_between(first: int, end: int) -> int:
    """Give a number from the first on, and below the end; differences leave int64 as Go's do."""
    return int(wrap_int64(choose_below(wrap_int64(end - first)) + first))


def shuffle(budget: Budget, text: bytes) -> bytes:
    """Give the characters of a text in random order."""
    decoded = decode_runes(text)
    budget.spend_steps(len(decoded))
    budget.reserve_elements(len(decoded))
    runes = list(decoded)
    for last in range(len(runes) - 1, 0, -1):
        chosen = choose_below(last + 1)
        runes[last], runes[chosen] = runes[chosen], runes[last]
    return "".join(runes).encode()


def generate_uuid() -> bytes:
    """Give a UUID of version 4."""
    number = int.from_bytes(urandom(16), "big") & ~(0xF << 76 | 0x3 << 62) | 4 << 76 | 2 << 62
    digits = b"%032x" % number
    return b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


FUNCTIONS: dict[str, Entry] = {
    "randAlpha": ("budget, int -> string", make_generator(LETTERS)),
    "randAlphaNum": ("budget, int -> string", make_generator(LETTERS + DIGITS)),
    "randAscii": ("budget, int -> string", make_generator(PRINTABLE)),
    "randBytes": ("budget, int -> string", generate_bytes),
    "randInt": ("int, int -> int", choose_between),
    "randNumeric": ("budget, int -> string", make_generator(DIGITS)),
    "shuffle": ("budget, string -> string", shuffle),
    "uuidv4": ("-> string", generate_uuid),
}
