"""SRV records: the message as bytes, and a real look-up at a name server on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.wire import srv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def encode_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def answer(question: bytes, records: list[tuple[int, int, int, str]], *, extra: bytes = b"") -> bytes:
    """An answer whose records point back to the question's name, as every server writes them."""
    header = question[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, len(records) + bool(extra), 0, 0)
    body = b""
    for priority, weight, port, target in records:
        data = struct.pack(">HHH", priority, weight, port) + encode_name(target)
        body += b"\xc0\x0c" + srv.TYPE_SRV + srv.CLASS_IN + bytes(4) + struct.pack(">H", len(data)) + data
    return header + question[srv.HEADER_SIZE :] + extra + body


@pytest.fixture
def name_server(tmp_path: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """A name server, and a resolv.conf that names it behind a dead one."""
    questions: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                question, client = server.recvfrom(512)
                if question == b"end":
                    return
                questions.append(question)
                records = [(10, 1, 8201, "far.example"), (5, 1, 8202, "light.example"), (5, 9, 8203, "near.example")]
                server.sendto(answer(question, records), client)

        thread = threading.Thread(target=serve)
        thread.start()
        conf = tmp_path / "resolv.conf"
        conf.write_text(f"search example\nnameserver [127.0.0.1]:1\nnameserver [127.0.0.1]:{server.getsockname()[1]}\n")
        try:
            yield conf, questions
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"end", server.getsockname())
            thread.join()


def test_the_record_of_lowest_priority_and_highest_weight_is_chosen(name_server: tuple[Path, list[bytes]]) -> None:
    conf, questions = name_server
    assert srv.choose_target("vault.example", str(conf)) == ("near.example", 8203)
    assert [encode_name("_http._tcp.vault.example") in question for question in questions] == [True]


def test_no_name_server_is_no_error(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver [127.0.0.1]:1\n")
    assert srv.choose_target("vault.example", str(conf)) is None
    assert srv.choose_target("vault.example", str(tmp_path / "none")) is None


def test_silent_name_servers_have_the_time_that_is_given_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [100.0], []

    def be_silent(address: str, port: int, question: bytes, seconds: float) -> bytes:
        asked.append((address, seconds))
        now[0] += seconds
        raise TimeoutError

    monkeypatch.setattr(srv, "monotonic", lambda: now[0])
    monkeypatch.setattr(srv, "ask", be_silent)
    conf = tmp_path / "resolv.conf"
    conf.write_text("".join(f"nameserver 192.0.2.{number}\n" for number in range(1, 4)))
    assert srv.choose_target("vault.example", str(conf), seconds=3.0) is None
    assert asked == [("192.0.2.1", 2.0), ("192.0.2.2", 1.0)]


def test_silent_name_server_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        conf = tmp_path / "resolv.conf"
        conf.write_text(f"nameserver [127.0.0.1]:{server.getsockname()[1]}\n")
        assert srv.choose_target("vault.example", str(conf), seconds=0.1) is None
        assert b"vault" in server.recv(512)


QUESTION = srv.encode_question("_http._tcp.v.example", b"\x12\x34")
GOOD = answer(QUESTION, [(1, 2, 3, "a.example")])


def test_records_of_other_types_are_passed_over() -> None:
    alias = b"\xc0\x0c" + b"\x00\x05" + srv.CLASS_IN + bytes(4) + b"\x00\x02\xc0\x0c"
    message = answer(QUESTION, [(1, 2, 3, "a.example")], extra=alias)
    assert srv.read_records(message, QUESTION) == [(1, 2, 3, "a.example")]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00\x00" + GOOD[2:], id="another identity"),
        pytest.param(GOOD[:-3], id="cut in the record"),
        pytest.param(GOOD[: len(GOOD) - 20], id="cut in the record's head"),
        pytest.param(GOOD.replace(b"\xc0\x0c", bytes([0xC0, len(QUESTION)])), id="a name that points to itself"),
        pytest.param(GOOD.replace(b"\x01v", b"\x01w"), id="the answer to another question"),
    ],
)
def test_a_bad_message_is_refused(message: bytes) -> None:
    with pytest.raises(srv.BadMessage):
        srv.read_records(message, QUESTION)


@pytest.mark.parametrize(
    "record", [(0, 0, 0, "a.example"), (0, 0, 1, ""), (0, 0, 1, "a/b"), (0, 0, 1, "a@b"), (0, 0, 1, "\xff")]
)
def test_a_record_that_names_no_port_of_a_host_is_passed_over(
    record: tuple[int, int, int, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver [::1\nnameserver 127.0.0.1\n")
    monkeypatch.setattr(srv, "ask", lambda *_: b"")
    found = [record]
    monkeypatch.setattr(srv, "read_records", lambda *_: found)
    assert srv.choose_target("vault.example", str(conf)) is None
    found.append((9, 0, 8200, "vault-0.example"))
    assert srv.choose_target("vault.example", str(conf)) == ("vault-0.example", 8200)


def test_name_servers(tmp_path: Path) -> None:
    """Whatever stands in the file, and without a codec that the static executable has not."""
    conf = tmp_path / "resolv.conf"
    conf.write_bytes(
        b"# \xff\nsearch a b\r\nnameserver 192.0.2.1\r\n nameserver\t2001:db8::1 # x\nnameserver [::1]:5353\n"
        b"nameserver m\xc3\xbcnchen\nnameserver \xff\nnameserver\nNAMESERVER 192.0.2.2\nnameserver 192.0.2.3:x\nnameserver [::2]"
    )
    assert srv.read_servers(str(conf)) == [("192.0.2.1", 53), ("2001:db8::1", 53), ("::1", 5353), ("::2", 53)]
    assert srv.read_servers(str(tmp_path / "gone")) == []
