"""bcrypt, as Go's package golang.org/x/crypto/bcrypt computes it (`$2a$`, cost 10).

The C library's is used, by the static executable's module in C, the module `_crypt` (up to Python 3.12) or ctypes;
where none reaches it, Blowfish is computed here, which takes ten seconds. Its tables are the binary digits of pi, which
are computed faster than a table would be read.

Sources: N. Provos, D. Mazieres, A Future-Adaptable Password Scheme (1999); B. Schneier, Blowfish (1994).
"""

from __future__ import annotations

from binascii import b2a_base64
from os import urandom

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Crypt = Callable[[bytes, bytes], bytes | None]

LIBRARIES = None, "libcrypt.so.1", "libcrypt.so.2"  # None is the process: musl has it there
LONGEST = 72  # bytes of a password
COST = 10  # as a power of two
SALT_SIZE = 16
MASK = 0xFFFFFFFF
MAGIC = b"OrpheanBeholderScryDoubt"
REPETITIONS = 64
HASH_SIZE = 23  # all implementations lose the last byte
SUBKEYS, BOXES, BOX_SIZE = 18, 4, 256
WORD = 32
GUARD = 64  # bits more than needed, for the errors of rounding
ALPHABET = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)
STANDARD, GO = b"$2b$", b"$2a$"  # `2a` makes the C library mend the hash of some passwords, which Go does not


def load_crypt(password: bytes = b"") -> Crypt | None:
    """Give the C library's crypt(3), if it can be reached, knows bcrypt and takes the password.

    None takes one with a NUL, and `_crypt` none that is not UTF-8.
    """
    if b"\0" in password:
        return None
    for load in (load_built_in, load_module, load_library):
        crypt = load()
        probe = crypt(password, STANDARD + b"04$" + b"." * 22) if crypt is not None else None
        if probe is not None and probe.startswith(STANDARD):
            return crypt
    return None


def load_built_in() -> Crypt | None:
    """Give the function that is linked into the static executable."""
    try:
        from _vaultenv_openssl import crypt  # type: ignore[import-not-found]
    except ImportError:
        return None
    built_in: Crypt = crypt
    return built_in


def load_module() -> Crypt | None:
    """Give the function of the module `_crypt`, without that of `crypt`, which warns that it is deprecated."""
    try:
        from _crypt import crypt  # type: ignore[import-not-found,unused-ignore] # gone in Python 3.13
    except ImportError:
        return None

    def call(password: bytes, setting: bytes) -> bytes | None:
        try:
            result: str | None = crypt(password.decode(), setting.decode())
        except (OSError, UnicodeDecodeError):  # it takes text only
            return None
        return None if result is None else result.encode()

    return call


def load_library() -> Crypt | None:
    """Give the function of the C library itself, or of the library that glibc has beside it.

    It is called with the interpreter's lock held, because its result stands in a place that is the same for all.
    """
    try:
        import ctypes
    except ImportError:
        return None
    for name in LIBRARIES:
        try:
            crypt = ctypes.PyDLL(name).crypt
        except (OSError, AttributeError):
            continue
        crypt.restype, crypt.argtypes = ctypes.c_char_p, (ctypes.c_char_p, ctypes.c_char_p)
        found: Crypt = crypt
        return found
    return None


def hash_password(password: bytes, crypt: Crypt | None, cost: int = COST) -> bytes:
    """Hash a password with a new salt. `crypt` is what `load_crypt` gave. Raises FunctionError with Go's text."""
    if len(password) > LONGEST:
        raise FunctionError("bcrypt: password length exceeds 72 bytes", is_constant=True)
    salt = urandom(SALT_SIZE)
    start = b"%02d$" % cost + encode(salt)
    if crypt is not None and b"\0" not in password:
        result = crypt(password, STANDARD + start)
        if result is not None and result.startswith(STANDARD + start):
            return GO + result.removeprefix(STANDARD)
    return GO + start + encode(compute_hash(password, salt, cost))


def encode(data: bytes) -> bytes:
    """Write bytes in bcrypt's base64."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(ALPHABET)


def compute_hash(password: bytes, salt: bytes, cost: int) -> bytes:
    cipher = Blowfish()
    key = cycle_words(password + b"\0")
    salt_words = cycle_words(salt)
    cipher.expand(key, salt_words[:4])
    for _ in range(1 << cost):
        cipher.expand(key)
        cipher.expand(salt_words)
    blocks = []
    for start in range(0, len(MAGIC), 8):
        left, right = (
            int.from_bytes(MAGIC[start : start + 4], "big"),
            int.from_bytes(MAGIC[start + 4 : start + 8], "big"),
        )
        for _ in range(REPETITIONS):
            left, right = cipher.encrypt(left, right)
        blocks.append((left << WORD | right).to_bytes(8, "big"))
    return b"".join(blocks)[:HASH_SIZE]


def cycle_words(key: bytes) -> list[int]:
    """Give as many words as there are subkeys, of the key repeated."""
    size = SUBKEYS * 4
    repeated = (key * (size // len(key) + 1))[:size]
    return [int.from_bytes(repeated[start : start + 4], "big") for start in range(0, size, 4)]


class Blowfish:
    """The cipher's state: subkeys and substitution boxes, at first without a key."""

    __slots__ = ("boxes", "subkeys")

    def __init__(self) -> None:
        words = compute_pi(SUBKEYS + BOXES * BOX_SIZE)
        self.subkeys = words[:SUBKEYS]
        self.boxes = [words[start : start + BOX_SIZE] for start in range(SUBKEYS, len(words), BOX_SIZE)]

    def expand(self, key: list[int], salt: list[int] | None = None) -> None:
        """Mix in a key; the words of a salt, if given, go into what is encrypted, by turns."""
        self.subkeys = [subkey ^ word for subkey, word in zip(self.subkeys, key, strict=True)]
        if salt is not None:
            self.expand_salted(salt)
            return
        left = right = 0
        for start in range(0, SUBKEYS, 2):
            left, right = self.encrypt(left, right)
            self.subkeys[start : start + 2] = left, right
        for box in self.boxes:
            left, right = self.fill(box, left, right)

    def expand_salted(self, salt: list[int]) -> None:
        left = right = 0
        turn = 0
        for target in (self.subkeys, *self.boxes):
            for start in range(0, len(target), 2):
                left, right = self.encrypt(left ^ salt[turn], right ^ salt[turn + 1])
                target[start : start + 2] = left, right
                turn = 2 - turn

    def fill(self, box: list[int], left: int, right: int) -> tuple[int, int]:
        """Fill a box with what comes out of encrypting the last result again and again.

        This is `encrypt` in a loop: all the time of bcrypt goes here, and calls would double it.
        """
        s0, s1, s2, s3 = self.boxes
        first, second, *middle, before_last, last = self.subkeys
        pairs = tuple(zip(middle[::2], middle[1::2], strict=True))
        for start in range(0, BOX_SIZE, 2):
            left ^= first
            right ^= (s0[left >> 24] + s1[left >> 16 & 255] ^ s2[left >> 8 & 255]) + s3[left & 255] & MASK ^ second
            for even, odd in pairs:
                left ^= (s0[right >> 24] + s1[right >> 16 & 255] ^ s2[right >> 8 & 255]) + s3[right & 255] & MASK ^ even
                right ^= (s0[left >> 24] + s1[left >> 16 & 255] ^ s2[left >> 8 & 255]) + s3[left & 255] & MASK ^ odd
            left ^= (s0[right >> 24] + s1[right >> 16 & 255] ^ s2[right >> 8 & 255]) + s3[right & 255] & MASK
            left, right = right ^ last, left ^ before_last
            box[start] = left
            box[start + 1] = right
        return left, right

    def encrypt(self, left: int, right: int) -> tuple[int, int]:
        """Encrypt a block of two words."""
        s0, s1, s2, s3 = self.boxes
        for subkey in self.subkeys[:-2]:
            left ^= subkey
            right ^= (s0[left >> 24] + s1[left >> 16 & 255] ^ s2[left >> 8 & 255]) + s3[left & 255] & MASK
            left, right = right, left
        return right ^ self.subkeys[-1], left ^ self.subkeys[-2]


def compute_pi(count: int) -> list[int]:
    """Give the first words of pi's binary digits behind the point, by Machin's formula."""
    bits = count * WORD + GUARD
    pi = 4 * (4 * sum(arctan(5, bits)) - sum(arctan(239, bits)))
    digits = (pi >> GUARD) % (1 << count * WORD)
    data = digits.to_bytes(count * 4, "big")
    return [int.from_bytes(data[start : start + 4], "big") for start in range(0, len(data), 4)]


def arctan(inverse: int, bits: int) -> Iterator[int]:
    """Give the terms of the arc tangent of 1 / inverse, times 2 to the power of `bits`."""
    power = (1 << bits) // inverse
    square = inverse * inverse
    divisor = 1
    while power:
        yield power // divisor
        power //= -square
        if power == -1:  # division rounds down, so that it would never end
            break
        divisor += 2
