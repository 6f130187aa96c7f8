"""A time in the forms that programs exchange: RFC 3339 in text and JSON, and Go's own binary one.

Source: Go package time, methods MarshalText, MarshalJSON and MarshalBinary.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

from .civil import truncate
from .format import format_time
from .location import UTC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .instant import Time

RFC3339 = b"2006-01-02T15:04:05.999999999Z07:00"
YEAR_SIZE = 4
OFFSET_SIZE = len("+07:00")
LAST_HOUR = b"23"
WITH_MINUTES, WITH_SECONDS = b"\1", b"\2"  # the versions of the binary form: how exactly it gives the offset


def marshal_text(time: Time, method: str) -> bytes:
    """Give a time in RFC 3339. Raises FunctionError, naming the method, for a year or offset that this cannot hold."""
    text = format_time(time, RFC3339)
    if text[YEAR_SIZE : YEAR_SIZE + 1] != b"-":
        raise FunctionError(f"Time.{method}: year outside of range [0,9999]", is_constant=True)
    sign, hour = text[-OFFSET_SIZE : 1 - OFFSET_SIZE], text[1 - OFFSET_SIZE : 3 - OFFSET_SIZE]
    if not text.endswith(b"Z") and (sign.isdigit() or hour > LAST_HOUR):
        raise FunctionError(f"Time.{method}: timezone hour outside of range [0,23]", is_constant=True)
    return text


def marshal_json(time: Time) -> bytes:
    """Give a time in RFC 3339 as a JSON string."""
    return b'"' + marshal_text(time, "MarshalJSON") + b'"'


def marshal_binary(time: Time) -> bytes:
    """Give a time in Go's binary form. Raises FunctionError for an offset that it cannot hold."""
    version, minutes, seconds = WITH_MINUTES, -1, b""
    if time.location is not UTC:
        minutes, rest = truncate(time.find_zone().offset, 60)
        if rest:
            version, seconds = WITH_SECONDS, rest.to_bytes(1, "big", signed=True)
        if minutes == -1 or not -(1 << 15) <= minutes < 1 << 15:
            raise FunctionError("Time.MarshalBinary: unexpected zone offset", is_constant=True)
    instant = time.seconds.to_bytes(8, "big", signed=True) + time.nanoseconds.to_bytes(4, "big")
    return version + instant + minutes.to_bytes(2, "big", signed=True) + seconds
