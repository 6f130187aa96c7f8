"""Sprig's password hashes, derived passwords, and encryption by a password.

Source: Sprig v3.3.0, group "crypto".
"""

from __future__ import annotations

from os import urandom

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

# Steps: with some 80,000 a second, what a template may have lasts for a minute.
CRYPT_COST, BCRYPT_COST, SCRYPT_COST = 20_000, 2_000_000, 100_000
KEY_SIZE, BLOCK = 32, 16
STEP_SIZE = 4096  # bytes that are encrypted or digested in the time of a step


def hash_by_bcrypt(budget: Budget, password: bytes) -> bytes:
    """Hash a password; what is wrong with it is the result, as Sprig has it."""
    from vault_secrets_webhook.gotemplate.crypto.bcrypt import hash_password, load_crypt

    crypt = load_crypt(password)
    budget.spend_steps(BCRYPT_COST if crypt is None else CRYPT_COST)
    try:
        return hash_password(password, crypt)
    except FunctionError as problem:
        return f"failed to encrypt string with bcrypt: {problem}".encode()


def write_htpasswd(budget: Budget, username: bytes, password: bytes) -> bytes:
    """Write a line of an htpasswd file."""
    if b":" in username:
        return b"invalid username: " + username
    return username + b":" + hash_by_bcrypt(budget, password)


def derive_password(budget: Budget, counter: int, kind: bytes, password: bytes, user: bytes, site: bytes) -> bytes:
    """Derive a password by the Master Password algorithm; an unknown kind makes a text that says so."""
    from vault_secrets_webhook.gotemplate.crypto import masterpassword

    if kind not in masterpassword.TEMPLATES:
        return b"cannot find password template " + kind
    budget.spend_steps(SCRYPT_COST + (len(password) + len(user) + len(site)) // STEP_SIZE)
    return masterpassword.derive_password(counter, kind, password, user, site)


def make_key(password: bytes) -> bytes:
    """Cut or fill up a password to the size of a key; there is no more to it in Sprig."""
    return password[:KEY_SIZE].ljust(KEY_SIZE, b"\0")


def encrypt_aes(budget: Budget, password: bytes, text: bytes) -> bytes:
    """Encrypt a text by AES-256-CBC. Gives base64 of the initial vector and the blocks."""
    from vault_secrets_webhook.gotemplate.crypto import openssl
    from vault_secrets_webhook.gotemplate.crypto.base64 import encode_base64

    if not text:
        return b""
    budget.spend_steps(len(text) // STEP_SIZE)
    padding = BLOCK - len(text) % BLOCK
    start = urandom(BLOCK)
    return encode_base64(start + openssl.encrypt_aes_cbc(make_key(password), start, text + bytes((padding,)) * padding))


def decrypt_aes(budget: Budget, password: bytes, text: bytes) -> bytes:
    """Decrypt what `encrypt_aes` gave. Padding is believed, as Sprig does, and panics are Go's."""
    from vault_secrets_webhook.gotemplate.crypto import openssl
    from vault_secrets_webhook.gotemplate.crypto.base64 import decode_base64

    if not text:
        return b""
    budget.spend_steps(len(text) // STEP_SIZE)
    data = decode_base64(text)
    capacity = len(text) // 4 * 3  # of the slice that Go decodes into
    if capacity < BLOCK:
        panic(f"slice bounds out of range [:{BLOCK}] with capacity {capacity}")
    if len(data) < BLOCK:
        panic(f"slice bounds out of range [{BLOCK}:{len(data)}]")
    if len(data) % BLOCK:
        raise FunctionError("crypto/cipher: input not full blocks", is_constant=True)
    if len(data) == BLOCK:
        panic("index out of range [-1]")
    decrypted = openssl.decrypt_aes_cbc(make_key(password), data[:BLOCK], data[BLOCK:])
    end = len(decrypted) - decrypted[-1]
    if end < 0:
        panic(f"slice bounds out of range [:{end}]")
    return decrypted[:end]


def panic(text: str) -> None:
    raise FunctionError(f"runtime error: {text}")  # sizes, and the padding, are those of a secret


FUNCTIONS: dict[str, Entry] = {
    "bcrypt": ("budget, string -> string", hash_by_bcrypt),
    "decryptAES": ("budget, string, string -> string", decrypt_aes),
    "derivePassword": ("budget, uint32, string, string, string, string -> string", derive_password),
    "encryptAES": ("budget, string, string -> string", encrypt_aes),
    "htpasswd": ("budget, string, string -> string", write_htpasswd),
}
