"""Whether the host of a URL that stands in brackets is an IPv6 address, and Go's words if it is none.

An IPv6 address is eight fields of up to four hexadecimal digits with colons between; `::` stands for any number of
zero fields, and the last two may be written as an IPv4 address. A zone may follow behind `%`.

Source: package net/netip, `ParseAddr`; RFC 4291, section 2.2; RFC 4007, section 11.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.quote import quote
from vault_secrets_webhook.gotemplate.values import decode

HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
FIELDS = 8
FIELD_SIZE = 4
IPV4_FIELDS = 4
LARGEST_OCTET = 255


class AddressError(FunctionError):
    """Text that is no address."""

    def __init__(self, text: bytes, reason: str, rest: bytes = b"") -> None:
        where = f" (at {decode(quote(rest))})" if rest else ""
        super().__init__(f"ParseAddr({decode(quote(text))}): {reason}{where}")


def check_address(text: bytes) -> bool:
    """Tell whether an address is one of IPv6, not of IPv4. Raises AddressError if it is neither."""
    mark = next((byte for byte in text if byte in b".:%"), None)
    if mark is None:
        raise AddressError(text, "unable to parse IP")
    if mark == ord("%"):
        raise AddressError(text, "missing IPv6 address")
    if mark == ord("."):
        check_ipv4(text, text)
        return False
    check_ipv6(text)
    return True


def check_ipv4(text: bytes, address: bytes) -> None:
    """Check an address that is the end of a text, or all of it. Raises AddressError."""
    dots = value = digits = 0
    for index, byte in enumerate(address):
        if byte in b"0123456789":
            if digits == 1 and value == 0:
                raise AddressError(text, "IPv4 field has octet with leading zero")
            value = value * 10 + byte - ord("0")
            digits += 1
            if value > LARGEST_OCTET:
                raise AddressError(text, "IPv4 field has value >255")
            continue
        if byte != ord("."):
            raise AddressError(text, "unexpected character", address[index:])
        if digits == 0 or index == len(address) - 1:
            raise AddressError(text, "IPv4 field must have at least one digit", address[index:])
        dots += 1
        if dots == IPV4_FIELDS:
            raise AddressError(text, "IPv4 address too long")
        value = digits = 0
    if dots < IPV4_FIELDS - 1:
        raise AddressError(text, "IPv4 address too short")


def check_ipv6(text: bytes) -> None:
    """Check an address with its zone. Raises AddressError."""
    rest, percent, zone = text.partition(b"%")
    if percent and not zone:
        raise AddressError(text, "zone must be a non-empty string")
    has_ellipsis = rest.startswith(b"::")
    rest = rest.removeprefix(b"::")
    if has_ellipsis and not rest:
        return
    fields = 0
    while fields < FIELDS:
        size = measure_field(text, rest)
        if rest[size : size + 1] == b".":
            check_embedded(text, rest, fields, has_ellipsis=has_ellipsis)
            fields += 2
            rest = b""
            break
        fields += 1
        rest = rest[size:]
        if not rest:
            break
        rest, is_ellipsis = skip_colons(text, rest, has_ellipsis=has_ellipsis)
        has_ellipsis = has_ellipsis or is_ellipsis
        if not rest:
            break
    check_end(text, rest, fields, has_ellipsis=has_ellipsis)


def measure_field(text: bytes, rest: bytes) -> int:
    """Give how many digits a field has. Raises AddressError."""
    size = 0
    while size < len(rest) and rest[size] in HEX_DIGITS:
        if size == FIELD_SIZE:
            raise AddressError(text, "each group must have 4 or less digits", rest)
        size += 1
    if size == 0:
        raise AddressError(text, "each colon-separated field must have at least one digit", rest)
    return size


def check_embedded(text: bytes, rest: bytes, fields: int, *, has_ellipsis: bool) -> None:
    """Check an IPv4 address at the end of one of IPv6. Raises AddressError."""
    if not has_ellipsis and fields != FIELDS - 2:
        reason = "embedded IPv4 address must replace the final 2 fields of the address"
        raise AddressError(text, reason, rest)
    if fields > FIELDS - 2:
        reason = "too many hex fields to fit an embedded IPv4 at the end of the address"
        raise AddressError(text, reason, rest)
    check_ipv4(text, rest)


def skip_colons(text: bytes, rest: bytes, *, has_ellipsis: bool) -> tuple[bytes, bool]:
    """Give what is behind the colon or two, and whether there were two. Raises AddressError."""
    if rest[:1] != b":":
        raise AddressError(text, "unexpected character, want colon", rest)
    if len(rest) == 1:
        raise AddressError(text, "colon must be followed by more characters", rest)
    if rest[1:2] != b":":
        return rest[1:], False
    if has_ellipsis:
        raise AddressError(text, "multiple :: in address", rest[1:])
    return rest[2:], True


def check_end(text: bytes, rest: bytes, fields: int, *, has_ellipsis: bool) -> None:
    """Check that all was read, and that it was enough. Raises AddressError."""
    if rest:
        raise AddressError(text, "trailing garbage after address", rest)
    if fields < FIELDS and not has_ellipsis:
        raise AddressError(text, "address string too short")
    if fields >= FIELDS and has_ellipsis:
        raise AddressError(text, "the :: must expand to at least one field of zeros")
