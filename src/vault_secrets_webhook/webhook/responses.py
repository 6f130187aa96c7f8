"""The responses that are no answers to reviews, and what all responses have in common.

A failure is a `metav1.Status`, because that is what the API server can read: it shows the message to the user, where
for any other body it writes `an error on the server ("unknown")`.
"""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

import msgspec

SERVER = "vault-secrets-webhook"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
REASONS = {
    400: "BadRequest",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "Timeout",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    431: "RequestEntityTooLarge",
    500: "InternalError",
    504: "Timeout",
}


class Failure(Exception):
    """A request that gets a `Status` instead of what it asked for.

    `closes` ends the connection, `allowed` are the methods that the path takes. The message holds no data of the
    request, because it is logged.
    """

    def __init__(self, code: int, message: str, *, closes: bool = False, allowed: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.closes = closes
        self.allowed = allowed


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """A `metav1.Status` that tells of a failure."""

    code: int
    reason: str
    message: str
    status: str = "Failure"
    api_version: str = "v1"
    kind: str = "Status"


class Response(msgspec.Struct, frozen=True):
    """A response. `closes` ends the connection, `allowed` is the header field Allow (RFC 9110, section 15.5.6)."""

    status: int
    body: bytes
    content_type: str
    closes: bool = False
    allowed: str = ""


def make_response(body: bytes, content_type: str, status: int = 200) -> Response:
    """Make a response."""
    return Response(status, body, content_type)


def make_failure(failure: Failure) -> Response:
    """Make the response that tells of a failure."""
    status = Status(failure.code, REASONS[failure.code], failure.message)
    return Response(failure.code, msgspec.json.encode(status), JSON, failure.closes, failure.allowed)


def write_response(response: Response, *, has_body: bool, is_last: bool) -> bytes:
    """Write a response, without its body for HEAD. It does not tell the versions of our libraries."""
    head = (
        f"{begin_head(response.status, response.content_type)}Content-Length: {len(response.body)}\r\n"
        f"{write_date(int(time()))}"
    )
    if response.allowed:
        head += f"Allow: {response.allowed}\r\n"
    if is_last:
        head += "Connection: close\r\n"
    return (head + "\r\n").encode("ascii") + (response.body if has_body else b"")


@lru_cache(maxsize=64)
def begin_head(status: int, content_type: str) -> str:
    """Write what is the same in all responses of a kind."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nServer: {SERVER}\r\nContent-Type: {content_type}\r\n"


@lru_cache(maxsize=1)
def write_date(second: int) -> str:
    """Write the header field Date."""
    return f"Date: {formatdate(second, usegmt=True)}\r\n"
