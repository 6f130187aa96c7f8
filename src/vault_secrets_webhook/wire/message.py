"""An HTTP request and its response as values. Nothing here touches a socket."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Request:
    """A request: method, absolute URL (already percent-encoded), headers, body bytes."""

    __slots__ = ("body", "headers", "method", "url")

    def __init__(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.method = method
        self.url = url
        self.headers = dict(headers or {})
        self.body = body

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {self.url!r})"  # headers and body hold tokens


class Response:
    """A response: status, headers with lower-case names, whole body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = dict(headers)
        self.body = body

    def __repr__(self) -> str:
        return f"Response({self.status})"  # the body holds secrets


class URL:
    """The parts of an absolute http, https or unix URL. Raises ValueError when there is no such reading.

    `host` has no brackets. `userinfo` is kept apart, percent-encoded as it came, and is never part of `str()`.

    `unix:///run/vault.sock` names a socket and no path. To tell the two apart, `str()` percent-encodes the socket,
    and that is read too: `unix://%2Frun%2Fvault.sock/v1/sys/health` has both. `host` is empty then.
    """

    __slots__ = ("explicit_port", "host", "path", "port", "scheme", "socket", "userinfo")
    DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443, "unix": 0}

    def __init__(self, text: str) -> None:
        scheme, mark, rest = text.partition("://")
        self.scheme = scheme.lower()
        if not mark or self.scheme not in self.DEFAULT_PORTS:
            raise ValueError("it must start with http:// or https://")
        if any(char <= " " or char >= "\x7f" for char in text):
            raise ValueError("it must not have spaces, control characters or other than ASCII in it")
        cut = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
        authority, self.path = rest[:cut], rest[cut:]
        self.socket = ""
        if self.scheme == "unix":
            self.socket = percent_decode(authority).decode("utf-8", "surrogateescape") or self.path
            self.path, authority = (self.path, "") if authority else ("", "")
        self.userinfo, _, hostport = authority.rpartition("@")
        self.host, self.explicit_port = split_host_port(hostport)
        if not self.host and not self.socket:
            raise ValueError("it has no host")
        self.port = self.explicit_port or self.DEFAULT_PORTS[self.scheme]

    def __str__(self) -> str:
        return f"{self.scheme}://{percent_encode(self.socket) or self.netloc()}{self.path}"

    def netloc(self) -> str:
        """Host and port as the `Host` header and a URL write them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.explicit_port}" if self.explicit_port else host


def split_host_port(text: str) -> tuple[str, int | None]:
    """Split `host`, `host:port`, `[v6]`, `[v6]:port`. Raises ValueError."""
    if text.startswith("["):
        host, mark, rest = text[1:].partition("]")
        if not mark or (rest and not rest.startswith(":")):
            raise ValueError("the IPv6 address in it is not closed by ]")
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError("the port in it is not a number from 1 to 65535")
    return host, int(port)


HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def percent_encode(text: str, keep: str = "") -> str:
    """Encode text as UTF-8 for a URL; ASCII characters in `keep` stay as they are (RFC 3986, section 2)."""
    kept = UNRESERVED | frozenset(keep.encode())
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def percent_decode(text: str) -> bytes:
    """Undo `percent_encode`; a `%` that two hexadecimal digits do not follow stays."""
    first, *rest = text.encode("utf-8", "surrogateescape").split(b"%")
    decoded = [first]
    for piece in rest:
        is_encoded = len(piece) > 1 and HEX_DIGITS.issuperset(piece[:2])
        decoded.append(bytes([int(piece[:2], 16)]) + piece[2:] if is_encoded else b"%" + piece)
    return b"".join(decoded)
