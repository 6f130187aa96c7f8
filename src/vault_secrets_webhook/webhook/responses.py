"""The responses that are no answers to reviews, and what all responses have in common.

A failure is a `metav1.Status`, because that is what the API server can read: it shows the message to the user, where
for any other body it writes `an error on the server ("unknown")`.
"""

from __future__ import annotations

import msgspec
from aiohttp import web
from multidict import CIMultiDict

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


def make_response(body: bytes, content_type: str, status: int = 200) -> web.Response:
    """Make a response that does not tell the versions of our libraries."""
    return web.Response(body=body, status=status, headers=CIMultiDict({"Content-Type": content_type, "Server": SERVER}))


def make_failure(failure: Failure) -> web.Response:
    """Make the response that tells of a failure."""
    status = Status(failure.code, REASONS[failure.code], failure.message)
    response = make_response(msgspec.json.encode(status), JSON, failure.code)
    if failure.allowed:
        response.headers["Allow"] = failure.allowed  # RFC 9110, section 15.5.6
    if failure.closes:
        response.force_close()
    return response
