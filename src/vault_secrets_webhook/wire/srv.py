"""DNS SRV look-up (RFC 2782) for VAULT_SRV_LOOKUP: the C library has none, so the message is written and read here.

Only what that needs: one question over UDP to the servers of /etc/resolv.conf, and the answers' SRV records
(RFC 1035, section 4). A service that is not found is not an error: the host is then used as it is, as Vault does.
"""

from __future__ import annotations

import _socket
import os
from time import monotonic

from .message import split_host_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Record: TypeAlias = tuple[int, int, int, str]  # priority, weight, port, target

RESOLV_CONF = "/etc/resolv.conf"
TYPE_SRV, CLASS_IN = b"\x00\x21", b"\x00\x01"
RECURSION_DESIRED = b"\x01\x00"
HEADER_SIZE = 12
POINTER = 0xC0
MAX_LABELS = 128
MAX_MESSAGE = 4096
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
SECONDS_PER_SERVER = 2.0
SECONDS = 10.0


class BadMessage(Exception):
    """A DNS message that cannot be read, or does not belong to the question."""


def choose_target(host: str, resolv_conf: str = RESOLV_CONF, seconds: float = SECONDS) -> tuple[str, int] | None:
    """Look up `_http._tcp.HOST`; host and port of the best record, or None when there is no answer with one in `seconds`.

    The best is the one of lowest priority, and of those the one of highest weight.
    """
    question = encode_question(f"_http._tcp.{host}", os.urandom(2))
    end = monotonic() + seconds
    for address, port in read_servers(resolv_conf):
        left = end - monotonic()
        if left <= 0:
            return None
        try:
            answer = ask(address, port, question, min(left, SECONDS_PER_SERVER))
            records = [*filter(is_usable, read_records(answer, question))]
        except (OSError, BadMessage):
            continue
        if records:
            _, _, chosen_port, target = min(records, key=lambda record: (record[0], -record[1]))
            return target, chosen_port
    return None


def is_usable(record: Record) -> bool:
    """Tell whether a record names a port of a host: the target `.` says that there is no such service."""
    *_, port, target = record
    return port > 0 and target != "" and NAME_CHARACTERS.issuperset(target)


def read_servers(resolv_conf: str) -> list[tuple[str, int]]:
    """Read the name servers of a resolv.conf (`nameserver ADDRESS`, or `[ADDRESS]:PORT`).

    As bytes: a stream for text would need a codec, and a name that is not ASCII another one.
    """
    try:
        with open(resolv_conf, "rb") as file:
            fields = [line.split() for line in file]
    except OSError:
        return []
    servers = []
    for field in fields:
        if len(field) > 1 and field[0] == b"nameserver":
            try:
                text = field[1].decode("ascii")
                is_plain_v6 = text.count(":") > 1 and not text.startswith("[")
                host, port = (text, None) if is_plain_v6 else split_host_port(text)
            except ValueError:
                continue
            servers.append((host, port or 53))
    return servers


def ask(address: str, port: int, question: bytes, seconds: float) -> bytes:
    """Send the question to one server and give what it answers in time. Raises OSError."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    sock = _socket.socket(family, _socket.SOCK_DGRAM)
    try:
        sock.settimeout(seconds)
        sock.connect((address, port))  # so that only this server's packets arrive
        sock.send(question)
        return sock.recv(MAX_MESSAGE)
    finally:
        sock.close()


def encode_question(name: str, identity: bytes) -> bytes:
    """Write a message that asks for the SRV records of a name; `identity` is two bytes that nobody can guess."""
    labels = [label.encode() for label in name.rstrip(".").split(".")]
    encoded = b"".join(bytes([min(len(label), 63)]) + label[:63] for label in labels)
    return identity + RECURSION_DESIRED + b"\x00\x01" + bytes(6) + encoded + b"\x00" + TYPE_SRV + CLASS_IN


def read_records(message: bytes, question: bytes) -> list[Record]:
    """Read the SRV records of an answer. Raises BadMessage."""
    asked = question[HEADER_SIZE:]
    if message[:2] != question[:2] or message[HEADER_SIZE : HEADER_SIZE + len(asked)].lower() != asked.lower():
        raise BadMessage
    count = int.from_bytes(message[6:8], "big")
    position = HEADER_SIZE + len(asked)
    records: list[Record] = []
    for _ in range(count):
        position = read_name(message, position)[1]
        kind, length = message[position : position + 2], int.from_bytes(message[position + 8 : position + 10], "big")
        data = position + 10
        position = data + length
        if position > len(message):
            raise BadMessage
        if kind == TYPE_SRV:
            priority, weight, port = (int.from_bytes(message[at : at + 2], "big") for at in (data, data + 2, data + 4))
            target = read_name(message, data + 6)[0]
            records.append((priority, weight, port, target))
    return records


def read_name(message: bytes, position: int) -> tuple[str, int]:
    """Read a name, which may point back into the message; the name, and the offset behind it. Raises BadMessage."""
    labels: list[str] = []
    end: int | None = None
    for _ in range(MAX_LABELS):
        if position >= len(message):
            break
        length = message[position]
        if length == 0:
            return ".".join(labels), position + 1 if end is None else end
        if length >= POINTER:
            end = position + 2 if end is None else end
            position = int.from_bytes(message[position : position + 2], "big") & 0x3FFF
            continue
        labels.append(message[position + 1 : position + 1 + length].decode("latin-1"))
        position += 1 + length
    raise BadMessage
