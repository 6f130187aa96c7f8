"""TLS for the blocking transport, straight on CPython's `_ssl`.

The package `ssl` costs a start of vault-env five times what `_ssl` does (it brings `enum`, `socket`, `base64` and
more), and adds nothing that a client needs: chain and host name are checked by OpenSSL itself, as `_ssl` is told to.
This module is the only one that touches `_ssl`.
"""

from __future__ import annotations

import _socket
import _ssl
from errno import ECONNRESET

from vault_secrets_webhook.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .blocking import Socket

# Values of OpenSSL's and Python's API, fixed for ever; the package `ssl` only gives them names.
PROTOCOL_TLS_CLIENT = 16
TLS_1_2 = 0x0303
VERIFY_X509_PARTIAL_CHAIN = 0x80000

QUICK_ACKNOWLEDGEMENT: int | None = getattr(_socket, "TCP_QUICKACK", None)  # Linux has it

NO_AUTHORITY = "it holds no certificate in PEM form, or a broken one"

SSLError = _ssl.SSLError
SSLCertVerificationError = _ssl.SSLCertVerificationError
CLOSED = (_ssl.SSLZeroReturnError, _ssl.SSLEOFError)


class TLSSettings:
    """What a client trusts and shows.

    CA file, CA directory, CA text (PEM), client certificate and key (files), the name to expect in the server's
    certificate, and whether to check at all. `prefix` is that of the variables that say so, for messages.
    """

    __slots__ = ("ca_bytes", "ca_file", "ca_path", "client_cert", "client_key", "prefix", "server_name", "skip_verify")

    def __init__(
        self,
        *,
        ca_file: str = "",
        ca_path: str = "",
        ca_bytes: str = "",
        client_cert: str = "",
        client_key: str = "",
        server_name: str = "",
        skip_verify: bool = False,
        prefix: str = "VAULT_",
    ) -> None:
        self.ca_file = ca_file
        self.ca_path = ca_path
        self.ca_bytes = ca_bytes
        self.client_cert = client_cert
        self.client_key = client_key
        self.server_name = server_name
        self.skip_verify = skip_verify
        self.prefix = prefix


def build_context(settings: TLSSettings, environ: dict[str, str]) -> _ssl._SSLContext:
    """Make a client context: TLS 1.2 or newer, chain and host name checked unless `skip_verify`.

    Given authorities replace the system's, as in Vault's own client; CA text wins over the file, the file over the
    directory. Raises ConfigurationError naming the file that cannot be used.
    """
    context = _ssl._SSLContext(PROTOCOL_TLS_CLIENT)  # noqa: SLF001 - see the module's docstring
    context.minimum_version = TLS_1_2
    context.verify_flags |= VERIFY_X509_PARTIAL_CHAIN  # Go trusts an intermediate that is named as an authority
    if settings.skip_verify:
        context.check_hostname = False
        context.verify_mode = 0
    else:
        load_authorities(context, settings, environ)
    if bool(settings.client_cert) != bool(settings.client_key):
        prefix = settings.prefix
        raise ConfigurationError(f"{prefix}CLIENT_CERT and {prefix}CLIENT_KEY must be set both or neither")
    if settings.client_cert:
        load(
            f"the client certificate {show_path(settings.client_cert)} with the key {show_path(settings.client_key)}",
            "one is not PEM, the key is encrypted (which is not supported), or they do not belong together",
            # An empty password, so that OpenSSL does not ask the terminal for that of an encrypted key.
            lambda: context.load_cert_chain(settings.client_cert, settings.client_key, ""),
        )
    return context


def load_authorities(context: _ssl._SSLContext, settings: TLSSettings, environ: dict[str, str]) -> None:
    if settings.ca_bytes:
        load(
            f"{settings.prefix}CACERT_BYTES",
            NO_AUTHORITY,
            lambda: context.load_verify_locations(None, None, settings.ca_bytes),
        )
    elif settings.ca_file:
        load(
            f"{settings.prefix}CACERT {settings.ca_file}",
            NO_AUTHORITY,
            lambda: context.load_verify_locations(settings.ca_file, None, None),
        )
    elif settings.ca_path:
        from .authorities import load_named_directory

        load_named_directory(context, settings.ca_path, f"{settings.prefix}CAPATH")
    else:
        from .authorities import load_system_authorities

        load_system_authorities(context, environ)


def show_path(text: str) -> str:
    """Name a file only where this is a path for certain: by mistake, the key itself may stand in its place."""
    return text if text.startswith(("/", "./", "../")) else "(which is no path from / or ./)"


def load(what: str, why: str, action: Callable[[], None]) -> None:
    """Run an action that loads something, and turn its failure into words; `why` are the likely causes."""
    try:
        action()
    except _ssl.SSLError as error:
        raise ConfigurationError(
            f"{what} cannot be used: {why}{f' ({error.reason})' if error.reason else ''}"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be read: {error.strerror}") from None


class TLSStream:
    """A connected socket behind TLS, with the socket's own `recv`, `sendall`, `settimeout` and `close`.

    A peer that closes, politely or not, is what it is without TLS: ConnectionResetError, or no more bytes to read.
    """

    def __init__(self, sock: Socket, context: _ssl._SSLContext, server_name: str) -> None:
        self.sock = sock
        # Typeshed does not list the method that `ssl.SSLContext` itself calls.
        self.tls = context._wrap_socket(sock, False, server_name)  # type: ignore[attr-defined] # noqa: FBT003, SLF001
        try:
            self.tls.do_handshake()
        except CLOSED:
            raise ConnectionResetError(ECONNRESET, "in the TLS handshake") from None

    def settimeout(self, seconds: float) -> None:
        self.sock.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self.tls.write(view) :]
        except CLOSED:
            raise ConnectionResetError(ECONNRESET, "while the request was sent") from None
        # A server without TCP_NODELAY holds its answer back until its session tickets are acknowledged, for which the
        # kernel would wait 40 ms (tcp(7)).
        if QUICK_ACKNOWLEDGEMENT is not None:
            self.sock.setsockopt(_socket.IPPROTO_TCP, QUICK_ACKNOWLEDGEMENT, 1)

    def recv(self, count: int) -> bytes:
        """Read what is there; empty when the peer has closed (HTTP tells whether that is early)."""
        try:
            return bytes(self.tls.read(count))
        except CLOSED:
            return b""

    def close(self) -> None:
        self.sock.close()
