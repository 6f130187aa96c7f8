"""IP addresses as Go reads them.

The C library reads them here: the forms that differ between the two (`1.2`, `0x7f.0.0.1`) are those of its older
function `inet_aton`, not of `inet_pton`.

Source: package net, `ParseIP`; package net/netip, `ParseAddr`.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_aton, inet_pton

MAPPED = bytes(10) + b"\xff\xff"  # in front of an IPv4 address that is written as an IPv6 one
LONGEST = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")


def parse_address(text: bytes) -> bytes | None:
    """Give the bytes of an address, four if it is IPv4 in any form; None if it is none."""
    if len(text) > LONGEST or not text.isascii() or b"\0" in text:
        return None
    try:
        address = inet_pton(AF_INET6 if b":" in text else AF_INET, text.decode())
    except OSError:
        return None
    return address.removeprefix(MAPPED)


def is_old_form(text: bytes) -> bool:
    """Tell whether the C library alone takes a name for an IPv4 address, as it does `0x7f.1`."""
    try:
        inet_aton(text.decode())
    except (OSError, ValueError):
        return False
    return True


def is_literal(text: bytes) -> bool:
    """Tell whether it is an address, for IPv6 with or without a zone."""
    address, mark, zone = text.partition(b"%")
    if mark and (not zone or b":" not in address):
        return False
    return parse_address(address) is not None
