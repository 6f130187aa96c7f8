"""TLS: what is trusted, what is shown, and what is said when either is not enough."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.server import FakeServer, Raw, Reply
from tests.fakes.transport import FakeClock
from vault_secrets_webhook.errors import ConfigurationError, MalformedResponse, Unreachable
from vault_secrets_webhook.vault.client import Client
from vault_secrets_webhook.vault.settings import VaultSettings
from vault_secrets_webhook.wire import tls
from vault_secrets_webhook.wire.blocking import BlockingTransport
from vault_secrets_webhook.wire.message import Request
from vault_secrets_webhook.wire.proxy import ProxySettings
from vault_secrets_webhook.wire.tls import TLSSettings, build_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.certificates import Authority

LONG = 30.0


@pytest.fixture(scope="session")
def server(authority: Authority) -> Iterator[FakeServer]:
    with FakeServer(
        lambda _: Reply(200, b"ok"), tls=authority.server_context("127.0.0.1", "vault.example.com")
    ) as server:
        yield server


def get(server: FakeServer, environ: Any = None, **settings: Any) -> bytes:
    transport = BlockingTransport(TLSSettings(**settings), environ=environ)
    try:
        return transport.send(Request("GET", f"https://127.0.0.1:{server.port}/"), LONG).body
    finally:
        transport.close()


def test_ca_file(server: FakeServer, authority: Authority) -> None:
    assert get(server, ca_file=str(authority.ca_file)) == b"ok"


def test_ca_bytes(server: FakeServer, authority: Authority, stranger: Authority) -> None:
    both = stranger.ca_file.read_text() + authority.ca_file.read_text()
    assert get(server, ca_bytes=both, ca_file="/gone") == b"ok"


def test_ca_directory(server: FakeServer, authority: Authority, stranger: Authority, tmp_path: Path) -> None:
    (tmp_path / "README").write_text("authorities")
    (tmp_path / "folder").mkdir()
    (tmp_path / "b.pem").write_text(stranger.ca_file.read_text())
    (tmp_path / "c").write_text(authority.ca_file.read_text())
    assert get(server, ca_path=str(tmp_path)) == b"ok"


def test_named_system_authorities(server: FakeServer, authority: Authority) -> None:
    assert get(server, {"SSL_CERT_FILE": str(authority.ca_file)}) == b"ok"


def test_certificate_itself_as_authority(authority: Authority, stranger: Authority) -> None:
    """As Go does: what is named is trusted, whoever issued it."""
    certificate, key = stranger.issue("itself", "127.0.0.1")
    context = authority.server_context("127.0.0.1")
    context.load_cert_chain(certificate, key)
    with FakeServer(lambda _: Reply(200, b"ok"), tls=context) as server:
        assert get(server, ca_file=str(certificate)) == b"ok"


def test_skip_verify(server: FakeServer) -> None:
    assert get(server, skip_verify=True, ca_file="/gone") == b"ok"


def test_server_name(server: FakeServer, authority: Authority) -> None:
    assert get(server, ca_file=str(authority.ca_file), server_name="vault.example.com") == b"ok"
    with pytest.raises(Unreachable, match="is not trusted: Hostname mismatch") as raised:
        get(server, ca_file=str(authority.ca_file), server_name="other.example.com")
    assert not raised.value.may_pass


def test_name_must_match(authority: Authority) -> None:
    with FakeServer(lambda _: Reply(), tls=authority.server_context("localhost")) as server:
        with pytest.raises(
            Unreachable, match=r"the certificate of https://127\.0\.0\.1:\d+ is not trusted: IP address mismatch"
        ):
            get(server, ca_file=str(authority.ca_file))
        assert server.asked == []


@pytest.mark.parametrize("settings", [{"ca": "stranger"}, {}], ids=["other authority", "system's authorities"])
def test_unknown_authority(server: FakeServer, stranger: Authority, settings: dict[str, str]) -> None:
    seen = len(server.asked)
    named = {"ca_file": str(stranger.ca_file)} if settings else {}
    with pytest.raises(Unreachable, match="is not trusted: unable to get local issuer certificate") as raised:
        get(server, **named)
    assert not raised.value.may_pass
    assert len(server.asked) == seen


@pytest.mark.parametrize(
    ("days", "message"),
    [((-9, -2), "certificate has expired; is the clock"), ((2, 9), "certificate is not yet valid; is the clock")],
)
def test_wrong_time(authority: Authority, days: tuple[int, int], message: str) -> None:
    with (
        FakeServer(lambda _: Reply(), tls=authority.server_context("127.0.0.1", days=days)) as server,
        pytest.raises(Unreachable, match=f"is not trusted: {message} of this machine right"),
    ):
        get(server, ca_file=str(authority.ca_file))


def test_client_certificate(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1", asks_client=True)
    certificate, key = authority.issue("client")
    with FakeServer(lambda _: Reply(200, b"ok"), tls=context) as server:
        shown = {"client_cert": str(certificate), "client_key": str(key)}
        assert get(server, ca_file=str(authority.ca_file), **shown) == b"ok"
        with pytest.raises(Unreachable) as raised:
            get(server, ca_file=str(authority.ca_file))
    assert "127.0.0.1" in str(raised.value)


def test_old_protocols_are_not_spoken(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    force_old_protocol(context)
    settings = TLSSettings(ca_file=str(authority.ca_file))
    ours = build_context(settings, {})
    assert ours.minimum_version == ssl.TLSVersion.TLSv1_2
    ours.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL's own level refuses them, whatever our least version is
    transport = BlockingTransport(settings)
    transport.context = ours, ""
    with FakeServer(lambda _: Reply(), tls=context) as server, pytest.raises(Unreachable, match=r"TLS with .* failed"):
        transport.send(Request("GET", f"https://127.0.0.1:{server.port}/"), LONG)


def force_old_protocol(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1


def test_settings_are_read_once_and_when_tls_is_started(server: FakeServer, authority: Authority) -> None:
    read: list[TLSSettings] = []

    def settings() -> TLSSettings:
        read.append(TLSSettings(ca_file=str(authority.ca_file), server_name="vault.example.com"))
        return read[-1]

    with FakeServer(lambda _: Reply(200, b"plain")) as plain:
        transport = BlockingTransport(settings)
        transport.prepare(plain.address)
        assert transport.send(Request("GET", plain.address), LONG).body == b"plain"
        assert read == []
    for method in ("PUT", "PUT", "GET"):
        assert transport.send(Request(method, f"https://127.0.0.1:{server.port}/"), LONG).body == b"ok"
    assert len(read) == 1
    transport.close()


@pytest.mark.parametrize("kind", ["http", "unix"])
def test_redirect_to_tls_heeds_the_settings(
    server: FakeServer, authority: Authority, tmp_path: Path, kind: str
) -> None:
    environ = {"VAULT_CACERT": str(authority.ca_file), "VAULT_TLS_SERVER_NAME": "vault.example.com"}
    away = Reply(307, headers={"Location": f"https://127.0.0.1:{server.port}/v1/a"})
    with FakeServer(lambda _: away, path=tmp_path / "vault.sock" if kind == "unix" else None) as plain:
        settings = VaultSettings({**environ, "VAULT_ADDR": plain.address})
        transport = BlockingTransport(settings.tls)
        with pytest.raises(MalformedResponse, match="is text/plain instead of JSON"):  # which the other server gives
            Client(settings, transport, FakeClock()).request("GET", "a")
        transport.close()


def test_context_is_made_once_for_all_threads(
    server: FakeServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    both = threading.Event()
    build = tls.build_context

    def build_slowly(settings: TLSSettings, environ: dict[str, str]) -> Any:
        made.append(settings)
        both.set() if len(made) > 1 else both.wait(0.2)  # a second one cannot come here, unless there is no lock
        return build(settings, environ)

    monkeypatch.setattr(tls, "build_context", build_slowly)
    transport = BlockingTransport(TLSSettings(ca_file=str(authority.ca_file)))
    request = Request("GET", f"https://127.0.0.1:{server.port}/")
    threads = [threading.Thread(target=transport.send, args=(request, LONG)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    transport.close()
    assert len(made) == 1


@pytest.mark.parametrize(
    ("transport", "message"),
    [
        (BlockingTransport(TLSSettings(ca_file="/gone")), "VAULT_CACERT /gone cannot be read"),
        (BlockingTransport(proxies=ProxySettings(forced="socks5://proxy")), "only http:// proxies are supported"),
    ],
)
def test_settings_that_cannot_be_used_are_found_before_a_request(transport: BlockingTransport, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        transport.prepare("https://vault:8200")
    BlockingTransport(TLSSettings(ca_file="/gone")).prepare("http://vault:8200")
    BlockingTransport(TLSSettings(ca_file="/gone")).prepare("unix:///run/vault.sock")


def test_plain_server(authority: Authority) -> None:
    with (
        FakeServer(lambda _: Raw()) as server,
        pytest.raises(Unreachable) as raised,
    ):
        get(server, ca_file=str(authority.ca_file))
    assert f"https://127.0.0.1:{server.port}" in str(raised.value)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_server_that_answers_in_plain_text(authority: Authority, greeting: bytes) -> None:
    with (
        FakeServer(greeting=greeting) as server,
        pytest.raises(Unreachable, match="does it speak plain HTTP") as raised,
    ):
        get(server, ca_file=str(authority.ca_file))
    assert not raised.value.may_pass


def test_connection_closed_in_the_handshake_may_pass(authority: Authority) -> None:
    """What a load balancer without a server behind it does."""
    with (
        FakeServer(greeting=b"") as server,
        pytest.raises(Unreachable, match="closed the connection: in the TLS handshake") as raised,
    ):
        get(server, ca_file=str(authority.ca_file))
    assert raised.value.may_pass


def test_kept_connection_that_was_closed(authority: Authority) -> None:
    answer = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with FakeServer(lambda _: answer, tls=authority.server_context("127.0.0.1")) as server:
        transport = BlockingTransport(TLSSettings(ca_file=str(authority.ca_file)))
        request = Request("GET", f"https://127.0.0.1:{server.port}/", body=b"x" * 300_000)
        assert [transport.send(request, LONG).body for _ in range(3)] == [b"ok"] * 3
        transport.close()
        assert len(server.asked) == 3


def test_large_body_both_ways(authority: Authority) -> None:
    data = bytes(range(256)) * 8000
    with FakeServer(lambda asked: Reply(200, asked.body), tls=authority.server_context("127.0.0.1")) as server:
        transport = BlockingTransport(TLSSettings(ca_file=str(authority.ca_file)))
        assert transport.send(Request("PUT", f"https://127.0.0.1:{server.port}/", body=data), LONG).body == data
        transport.close()


BAD: list[tuple[str, dict[str, str], str]] = [
    ("no CA file", {"ca_file": "FOLDER/gone"}, r"VAULT_CACERT .*/gone cannot be read: No such file"),
    (
        "CA file is none",
        {"ca_file": "FOLDER/README"},
        r"VAULT_CACERT .*/README cannot be used: it holds no certificate in PEM form",
    ),
    ("CA bytes are none", {"ca_bytes": "hunter2"}, "VAULT_CACERT_BYTES cannot be used: it holds no certificate in PEM"),
    ("no CA directory", {"ca_path": "FOLDER/gone"}, "VAULT_CAPATH .*/gone cannot be read: No such file"),
    ("CA directory without any", {"ca_path": "FOLDER/empty"}, "VAULT_CAPATH .*/empty has no certificate in it"),
    (
        "certificate without key",
        {"client_cert": "FOLDER/client.crt"},
        "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY must be set both",
    ),
    (
        "key without certificate",
        {"client_key": "FOLDER/client.key"},
        "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY must be set both",
    ),
    (
        "no client certificate",
        {"client_cert": "FOLDER/gone", "client_key": "FOLDER/client.key"},
        "the client certificate .*/gone with the key .*/client.key cannot be read",
    ),
    (
        "key of another certificate",
        {"client_cert": "FOLDER/client.crt", "client_key": "FOLDER/other.key"},
        "the client certificate .* cannot be used: .*, or they do not belong together",
    ),
    (
        "encrypted key",
        {"client_cert": "FOLDER/locked.crt", "client_key": "FOLDER/locked.key"},
        "the client certificate .* cannot be used: .* the key is encrypted",
    ),
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.fakes.certificates import Authority

    folder = tmp_path_factory.mktemp("bad")
    authority = Authority(folder)
    authority.issue("client")
    authority.issue("other")
    authority.issue("locked", password=b"hunter2")
    (folder / "README").write_text("hunter2")
    (folder / "empty").mkdir()
    (folder / "empty" / "README").write_text(str(dt.date.min))
    return folder


@pytest.mark.parametrize(("settings", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_settings(server: FakeServer, folder: Path, settings: dict[str, str], message: str) -> None:
    if not any(name.startswith("ca") for name in settings):
        settings = {**settings, "ca_file": "FOLDER/ca.crt"}
    with pytest.raises(ConfigurationError, match=message) as raised:
        get(server, **{name: value.replace("FOLDER", str(folder)) for name, value in settings.items()})
    assert "hunter2" not in str(raised.value)
