"""The Master Password algorithm: passwords that are derived of one that is remembered and of what they are for.

Sources: Sprig v3.3.0, `derivePassword`; M. Billemont, Master Password, version 3 (characters, templates).
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

SCOPE = b"com.lyndir.masterpassword"
KEY_SIZE = 64
COUNTERS = 1 << 32
N, R, P = 32768, 8, 2
MEMORY = 128 * R * (N + P + 2) + (1 << 20)  # bytes, somewhat more than scrypt needs

TEMPLATES = {
    b"maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    b"long": (
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv "
        "CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv "
        "CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno"
    ),
    b"medium": "CvcnoCvc CvcCvcno",
    b"short": "Cvcn",
    b"basic": "aaanaaan aannaaan aaannaaa",
    b"pin": "nnnn",
}
CHARACTERS = {
    "V": b"AEIOU",
    "C": b"BCDFGHJKLMNPQRSTVWXYZ",
    "v": b"aeiou",
    "c": b"bcdfghjklmnpqrstvwxyz",
    "a": b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": b"0123456789",
    "o": b"@&%?,=[]_:-+*$#!'^~;()/.",
    "x": b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}


def derive_password(counter: int, kind: bytes, password: bytes, user: bytes, site: bytes) -> bytes:
    """Derive the password of a site; `kind` is one of TEMPLATES, and each counter gives another one.

    Raises FunctionError if the interpreter has no OpenSSL.
    """
    try:
        from _hashlib import hmac_digest, scrypt
    except ImportError:
        text = "this needs scrypt of OpenSSL, and the Python interpreter that runs has it not"
        raise FunctionError(text, is_constant=True) from None
    key = scrypt(password, salt=SCOPE + encode(user), n=N, r=R, p=P, maxmem=MEMORY, dklen=KEY_SIZE)
    number = (counter % COUNTERS).to_bytes(4, "big")  # Go drops the upper bits of a constant
    seed = hmac_digest(key, SCOPE + encode(site) + number, "sha256")
    templates = TEMPLATES[kind].split()
    template = templates[seed[0] % len(templates)]
    chosen = (
        CHARACTERS[letter][byte % len(CHARACTERS[letter])] for letter, byte in zip(template, seed[1:], strict=False)
    )
    return bytes(chosen)


def encode(text: bytes) -> bytes:
    """Put the length of a text in front of it."""
    return len(text).to_bytes(4, "big") + text
