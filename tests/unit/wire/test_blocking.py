"""The blocking transport against a server that does as it is told."""

from __future__ import annotations

import _socket
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.server import Asked, FakeServer, Raw, Reply, Silence, Tunnel
from tests.servers.process import find_free_port
from vault_secrets_webhook.errors import Unreachable
from vault_secrets_webhook.wire import blocking
from vault_secrets_webhook.wire.blocking import BlockingTransport
from vault_secrets_webhook.wire.message import Request, Response
from vault_secrets_webhook.wire.proxy import ProxySettings
from vault_secrets_webhook.wire.tls import TLSSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.certificates import Authority
    from tests.fakes.server import Answer

LONG, SHORT = 30.0, 0.2


@pytest.fixture
def transport() -> Iterator[BlockingTransport]:
    transport = BlockingTransport()
    yield transport
    transport.close()


def get(transport: BlockingTransport, url: str, timeout: float = LONG) -> Response:
    return transport.send(Request("GET", url, {"X-Vault-Token": "t"}), timeout)


def always(answer: Answer) -> Any:
    return lambda _: answer


def test_request_and_response(transport: BlockingTransport) -> None:
    with FakeServer(always(Reply(201, {"a": 1}, {"X-Name": "v"}))) as server:
        response = transport.send(Request("PUT", f"{server.address}/v1/a?b=c", {"X-Vault-Token": "t"}, b"{}"), LONG)
        assert (response.status, response.body, response.headers["x-name"]) == (201, b'{"a": 1}', "v")
        (asked,) = server.asked
        assert asked == Asked(
            "PUT",
            "/v1/a?b=c",
            {"host": f"127.0.0.1:{server.port}", "x-vault-token": "t", "content-length": "2"},
            b"{}",
        )


def test_connection_is_kept(transport: BlockingTransport) -> None:
    with FakeServer(always(Reply(200, b"x" * 200_000))) as server:
        assert {len(get(transport, server.address).body) for _ in range(5)} == {200_000}
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"ab", {"Connection": "close"}),
        Raw(b"HTTP/1.1 200 OK\r\n\r\nab"),
        Raw(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab"),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"),  # says that it will stay, and goes
    ],
    ids=["asked to close", "no length", "HTTP/1.0", "closed behind our back"],
)
def test_closed_connection_is_made_anew(transport: BlockingTransport, answer: Answer) -> None:
    with FakeServer(always(answer)) as server:
        assert [get(transport, server.address).body for _ in range(3)] == [b"ab"] * 3
        assert (len(server.connections), len(server.asked)) == (3, 3)


def test_kept_connection_that_fails_in_an_answer_is_not_tried_again(transport: BlockingTransport) -> None:
    answers: Iterator[Answer] = iter([Reply(200, b"ok"), Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")])
    with FakeServer(lambda _: next(answers)) as server:
        get(transport, server.address)
        with pytest.raises(Unreachable, match="closed in the middle of the body"):
            get(transport, server.address)
        assert len(server.asked) == 2


def test_write_is_made_once_and_not_on_a_kept_connection(transport: BlockingTransport) -> None:
    """A server that acts on a write and then closes the connection: to send it again would be to write twice."""
    answers: Iterator[Answer] = iter([Reply(200, b"ok"), Raw(), Reply(200, b"again")])
    with FakeServer(lambda _: next(answers)) as server:
        get(transport, server.address)
        with pytest.raises(Unreachable, match="closed in the middle of the response's head"):
            transport.send(Request("PUT", server.address, {}, b"{}"), LONG)
        assert [asked.method for asked in server.asked] == ["GET", "PUT"]
        assert len(server.connections) == 2


def test_connection_of_a_write_is_kept_for_reads(transport: BlockingTransport) -> None:
    with FakeServer(always(Reply(200, b"ok"))) as server:
        transport.send(Request("PUT", server.address, {}, b"{}"), LONG)
        get(transport, server.address)
        assert len(server.connections) == 1


def test_origins_do_not_share_connections(transport: BlockingTransport) -> None:
    with FakeServer(always(Reply(200, b"one"))) as one, FakeServer(always(Reply(200, b"two"))) as two:
        bodies = [get(transport, server.address).body for server in (one, two, one, two)]
        assert bodies == [b"one", b"two", b"one", b"two"]
        assert (len(one.connections), len(two.connections)) == (1, 1)


def test_threads_have_connections_of_their_own(transport: BlockingTransport) -> None:
    together = threading.Barrier(5, timeout=30)

    def answer(asked: Asked) -> Answer:
        together.wait()
        return Reply(200, asked.target.encode())

    bodies: set[bytes] = set()
    with FakeServer(answer) as server:

        def add_body(number: int) -> None:
            bodies.add(get(transport, f"{server.address}/{number}").body)

        threads = [threading.Thread(target=add_body, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.connections) == 5
    assert bodies == {f"/{n}".encode() for n in range(5)}


def test_unix_socket(transport: BlockingTransport, tmp_path: Path) -> None:
    with FakeServer(lambda asked: Reply(200, asked.target.encode()), path=tmp_path / "vault.sock") as server:
        url = f"unix://{str(tmp_path / 'vault.sock').replace('/', '%2F')}/v1/a?b=c"
        assert [get(transport, url).body for _ in range(2)] == [b"/v1/a?b=c"] * 2
        assert (server.asked[0].headers["host"], len(server.connections)) == ("localhost", 1)
    with pytest.raises(Unreachable, match=r"the socket /.*/vault\.sock refuses the connection"):
        get(transport, url)


def test_addresses_of_a_host_are_tried_in_turn(transport: BlockingTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(always(Reply(200, b"ok"))) as server:
        closed = find_free_port()
        found = [(_socket.AF_INET, _socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (closed, server.port)]
        monkeypatch.setattr(_socket, "getaddrinfo", lambda *_: found)
        assert get(transport, "http://vault:8200").body == b"ok"
    with pytest.raises(Unreachable, match="http://other:8200 refuses the connection: nothing listens there"):
        get(transport, "http://other:8200")


def test_time_is_shared_among_the_addresses_of_a_host(
    transport: BlockingTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address swallows everything, and still the second one is asked."""
    given: list[float] = []
    connect = blocking.connect_socket

    def connect_second(sock: Any, address: Any, deadline: blocking.Deadline) -> Any:
        given.append(deadline.seconds)
        if len(given) > 1:
            return connect(sock, address, deadline)
        sock.close()
        raise TimeoutError

    monkeypatch.setattr(blocking, "connect_socket", connect_second)
    with FakeServer(always(Reply(200, b"ok"))) as server:
        address = (_socket.AF_INET, _socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
        monkeypatch.setattr(_socket, "getaddrinfo", lambda *_: [address] * 2)
        assert get(transport, "http://vault:8200").body == b"ok"
    assert LONG / 4 < given[0] <= LONG / 2 < given[1] <= LONG


def test_name_server_that_does_not_answer_has_no_longer_than_the_request(
    transport: BlockingTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def wait(*_: object) -> list[Any]:
        answered.wait(LONG)
        return []

    monkeypatch.setattr(_socket, "getaddrinfo", wait)
    with pytest.raises(Unreachable, match=r"the name server did not answer for the host name vault$") as raised:
        get(transport, "http://vault:8200", SHORT)
    assert (raised.value.timed_out, raised.value.may_pass, answered.is_set()) == (True, True, False)
    answered.set()


@pytest.mark.parametrize(
    ("url", "is_literal"), [("http://127.0.0.1", True), ("http://[::1]", True), ("http://v", False)]
)
def test_only_names_need_a_thread(
    transport: BlockingTransport, monkeypatch: pytest.MonkeyPatch, url: str, *, is_literal: bool
) -> None:
    asking: list[int] = []

    def ask(*_: object) -> list[Any]:
        asking.append(threading.get_ident())
        return []

    monkeypatch.setattr(_socket, "getaddrinfo", ask)
    with pytest.raises(Unreachable, match="has no address"):
        get(transport, url)
    assert (asking == [threading.get_ident()]) is is_literal


def test_name_is_resolved_where_no_more_threads_are_allowed(
    transport: BlockingTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError

    with FakeServer(always(Reply(200, b"ok"))) as server:
        monkeypatch.setattr(blocking, "start_new_thread", refuse)
        assert get(transport, f"http://localhost:{server.port}").body == b"ok"


def test_host_without_addresses(transport: BlockingTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_socket, "getaddrinfo", lambda *_: [])
    with pytest.raises(Unreachable, match="http://vault cannot be reached: vault has no address"):
        get(transport, "http://vault")


def test_unknown_host(transport: BlockingTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise _socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(_socket, "getaddrinfo", fail)
    with pytest.raises(
        Unreachable, match="the host name vault cannot be resolved: Name or service not known"
    ) as raised:
        get(transport, "http://vault")
    assert raised.value.may_pass


FAULTS: list[tuple[str, Answer, str, bool]] = [
    ("closed at once", Raw(), "closed in the middle of the response's head", True),
    ("cut in the head", Raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "closed in the middle of the response's head", True),
    (
        "cut in the body",
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhunter2"),
        "closed in the middle of the body",
        True,
    ),
    ("not HTTP", Raw(b"SSH-2.0-hunter2\r\n"), "this is not an HTTP/1.1 response", False),
    ("HTTP/2", Raw(b"HTTP/2 200\r\n\r\n"), "this is not an HTTP/1.1 response", False),
    ("silence", Silence(), r"did not answer", True),
]


@pytest.mark.parametrize(("answer", "message", "may_pass"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault(transport: BlockingTransport, answer: Answer, message: str, may_pass: bool) -> None:
    with FakeServer(always(answer)) as server:
        timeout = SHORT if isinstance(answer, Silence) else LONG
        with pytest.raises(Unreachable, match=rf"http://127\.0\.0\.1:{server.port}:? .*{message}") as raised:
            get(transport, server.address, timeout)
    assert raised.value.may_pass is may_pass
    assert raised.value.timed_out is isinstance(answer, Silence)
    assert "hunter2" not in str(raised.value)
    assert transport.kept == []


def test_no_time_left(transport: BlockingTransport) -> None:
    with FakeServer(always(Reply())) as server, pytest.raises(Unreachable, match=r"did not answer$"):
        get(transport, server.address, 0.0)
    assert server.asked == []


def test_slow_body_has_one_deadline(transport: BlockingTransport) -> None:
    """A byte now and then does not extend the time."""
    stop = threading.Event()

    def drip() -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not stop.wait(0.01):
                peer.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(Unreachable, match=r"did not answer$"):
            get(transport, f"http://127.0.0.1:{listener.getsockname()[1]}", SHORT)
        stop.set()
        thread.join()


def through(proxy: FakeServer, userinfo: str = "", tls: TLSSettings | None = None) -> BlockingTransport:
    return BlockingTransport(tls, ProxySettings(forced=f"http://{userinfo}127.0.0.1:{proxy.port}"))


def test_plain_requests_go_to_the_proxy_in_absolute_form() -> None:
    with FakeServer(always(Reply(200, b"ok"))) as proxy:
        transport = through(proxy, "user:p%40ss@")
        for _ in range(2):  # the second on the kept connection
            assert get(transport, "http://vault.example.com:8200/v1/a").body == b"ok"
        transport.close()
    assert len(proxy.connections) == 1
    for asked in proxy.asked:
        assert (asked.method, asked.target) == ("GET", "http://vault.example.com:8200/v1/a")
        assert asked.headers["host"] == "vault.example.com:8200"
        assert asked.headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


def test_tls_goes_through_a_tunnel(authority: Authority) -> None:
    tls = authority.server_context("vault.example.com")
    settings = TLSSettings(ca_file=str(authority.ca_file))
    with FakeServer(always(Reply(200, b"ok")), tls=tls) as server, FakeServer(always(Tunnel(server.port))) as proxy:
        transport = through(proxy, "user:hunter2@", settings)
        assert [get(transport, "https://vault.example.com:8200/v1/a").body for _ in range(2)] == [b"ok"] * 2
        transport.close()
        (asked,) = proxy.asked
        assert (asked.method, asked.target) == ("CONNECT", "vault.example.com:8200")
        assert asked.headers["proxy-authorization"].startswith("Basic ")
        assert "x-vault-token" not in asked.headers
        assert {seen.headers.get("proxy-authorization") for seen in server.asked} == {None}
        assert server.asked[0].target == "/v1/a"


def test_tunnel_to_an_ipv6_address() -> None:
    with FakeServer(always(Reply(502, b"no"))) as proxy:
        with pytest.raises(Unreachable):
            get(through(proxy), "https://[fd00::1]:8200/v1/a")
        assert (proxy.asked[0].target, proxy.asked[0].headers["host"]) == ("[fd00::1]:8200",) * 2


@pytest.mark.parametrize("status", [403, 407, 502])
def test_proxy_refuses_the_tunnel(status: int) -> None:
    with FakeServer(always(Reply(status, b"<html>hunter2</html>"))) as proxy:
        with pytest.raises(Unreachable) as raised:
            get(through(proxy, "user:hunter2@"), "https://vault:8200/v1/a")
        assert str(raised.value) == (
            f"https://vault:8200 through the proxy 127.0.0.1:{proxy.port}: the proxy answered {status} to CONNECT"
        )


def test_proxy_that_is_not_there() -> None:
    transport = BlockingTransport(None, ProxySettings(forced=f"http://127.0.0.1:{find_free_port()}"))
    with pytest.raises(Unreachable, match=r"https://vault:8200 through the proxy 127\.0\.0\.1:\d+ refuses"):
        get(transport, "https://vault:8200")
