"""HTTP/1.1 (RFC 9112) for a client, as bytes in and values out: what is sent, and a reader for what comes back.

The reader is fed whatever a socket gave, byte by byte if need be, and says when the response is whole. Every limit
is here, so that a stranger's server can neither fill the memory nor keep us reading.
"""

from __future__ import annotations

from vault_secrets_webhook.goparse import is_digits

from .message import HEX_DIGITS, URL, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .message import Request

MAX_HEAD = 64 * 1024
MAX_BODY = 32 * 1024 * 1024
NO_BODY = frozenset((204, 304))


class ProtocolError(Exception):
    """What came is not an HTTP response, or is larger than any that Vault gives."""


class CutShort(ProtocolError):
    """The connection was closed before the response was whole."""


def encode_request(request: Request, *, absolute: bool = False) -> bytes:
    """Write the request's bytes; `absolute` is the form that an HTTP proxy takes (RFC 9112, 3.2.2)."""
    url = URL(request.url)
    target = request.url if absolute else url.path or "/"
    lines = [f"{request.method} {target} HTTP/1.1"]
    headers = {"Host": url.netloc() or "localhost", **request.headers}
    if request.body or request.method not in {"GET", "HEAD", "LIST", "CONNECT"}:
        headers["Content-Length"] = str(len(request.body))
    for name, value in headers.items():
        if any(char in value for char in "\r\n\0"):
            raise ValueError(f"the header {name} has a line break in it")
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body


class ResponseReader:
    """Collects one response. `feed` bytes until it returns True, or call `end` when the peer has closed.

    Informational responses (1xx) are passed over. Bytes behind the response are an error: nothing was asked for.
    """

    def __init__(self, *, method: str = "GET") -> None:
        self.buffer = bytearray()
        self.method = method
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.remaining: int | None = None
        self.step = self.read_head
        self.is_complete = False
        self.keeps_alive = False

    def feed(self, data: bytes) -> bool:
        """Take bytes; returns whether the response is whole. Raises ProtocolError."""
        self.buffer += data
        while not self.is_complete and self.step():
            pass
        if self.is_complete and self.buffer:
            raise ProtocolError("bytes follow the response")
        return self.is_complete

    def end(self) -> None:
        """Tell that the peer has closed. Raises ProtocolError unless that is how this response ends."""
        if self.step != self.read_until_closed:
            what = "the body" if self.status else "the response's head"
            raise CutShort(f"the connection was closed in the middle of {what}")
        self.is_complete = True
        self.keeps_alive = False

    def response(self) -> Response:
        """Give the whole response."""
        return Response(self.status, self.headers, bytes(self.body))

    def read_head(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end > MAX_HEAD:
            raise ProtocolError("the response's head is larger than 64 KiB")
        if end < 0:
            if len(self.buffer) > MAX_HEAD + 3 or not b"HTTP/1.".startswith(self.buffer[:7]):
                raise ProtocolError("this is not an HTTP/1.1 response")
            return False
        head = self.buffer[:end].decode("latin-1").split("\r\n")
        del self.buffer[: end + 4]
        self.status = read_status(head[0])
        self.headers = read_fields(head[1:])
        if self.status >= 200:  # noqa: PLR2004 - the first that is not informational
            self.choose_body(is_http11=head[0].startswith("HTTP/1.1"))
        return True

    def choose_body(self, *, is_http11: bool) -> None:
        """Choose how the body is delimited (RFC 9112, section 6.3)."""
        connection = self.headers.get("connection", "").lower()
        self.keeps_alive = is_http11 and "close" not in connection
        is_tunnel = self.method == "CONNECT" and self.status < 300  # noqa: PLR2004 - 2xx: what follows is the tunnel's
        if self.method == "HEAD" or self.status in NO_BODY or is_tunnel:
            self.is_complete = True
        elif (coding := self.headers.get("transfer-encoding")) is not None:
            if coding.lower().strip() != "chunked" or "content-length" in self.headers:
                raise ProtocolError("the body's transfer coding cannot be read")
            self.step = self.read_chunk_size
        elif (length := self.headers.get("content-length")) is not None:
            self.remaining = read_length(length)
            self.step = self.read_counted
        else:
            self.keeps_alive = False
            self.step = self.read_until_closed

    def read_counted(self) -> bool:
        self.take_body()
        self.is_complete = self.remaining == 0
        return False

    def read_until_closed(self) -> bool:
        self.remaining = None
        self.take_body()
        return False

    def read_chunk_size(self) -> bool:
        line = self.take_line()
        if line is None:
            return False
        digits = line.partition(b";")[0].strip()
        if not digits or not HEX_DIGITS.issuperset(digits) or len(digits) > 8:  # noqa: PLR2004 - 4 GiB is too much
            raise ProtocolError("the size of a chunk cannot be read")
        self.remaining = int(digits, 16)
        self.step = self.read_chunk if self.remaining else self.read_trailer
        return True

    def read_chunk(self) -> bool:
        self.take_body()
        if self.remaining:
            return False
        self.step = self.read_chunk_end
        return True

    def read_chunk_end(self) -> bool:
        line = self.take_line()
        if line is None:
            return False
        if line:
            raise ProtocolError("a chunk is longer than it says")
        self.step = self.read_chunk_size
        return True

    def read_trailer(self) -> bool:
        line = self.take_line()
        self.is_complete = line == b""
        return line is not None

    def take_line(self) -> bytes | None:
        end = self.buffer.find(b"\r\n")
        if end > MAX_HEAD or (end < 0 and len(self.buffer) > MAX_HEAD + 1):
            raise ProtocolError("a line of the chunked body has no end")
        if end < 0:
            return None
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    def take_body(self) -> None:
        """Move what has come, and belongs to the body, into it."""
        count = len(self.buffer) if self.remaining is None else min(self.remaining, len(self.buffer))
        if len(self.body) + count > MAX_BODY:
            raise ProtocolError("the body is larger than 32 MiB")
        self.body += self.buffer[:count]
        del self.buffer[:count]
        if self.remaining is not None:
            self.remaining -= count


def read_status(line: str) -> int:
    """Read the status of `HTTP/1.1 200 OK`."""
    version, _, rest = line.partition(" ")
    status = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not is_digits(status) or rest[3:4] not in {"", " "}:
        raise ProtocolError("this is not an HTTP/1.1 response")
    if not 100 <= int(status) <= 599:  # noqa: PLR2004 - RFC 9110, section 15
        raise ProtocolError("the status of the response is none")
    return int(status)


def read_fields(lines: list[str]) -> dict[str, str]:
    """Read header fields; names in lower case, repeated ones joined by commas (RFC 9110, section 5.3)."""
    fields: dict[str, str] = {}
    for line in lines:
        name, mark, value = line.partition(":")
        if not mark or not name or name != name.strip():
            raise ProtocolError("a header field cannot be read")
        name, value = name.lower(), value.strip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def read_length(text: str) -> int:
    """Read Content-Length; equal repeated values count as one."""
    values = {value.strip() for value in text.split(",")}
    value = values.pop()
    if values or not is_digits(value):
        raise ProtocolError("the body's length cannot be read")
    length = int(value)
    if length > MAX_BODY:
        raise ProtocolError("the body is larger than 32 MiB")
    return length
