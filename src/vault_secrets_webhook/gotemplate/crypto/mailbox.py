"""Mail addresses as Go reads them in the name constraints of a certificate.

Source: package crypto/x509, `parseRFC2821Mailbox`.
"""

from __future__ import annotations

ATOM = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.")
QUOTED = frozenset(range(1, 128)) - frozenset(b'\t\n\r"\\')
ESCAPED = frozenset(range(1, 128)) - frozenset(b"\n\r")
BACKSLASH, QUOTE = ord("\\"), ord('"')


def is_mailbox(text: bytes) -> bool:
    """Tell whether it is a local part, `@`, and a domain, which may be missing."""
    end = skip_quoted(text) if text.startswith(b'"') else skip_atoms(text)
    if end is None or text[end : end + 1] != b"@":
        return False
    domain = text[end + 1 :]
    return not domain or (all(domain.split(b".")) and all(33 <= byte <= 126 for byte in domain))  # noqa: PLR2004 # visible


def skip_quoted(text: bytes) -> int | None:
    """Give where a quoted local part ends, or None if it does not."""
    position = 1
    while position < len(text):
        byte = text[position]
        if byte == QUOTE:
            return position + 1
        if byte == BACKSLASH:
            position += 1
            if position == len(text) or text[position] not in ESCAPED:
                return None
        elif byte not in QUOTED:
            return None
        position += 1
    return None


def skip_atoms(text: bytes) -> int | None:
    """Give where a plain local part ends, or None if there is none."""
    local = bytearray()
    position = 0
    while position < len(text):
        if text[position] == BACKSLASH:  # any character may follow
            position += 1
            if position == len(text):
                return None
        elif text[position] not in ATOM:
            break
        local.append(text[position])
        position += 1
    return position if all(local.split(b".")) else None
