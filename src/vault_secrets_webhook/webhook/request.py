"""A request as the endpoints see it: method, path, query, header fields, body. No sockets, no parser."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote, urlsplit

LONGEST_REMEMBERED = 500


class Request:
    """A request. Names of header fields are in lower case; of equal ones the last counts.

    The body is empty until it has arrived as a whole.
    """

    __slots__ = ("body", "headers", "method", "path", "query")

    def __init__(self, method: str, path: str, query: str, headers: dict[bytes, bytes]) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = b""


def read_target(target: bytes) -> tuple[str, str]:
    """Read path and query of a request target, which may be a whole URL too (RFC 9112, section 3.2)."""
    return remember_target(target) if len(target) <= LONGEST_REMEMBERED else split_target(target)


def split_target(target: bytes) -> tuple[str, str]:
    """Read path and query, percent-decoded the one and as it came the other."""
    text = target.decode("latin-1")
    if not text.startswith("/"):
        try:
            parts = urlsplit(text)
        except ValueError:
            return text, ""
        return unquote(parts.path) or "/", parts.query
    path, _, query = text.partition("?")
    return unquote(path), query


remember_target = lru_cache(maxsize=64)(split_target)  # an API server asks for very few different ones
