"""JSON over HTTP with the standard library alone, so that no test depends on the code it tests."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TIMEOUT_SECONDS = 60


class JsonClient:
    """Requests to one server, each over a connection of its own. Follows no redirect and uses no proxy.

    `warnings` are the Warning headers of the last answer: what kubectl prints of them.
    """

    def __init__(self, address: str, *, ca_file: Path | None = None) -> None:
        """`address` is `http://HOST:PORT`, or `https://HOST:PORT` verified by `ca_file`."""
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._context = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self.warnings: list[str] = []

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status, and the answer: decoded if it is JSON, None if it is empty, its text otherwise.

        `body` is sent as JSON unless it is None. Raises `OSError` or `http.client.HTTPException`.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        connection = self._open_connection()
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            self.warnings = response.headers.get_all("Warning", [])
            return response.status, _decode(response.read())
        finally:
            connection.close()

    def _open_connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS, context=self._context)


def _decode(data: bytes) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
