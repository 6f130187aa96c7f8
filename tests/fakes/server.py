"""An HTTP server that answers as it is told, for the faults that no real Vault can be brought to show.

It serves each connection in a thread of its own and keeps what it was asked. What it is told to answer is a function
from a request to one of:

    Reply    a well-formed response
    Raw      bytes as they are, after which the connection is closed
    Silence  nothing, until the server stops
    Tunnel   "200", and from then on whatever another server says (CONNECT)
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase
    from pathlib import Path
    from types import TracebackType
    from typing import Self


class Asked(NamedTuple):
    """A request as it came; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The API path: without `/v1/` and query."""
        return self.target.partition("?")[0].removeprefix("/v1/")

    def json(self) -> Any:
        return json.loads(self.body)


class Reply(NamedTuple):
    """A response; the body is JSON unless it is bytes."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = {}


class Raw(NamedTuple):
    """Bytes that are written as they are."""

    data: bytes = b""


class Silence(NamedTuple):
    """No answer at all."""


class Tunnel(NamedTuple):
    """A connection to another server of this machine."""

    port: int


Answer: TypeAlias = Reply | Raw | Silence | Tunnel


class FakeServer:
    """Listens on a free port of 127.0.0.1, `at` another place or on a Unix socket, until `stop`; also a context manager.

    With a `greeting` it speaks no HTTP: it sends these bytes, reads something and hangs up.
    """

    def __init__(
        self,
        answer: Callable[[Asked], Answer] = lambda _: Silence(),
        *,
        tls: ssl.SSLContext | None = None,
        path: Path | None = None,
        greeting: bytes | None = None,
        at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.answer = answer
        self.tls = tls
        self.asked: list[Asked] = []
        self.connections: list[socket.socket] = []
        self.stopped = threading.Event()
        self.path = path
        self.greeting = greeting
        self.port = 0
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.listener.listen()
        else:
            family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
            self.listener = socket.create_server(at, family=family)
            self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    @property
    def address(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self.serve, args=(connection,))
            self.threads.append(thread)
            thread.start()

    def serve(self, connection: socket.socket) -> None:
        stream = connection
        try:
            if self.greeting is not None:
                connection.sendall(self.greeting)
                connection.recv(65536)
                return
            if self.tls:
                stream = self.tls.wrap_socket(connection, server_side=True)
                self.connections.append(stream)
            with stream.makefile("rb") as reader:
                while (asked := read_request(reader)) is not None:
                    self.asked.append(asked)
                    if not self.reply(stream, self.answer(asked), asked):
                        break
        except OSError:  # the client has gone, or did not trust us
            pass
        finally:
            stream.close()
            connection.close()

    def reply(self, stream: socket.socket, answer: Answer, asked: Asked) -> bool:
        """Send an answer; whether the connection goes on."""
        if isinstance(answer, Reply):
            stream.sendall(encode_reply(answer, asked))
            return answer.headers.get("Connection") != "close"
        if isinstance(answer, Raw):
            stream.sendall(answer.data)
        elif isinstance(answer, Tunnel):
            stream.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.join_streams(stream, answer.port)
        else:
            self.stopped.wait()
        return False

    def join_streams(self, stream: socket.socket, port: int) -> None:
        """Carry bytes both ways until one side ends."""
        with socket.create_connection(("127.0.0.1", port)) as other:
            self.connections.append(other)
            back = threading.Thread(target=carry, args=(other, stream))
            back.start()
            carry(stream, other)
            back.join()

    def stop(self) -> None:
        """End every connection. Nothing is listening any more when this returns."""
        self.stopped.set()
        close(self.listener)
        self.threads[0].join()
        for connection in list(self.connections):
            close(connection)
        for thread in self.threads[1:]:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def carry(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def read_request(reader: BufferedIOBase) -> Asked | None:
    """Read one request; None at the end of the connection, and for what is no HTTP."""
    line = reader.readline().decode("latin-1")
    if not line.endswith("HTTP/1.1\r\n"):
        return None
    method, target, _ = line.split(" ")
    headers = {}
    while (field := reader.readline().decode("latin-1").strip()) != "":
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(method, target, headers, reader.read(int(headers.get("content-length", 0))))


def encode_reply(reply: Reply, asked: Asked) -> bytes:
    is_json = not isinstance(reply.body, bytes)
    body = json.dumps(reply.body).encode() if is_json else reply.body
    fields = {"Content-Type": "application/json" if is_json else "text/plain", "Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {reply.status} Status", *(f"{k}: {v}" for k, v in {**fields, **reply.headers}.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (b"" if asked.method == "HEAD" else body)
