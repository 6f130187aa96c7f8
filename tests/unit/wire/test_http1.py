"""HTTP/1.1 as bytes: what a request looks like, and what is and is not a response."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.wire import http1
from vault_secrets_webhook.wire.http1 import CutShort, ProtocolError, ResponseReader, encode_request
from vault_secrets_webhook.wire.message import Request

OK = b"HTTP/1.1 200 OK\r\n"
ADDRESS = "http://vault:8200"

REQUESTS: list[tuple[str, Request, bool, bytes]] = [
    (
        "get",
        Request("GET", f"{ADDRESS}/v1/a?version=1", {"X-Vault-Token": "t"}),
        False,
        b"GET /v1/a?version=1 HTTP/1.1\r\nHost: vault:8200\r\nX-Vault-Token: t\r\n\r\n",
    ),
    ("no path", Request("GET", "http://vault"), False, b"GET / HTTP/1.1\r\nHost: vault\r\n\r\n"),
    (
        "body",
        Request("PUT", f"{ADDRESS}/v1/a", body=b"{}"),
        False,
        b"PUT /v1/a HTTP/1.1\r\nHost: vault:8200\r\nContent-Length: 2\r\n\r\n{}",
    ),
    (
        "put without body",
        Request("PUT", f"{ADDRESS}/v1/a"),
        False,
        b"PUT /v1/a HTTP/1.1\r\nHost: vault:8200\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "through a proxy",
        Request("GET", f"{ADDRESS}/v1/a"),
        True,
        b"GET http://vault:8200/v1/a HTTP/1.1\r\nHost: vault:8200\r\n\r\n",
    ),
    ("IPv6", Request("GET", "https://[::1]:8200/x"), False, b"GET /x HTTP/1.1\r\nHost: [::1]:8200\r\n\r\n"),
    (
        "Unix socket",
        Request("GET", "unix://%2Frun%2Fvault.sock/v1/a"),
        False,
        b"GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
]


@pytest.mark.parametrize(
    ("request_", "absolute", "expected"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
def test_request(request_: Request, absolute: bool, expected: bytes) -> None:
    assert encode_request(request_, absolute=absolute) == expected


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\0b"])
def test_header_cannot_start_a_line(value: str) -> None:
    with pytest.raises(ValueError, match="X-Name has a line break"):
        encode_request(Request("GET", ADDRESS, {"X-Name": value}))


def test_representation_hides_headers_and_body() -> None:
    assert "hunter2" not in repr(Request("PUT", ADDRESS, {"X-Vault-Token": "hunter2"}, b"hunter2"))


def read(data: bytes, method: str = "GET", *, ends: bool = False) -> tuple[int, bytes, bool]:
    """Status, body and whether the connection can be used again; fails unless the response is whole."""
    reader = ResponseReader(method=method)
    reader.feed(data)
    if ends:
        reader.end()
    assert reader.is_complete
    response = reader.response()
    return response.status, response.body, reader.keeps_alive


WHOLE: list[tuple[str, bytes, tuple[int, bytes, bool]]] = [
    ("counted", OK + b"Content-Length: 3\r\n\r\nabc", (200, b"abc", True)),
    ("empty", OK + b"Content-Length: 0\r\n\r\n", (200, b"", True)),
    ("equal lengths", OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", (200, b"abc", True)),
    ("equal lengths in one field", OK + b"Content-Length: 3, 3\r\n\r\nabc", (200, b"abc", True)),
    ("asked to close", OK + b"Connection: Close\r\nContent-Length: 1\r\n\r\na", (200, b"a", False)),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", (200, b"a", False)),
    ("no reason", b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", (404, b"", True)),
    ("empty reason", b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", (404, b"", True)),
    ("no content", b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
    ("no content, with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", (204, b"", True)),
    ("not modified", b"HTTP/1.1 304 Not Modified\r\n\r\n", (304, b"", True)),
    ("chunked", OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", (200, b"abcde", True)),
    ("chunked, no body", OK + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", (200, b"", True)),
    (
        "size in capitals",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0A\r\n0123456789\r\n0\r\n\r\n",
        (200, b"0123456789", True),
    ),
    ("chunk extension", OK + b"Transfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0;z\r\n\r\n", (200, b"a", True)),
    ("trailer", OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\nZ: z\r\n\r\n", (200, b"a", True)),
    (
        "line breaks in a chunk",
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
        (200, b"\r\n\r\n", True),
    ),
    ("continue", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", (200, b"a", True)),
    (
        "early hints twice",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2 + b"HTTP/1.1 204 No Content\r\n\r\n",
        (204, b"", True),
    ),
]


@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in WHOLE], ids=[row[0] for row in WHOLE])
def test_response(data: bytes, expected: tuple[int, bytes, bool]) -> None:
    assert read(data) == expected


def test_body_ends_with_the_connection() -> None:
    assert read(OK + b"\r\nabc", ends=True) == (200, b"abc", False)
    assert read(OK + b"\r\n", ends=True) == (200, b"", False)


def test_answer_to_head_has_no_body() -> None:
    assert read(OK + b"Content-Length: 5\r\n\r\n", "HEAD") == (200, b"", True)


def test_tunnel_starts_behind_the_head() -> None:
    assert read(b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n", "CONNECT")[:2] == (200, b"")


def test_refused_tunnel_has_a_body() -> None:
    data = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"
    assert read(data, "CONNECT") == (407, b"no", True)


def test_fields() -> None:
    reader = ResponseReader()
    reader.feed(OK + b"X-One: 1\r\nx-one:\t2 \r\nEmpty:\r\nContent-Length: 0\r\n\r\n")
    assert reader.response().headers == {"x-one": "1, 2", "empty": "", "content-length": "0"}


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GARBAGE: list[tuple[str, bytes]] = [
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
    ("HTTP/2", b"HTTP/2 200\r\n\r\n"),
    ("HTTP/1.2", b"HTTP/1.2 200 OK\r\n\r\n"),
    ("lower case", b"http/1.1 200 OK\r\n\r\n"),
    ("blank line first", b"\r\nHTTP/1.1 200 OK\r\n\r\n"),
    ("no status", b"HTTP/1.1\r\n\r\n"),
    ("status of two digits", b"HTTP/1.1 20 OK\r\n\r\n"),
    ("status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
    ("superscript digits", b"HTTP/1.1 2\xb2\xb3 OK\r\n\r\n"),
    ("status below 100", b"HTTP/1.1 099 X\r\n\r\n"),
    ("status above 599", b"HTTP/1.1 999 X\r\n\r\n"),
    ("negative status", b"HTTP/1.1 -20 X\r\n\r\n"),
    ("field without colon", OK + b"nothing\r\n\r\n"),
    ("field without name", OK + b": x\r\n\r\n"),
    ("space before the colon", OK + b"Content-Length : 3\r\n\r\nabc"),
    ("folded field", OK + b"A: b\r\n c\r\n\r\n"),
    ("both lengths", OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("both lengths, other order", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
    ("empty coding and length", OK + b"Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc"),
    ("two codings", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
    ("chunked twice", OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("other coding", OK + b"Transfer-Encoding: identity\r\n\r\n"),
    ("lengths that differ", OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n"),
    ("negative length", OK + b"Content-Length: -3\r\n\r\n"),
    ("signed length", OK + b"Content-Length: +3\r\n\r\n"),
    ("hexadecimal length", OK + b"Content-Length: 0x3\r\n\r\n"),
    ("empty length", OK + b"Content-Length:\r\n\r\n"),
    ("superscript length", OK + b"Content-Length: \xb2\r\n\r\n"),
    ("endless length", OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
    ("large length", OK + f"Content-Length: {http1.MAX_BODY + 1}\r\n\r\n".encode()),
    ("bytes behind the body", OK + b"Content-Length: 1\r\n\r\nab"),
    ("second response", OK + b"Content-Length: 1\r\n\r\na" + OK),
    ("bytes behind no content", b"HTTP/1.1 204 No Content\r\n\r\na"),
    ("bytes behind the chunks", CHUNKED + b"0\r\n\r\na"),
    ("chunk without size", CHUNKED + b"\r\n"),
    ("chunk of no number", CHUNKED + b"x\r\n"),
    ("chunk of 0x1", CHUNKED + b"0x1\r\na\r\n"),
    ("negative chunk", CHUNKED + b"-1\r\n"),
    ("underscore in the size", CHUNKED + b"1_0\r\n"),
    ("chunk of 4 GiB and more", CHUNKED + b"100000000\r\n"),
    ("chunk longer than it says", CHUNKED + b"1\r\nab\r\n"),
    ("chunk shorter than it says", CHUNKED + b"3\r\na\r\n0\r\n\r\n"),
    ("endless head", OK + b"A: " + b"a" * http1.MAX_HEAD),
    ("large head that ends", OK + b"A: " + b"a" * http1.MAX_HEAD + b"\r\n\r\n"),
    ("endless line of a chunk", CHUNKED + b"1;" + b"a" * http1.MAX_HEAD),
    ("large line of a chunk that ends", CHUNKED + b"1;" + b"a" * http1.MAX_HEAD + b"\r\n"),
]


@pytest.mark.parametrize("data", [row[1] for row in GARBAGE], ids=[row[0] for row in GARBAGE])
def test_no_response(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        ResponseReader().feed(data)


CUT: list[tuple[str, bytes, str]] = [
    ("at once", b"", "the response's head"),
    ("in the status line", b"HTTP/1.1 2", "the response's head"),
    ("in the fields", OK + b"A: b\r\n", "the response's head"),
    ("behind an informational response", b"HTTP/1.1 100 Continue\r\n\r\n", "the"),
    ("in a counted body", OK + b"Content-Length: 3\r\n\r\nab", "the body"),
    ("in a chunk", CHUNKED + b"3\r\nab", "the body"),
    ("between chunks", CHUNKED + b"3\r\nabc\r\n", "the body"),
    ("before the last line", CHUNKED + b"0\r\n", "the body"),
]


@pytest.mark.parametrize(("data", "where"), [row[1:] for row in CUT], ids=[row[0] for row in CUT])
def test_cut_short(data: bytes, where: str) -> None:
    reader = ResponseReader()
    assert reader.feed(data) is False
    with pytest.raises(CutShort, match=f"closed in the middle of {where}"):
        reader.end()


def test_body_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "MAX_BODY", 10)
    for head, chunk in ((OK + b"\r\n", b"12345"), (CHUNKED, b"5\r\n12345\r\n")):
        reader = ResponseReader()
        reader.feed(head + chunk * 2)
        with pytest.raises(ProtocolError, match="larger than"):
            reader.feed(chunk)
