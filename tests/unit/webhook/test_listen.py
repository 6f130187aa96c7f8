"""Addresses to listen on."""

from __future__ import annotations

import errno
import socket

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.listen import Address, format_url, open_listener, parse_address

ADDRESSES: list[tuple[str, Address]] = [
    (":8443", Address("", 8443)),
    ("127.0.0.1:0", Address("127.0.0.1", 0)),
    ("[::1]:8443", Address("::1", 8443)),
    ("[::]:65535", Address("::", 65535)),
    ("localhost:80", Address("localhost", 80)),
    ("0.0.0.0:8443", Address("0.0.0.0", 8443)),
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_address(text: str, expected: Address) -> None:
    assert parse_address("X", text) == expected


@pytest.mark.parametrize("text", ["", "8443", ":", "host:", ":https", ":-1", ":65536", "::1:80", ":80 ", "a:b:80"])
def test_no_address(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LISTEN_ADDRESS: .* is no address: write it like :8443"):
        parse_address("LISTEN_ADDRESS", text)


@pytest.mark.parametrize("text", [":0", "127.0.0.1:0", "localhost:0"])
def test_listener_is_reached_by_its_url(text: str) -> None:
    with open_listener("X", text) as listener:
        url = format_url("https", listener)
        port = listener.getsockname()[1]
        assert url.startswith("https://")
        assert url.endswith(f":{port}")
        host = url.removeprefix("https://").rpartition(":")[0].strip("[]")
        with socket.create_connection((host, port), timeout=30):
            pass


def test_all_interfaces_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    create = socket.create_server

    def refuse_ipv6(address: tuple[str, int], *, family: int = socket.AF_INET, **options: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6")
        return create(address, backlog=options["backlog"])

    monkeypatch.setattr(socket, "create_server", refuse_ipv6)
    with open_listener("X", ":0") as listener:
        assert listener.family == socket.AF_INET


def test_ipv6_url() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with open_listener("X", "[::1]:0") as listener:
        assert format_url("http", listener) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.parametrize("text", ["192.0.2.1:0", "no-such-host.invalid:0"])
def test_address_of_another_machine(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"X: cannot listen on '{text}': "):
        open_listener("X", text)
