"""Addresses to listen on, in the forms that Go's `net.Listen` takes: `:8443`, `127.0.0.1:0`, `[::1]:8443`."""

from __future__ import annotations

import contextlib
import socket
from typing import NamedTuple

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import is_digits

LARGEST_PORT = 65535
BACKLOG = 1024
# What to connect to when the server listens on all interfaces.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104 - recognised, not bound to


class Address(NamedTuple):
    """`host` is empty for all interfaces, and has no brackets; port 0 lets the kernel choose."""

    host: str
    port: int


def parse_address(setting: str, text: str) -> Address:
    """Read `HOST:PORT`. Raises ConfigurationError that names the setting."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not is_digits(port) or int(port) > LARGEST_PORT:
        raise ConfigurationError(
            f"{setting}: {text!r} is no address: write it like :8443, 127.0.0.1:8443 or [::1]:8443"
        )
    return Address(host, int(port))


def open_listener(setting: str, text: str) -> socket.socket:
    """Listen on an address. Raises ConfigurationError that names the setting, also when the address is taken."""
    address = parse_address(setting, text)
    try:
        return listen_everywhere(address.port) if not address.host else listen_at(address)
    except OSError as error:
        raise ConfigurationError(f"{setting}: cannot listen on {text!r}: {error.strerror or error}") from None


def listen_everywhere(port: int) -> socket.socket:
    """Listen on all interfaces: one socket for IPv6 and IPv4, or IPv4 alone where the kernel has no IPv6."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # IPv6 may be built in and switched off; IPv4 will tell a taken port
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
    return socket.create_server(("", port), backlog=BACKLOG)


def listen_at(address: Address) -> socket.socket:
    """Listen on one address, or on the first that a name stands for."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, where = found[0]
    return socket.create_server((str(where[0]), int(where[1])), family=family, backlog=BACKLOG)


def format_url(scheme: str, listener: socket.socket) -> str:
    """Write the URL by which this machine reaches a listener."""
    host, port = listener.getsockname()[:2]
    host = LOOPBACK.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
