"""DER written: the few ASN.1 types that keys and certificates are made of.

Sources: ITU-T X.690; package encoding/asn1 (which string and time types it chooses).
"""

from __future__ import annotations

from time import gmtime

from vault_secrets_webhook.errors import FunctionError

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 1, 2, 3, 4, 5, 6
UTF8_STRING, NUMERIC_STRING, PRINTABLE_STRING, T61_STRING, IA5_STRING, BMP_STRING = 12, 18, 19, 20, 22, 30
UTC_TIME, GENERALIZED_TIME = 23, 24
SEQUENCE, SET = 0x30, 0x31
CONTEXT, CONSTRUCTED = 0x80, 0x20

SHORT_LENGTH = 0x80  # lengths below it are one byte
PRINTABLE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+,-./ :=?"
UTC_YEARS = range(1950, 2050)
YEARS = range(10_000)
NANOSECONDS = 10**9


def encode(tag: int, *contents: bytes) -> bytes:
    """Write an element: tag, length, and the contents joined."""
    content = b"".join(contents)
    size = len(content)
    if size < SHORT_LENGTH:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, SHORT_LENGTH | len(length))) + length + content


def encode_integer(number: int) -> bytes:
    """Write an INTEGER that is not negative."""
    return encode(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def encode_bits(data: bytes, unused: int = 0) -> bytes:
    """Write a BIT STRING; of its last byte, `unused` low bits do not count."""
    return encode(BIT_STRING, bytes((unused,)), data)


def encode_identifier(dotted: str) -> bytes:
    """Write an OBJECT IDENTIFIER given as `1.2.840`."""
    first, second, *others = map(int, dotted.split("."))
    return encode(OBJECT_IDENTIFIER, *map(encode_base128, (first * 40 + second, *others)))


def encode_base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def encode_text(text: bytes) -> bytes:
    """Write a string: a PrintableString if it can be one, else a UTF8String. Raises FunctionError if it is not UTF-8."""
    if not text.translate(None, PRINTABLE):
        return encode(PRINTABLE_STRING, text)
    try:
        text.decode()
    except UnicodeDecodeError:
        raise FunctionError("asn1: string not valid UTF-8", is_constant=True) from None
    return encode(UTF8_STRING, text)


def encode_time(nanoseconds: int) -> bytes:
    """Write a time of the Unix epoch, in UTC and whole seconds. Raises FunctionError if its year has five digits."""
    year, *rest = gmtime(nanoseconds // NANOSECONDS)[:6]
    if year not in YEARS:
        raise FunctionError("asn1: structure error: cannot represent time as GeneralizedTime", is_constant=True)
    digits = b"%02d%02d%02d%02d%02dZ" % tuple(rest)
    if year in UTC_YEARS:
        return encode(UTC_TIME, b"%02d" % (year % 100), digits)
    return encode(GENERALIZED_TIME, b"%04d" % year, digits)
