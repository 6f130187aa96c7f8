"""Signature Version 4 of AWS: proves to its services who sends a request, without sending the key along. No I/O.

    canonical request = method, path, query, header fields, their names, digest of the body; each on a line
    text to sign      = algorithm, time, scope, digest of the canonical request
    scope             = day "/" region "/" service "/aws4_request"
    key               = HMAC of the scope's parts, one after the other, begun with "AWS4" and the secret key

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. For all services but S3,
which writes paths in another way. The clock is the caller's.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from vault_secrets_webhook.wire.message import URL, Request, percent_decode, percent_encode

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"


class Keys:
    """An access key with its secret, and the token of a session where it is a temporary one."""

    __slots__ = ("access_key", "secret_key", "session_token")

    def __init__(self, access_key: str, secret_key: str, session_token: str = "") -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.session_token = session_token

    def __repr__(self) -> str:
        return f"Keys({self.access_key!r})"  # the rest of it is secret


def sign_request(request: Request, keys: Keys, region: str, service: str, now: float) -> Request:
    """Give the request with the header fields that sign it; `now` is in seconds since 1970.

    All header fields that it has are signed. Raises ValueError when its URL cannot be read.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    added = {"X-Amz-Date": stamp}
    if keys.session_token:
        added["X-Amz-Security-Token"] = keys.session_token
    headers = {**request.headers, **added}
    canonical, names = canonicalize(Request(request.method, request.url, headers, request.body))
    scope = f"{stamp[:8]}/{region}/{service}/{TERMINATOR}"
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest(canonical.encode())}"
    signature = hmac.digest(derive_key(keys.secret_key, scope), text.encode(), sha256).hex()
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return Request(request.method, request.url, headers, request.body)


def canonicalize(request: Request) -> tuple[str, str]:
    """Write a request in the one form that is signed; that, and the names of its header fields."""
    url = URL(request.url)
    path, _, query = url.path.partition("?")
    fields = canonicalize_headers({"host": url.netloc(), **request.headers})
    names = ";".join(fields)
    written = "".join(f"{name}:{value}\n" for name, value in fields.items())
    lines = (request.method, canonicalize_path(path), canonicalize_query(query), written, names, digest(request.body))
    return "\n".join(lines), names


def canonicalize_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Write names in lower case and in order, and values with single spaces."""
    lower = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    return dict(sorted(lower.items()))


def canonicalize_path(path: str) -> str:
    """Resolve `.` and `..` and double slashes, and encode what is left; that it came encoded makes no difference."""
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part and part != ".":
            kept.append(percent_encode(part))
    end = "/" if kept and parts[-1] in ("", ".", "..") else ""
    return "/" + "/".join(kept) + end


def canonicalize_query(query: str) -> str:
    """Sort the parameters by their encoded names and values."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = sorted((encode_again(name), encode_again(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def encode_again(text: str) -> str:
    return percent_encode(percent_decode(text).decode("utf-8", "surrogateescape"))


def derive_key(secret_key: str, scope: str) -> bytes:
    """Derive the key of a day, region and service."""
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), sha256)
    return key


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()
