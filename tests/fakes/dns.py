"""A name server with a table of names, over UDP and TCP of 127.0.0.1; it keeps what it was asked.

Source: RFC 1035, section 4.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

PORT = 53
A, AAAA, SRV = 1, 28, 33
IN = 1
ANSWER, TRUNCATED, RECURSIVE, NAME_ERROR = 0x8000, 0x0200, 0x0180, 3
HEADER = struct.Struct(">6H")


class Question(NamedTuple):
    """A question as it came: by `udp` or `tcp`, name in lower case and without the last dot, and type."""

    way: str
    name: str
    kind: int


class Service(NamedTuple):
    """Where a service is, as a record of type SRV says."""

    priority: int
    weight: int
    port: int
    target: str


class NameServer:
    """Answers with addresses and services until `stop`; also a context manager. An unknown name does not exist.

    Names of `truncated` are answered in full over TCP only, those of `ignored` never.
    """

    def __init__(
        self,
        table: Mapping[str, Sequence[str | Service]],
        *,
        truncated: Sequence[str] = (),
        ignored: Sequence[str] = (),
        port: int = PORT,
    ) -> None:
        self.table = table
        self.truncated = truncated
        self.ignored = ignored
        self.asked: list[Question] = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", port))
        self.tcp = socket.create_server(("127.0.0.1", self.udp.getsockname()[1]))
        self.is_stopped = False
        self.threads = [threading.Thread(target=serve) for serve in (self.serve_udp, self.serve_tcp)]
        for thread in self.threads:
            thread.start()

    @property
    def names(self) -> list[str]:
        """The names that were asked for, each once, in their order."""
        return list(dict.fromkeys(question.name for question in self.asked))

    def serve_udp(self) -> None:
        while True:
            data, client = self.udp.recvfrom(4096)
            if self.is_stopped:
                return
            if answer := self.answer("udp", data):
                self.udp.sendto(answer, client)

    def serve_tcp(self) -> None:
        while True:
            connection, _ = self.tcp.accept()
            with connection, connection.makefile("rb") as reader:
                if self.is_stopped:
                    return
                while size := reader.read(2):
                    answer = self.answer("tcp", reader.read(int.from_bytes(size)))
                    connection.sendall(len(answer).to_bytes(2) + answer)

    def answer(self, way: str, data: bytes) -> bytes:
        """Give the answer to a question; empty for none."""
        name, end = read_name(data)
        kind, _ = struct.unpack_from(">2H", data, end)
        self.asked.append(Question(way, name, kind))
        if name in self.ignored:
            return b""
        known = self.table.get(name)
        records = [encode_record(kind, entry) for entry in known or () if kind_of(entry) == kind]
        flags = ANSWER | RECURSIVE | (0 if known is not None else NAME_ERROR)
        if way == "udp" and name in self.truncated:
            flags, records = flags | TRUNCATED, []
        return (
            HEADER.pack(int.from_bytes(data[:2]), flags, 1, len(records), 0, 0) + data[12 : end + 4] + b"".join(records)
        )

    def stop(self) -> None:
        """End it. Nothing is listening any more when this returns."""
        self.is_stopped = True
        address = self.udp.getsockname()
        self.udp.sendto(b"", address)
        socket.create_connection(address).close()
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def read_name(data: bytes) -> tuple[str, int]:
    """Read the question's name; it and the offset behind it."""
    labels, at = [], HEADER.size
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode())
        at += 1 + size
    return ".".join(labels).lower(), at + 1


def kind_of(entry: str | Service) -> int:
    if isinstance(entry, Service):
        return SRV
    return AAAA if ":" in entry else A


def encode_record(kind: int, entry: str | Service) -> bytes:
    """Write a record that is good for a minute; its name is the question's."""
    if isinstance(entry, Service):
        labels = [bytes([len(label)]) + label.encode() for label in entry.target.split(".")]
        data = struct.pack(">3H", entry.priority, entry.weight, entry.port) + b"".join(labels) + b"\0"
    else:
        data = ipaddress.ip_address(entry).packed
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, IN, 60, len(data)) + data
