"""Digests: OpenSSL's where the interpreter has it.

`_hashlib` is asked directly, for `hashlib` would import it too, and more; an interpreter without OpenSSL has its own.
"""

from __future__ import annotations

try:
    from _hashlib import openssl_sha1 as sha1
    from _hashlib import openssl_sha256 as sha256
    from _hashlib import openssl_sha512 as sha512
except ImportError:
    from hashlib import sha1, sha256, sha512

__all__ = ["sha1", "sha256", "sha512"]
