"""A name server for pods: it knows one name, for IPv4 only, and keeps what it was asked. See RFC 1035, section 4."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Self

PORT = 53
IPV4 = 1
ANSWER, NO_SUCH_NAME = 0x8580, 0x8583  # flags: a response, authoritative, recursion as was desired and is available


class Question(NamedTuple):
    """A name in lower case, without the dot at its end, and the number of a type of records."""

    name: str
    type: int


class NameServer:
    """Answers at port 53 of `address` that `name` is there too; also a context manager."""

    def __init__(self, address: str, name: str) -> None:
        self.asked: list[Question] = []
        self._address = ipaddress.IPv4Address(address)
        self._name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, PORT))
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:  # from `__exit__`
                return
            with contextlib.suppress(OSError):  # the client has gone
                self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        question, end = read_question(query)
        self.asked.append(question)
        is_known = question.name == self._name
        records = b""
        if is_known and question.type == IPV4:
            # The name is that of the question, 12 bytes after the start; class IN, one second, four bytes.
            records = struct.pack(">HHHIH", 0xC00C, IPV4, 1, 1, 4) + self._address.packed
        flags = ANSWER if is_known else NO_SUCH_NAME
        return query[:2] + struct.pack(">HHHHH", flags, 1, bool(records), 0, 0) + query[12:end] + records

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closing:
            closing.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


def read_question(query: bytes) -> tuple[Question, int]:
    """Read the question of a query, and where it ends."""
    labels, position = [], 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode().lower())
        position += 1 + length
    (kind,) = struct.unpack_from(">H", query, position + 1)
    return Question(".".join(labels), kind), position + 5
