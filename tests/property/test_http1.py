"""A response means the same however the network cuts it, and nothing else gets through."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import example, given
from hypothesis import strategies as st

from vault_secrets_webhook.wire.http1 import ProtocolError, ResponseReader

Outcome: TypeAlias = tuple[int, bytes, dict[str, str], bool, bool]

BODIES = st.binary(max_size=40)
STATUSES = st.sampled_from([200, 204, 304, 400, 403, 404, 500, 503])
INFORMATIONAL = st.lists(
    st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nA: b\r\n\r\n"]), max_size=2
)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A well-formed response, in any of the ways to delimit a body."""
    status, body = draw(STATUSES), draw(BODIES)
    head = b"".join(draw(INFORMATIONAL)) + f"HTTP/1.1 {status} Reason\r\n".encode()
    kind = draw(st.sampled_from(["counted", "chunked", "closed"]))
    if status in {204, 304}:
        return head + b"\r\n"
    if kind == "closed":
        return head + b"\r\n" + body
    if kind == "counted":
        return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    size = draw(st.integers(1, 10))
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    encoded = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    return (
        head
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + encoded
        + b"0\r\n"
        + draw(st.sampled_from([b"", b"A: b\r\n"]))
        + b"\r\n"
    )


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A response with bytes changed, removed or added."""
    data = bytearray(draw(responses()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


def read(pieces: list[bytes]) -> Outcome | type[ProtocolError]:
    """What a reader makes of the pieces and the end of the connection behind them."""
    reader = ResponseReader()
    try:
        for piece in pieces:
            reader.feed(piece)
        if not reader.is_complete:
            reader.end()
    except ProtocolError:
        return ProtocolError
    response = reader.response()
    return response.status, response.body, response.headers, reader.is_complete, reader.keeps_alive


def in_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@given(responses())
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
def test_byte_by_byte_is_as_whole(data: bytes) -> None:
    whole = read([data])
    assert whole is not ProtocolError
    assert read(in_bytes(data)) == whole


@given(mutilated() | st.binary(max_size=100) | st.binary(max_size=60).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data))
@example(b"HTTP/1.1 2\xb2\xb3 OK\r\n\r\n")
def test_garbage_raises_only_protocol_error_however_it_is_cut(data: bytes) -> None:
    assert read(in_bytes(data)) == read([data])


@given(responses(), st.data())
def test_any_two_pieces_are_as_whole(data: bytes, drawn: st.DataObject) -> None:
    at = drawn.draw(st.integers(0, len(data)))
    assert read([data[:at], data[at:]]) == read([data])
