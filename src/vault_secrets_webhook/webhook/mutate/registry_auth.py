"""The `auth` of a registry's entry: base64 of USER:PASSWORD (RFC 7617, section 2, without the scheme)."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64


def decode_auth(encoded: str) -> str | None:
    """Give what is encoded; None when that is nothing, or not base64. Padding may be missing."""
    text = encoded.strip()
    if not text:
        return None
    try:
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True).decode("utf-8", "surrogateescape")
    except (Base64Error, ValueError):
        return None


def encode_auth(user: str, password: str) -> str:
    """Write user and password."""
    return b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode()


def read_credential(value: str) -> tuple[str, str] | None:
    """Read a value that is USER:PASSWORD, or base64 of that; None when it is neither."""
    value = value.strip()
    text = value if ":" in value else decode_auth(value)
    if text is None or ":" not in text:
        return None
    user, _, password = text.partition(":")
    return user, password
