"""The transport of vault-env: blocking sockets, TLS, keep-alive, HTTP proxies, one deadline for each request.

Straight on `_socket`, because the package `socket` costs twice what it gives here. May be called from several
threads at once: a connection belongs to one request at a time and goes back to a list when its response is whole.
"""

from __future__ import annotations

import _socket
from _thread import allocate_lock, start_new_thread
from time import monotonic

from vault_secrets_webhook.errors import Unreachable

from .http1 import CutShort, ProtocolError, ResponseReader, encode_request
from .message import URL, Request, percent_decode
from .proxy import ProxySettings, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _ssl import _SSLContext
    from collections.abc import Callable
    from typing import Protocol, TypeAlias

    from .message import Response
    from .tls import TLSSettings

    class Stream(Protocol):
        """A connected socket, behind TLS or not."""

        def settimeout(self, seconds: float, /) -> None: ...
        def sendall(self, data: bytes, /) -> None: ...
        def recv(self, count: int, /) -> bytes: ...
        def close(self) -> None: ...

    Origin: TypeAlias = tuple[str, str, int, str]
    Address: TypeAlias = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]

READ_SIZE = 64 * 1024
MAX_SECONDS = 7 * 24 * 3600.0


class Stale(Exception):
    """A kept connection that the server had closed before it saw the request."""


class NameTimeout(TimeoutError):
    """The name server did not answer in time."""


class Socket(_socket.socket):
    """A socket that `_ssl` can refer to weakly, as it must."""

    __slots__ = ("__weakref__",)


class Deadline:
    """A moment by which everything has to be done."""

    __slots__ = ("end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = min(seconds, MAX_SECONDS)
        self.end = monotonic() + self.seconds

    def arm(self, stream: Stream) -> None:
        """Give the stream's next operation the time that is left. Raises TimeoutError when there is none."""
        left = self.end - monotonic()
        if left <= 0:
            raise TimeoutError
        stream.settimeout(left)


class BlockingTransport:
    """Implements `transport.Transport`. `close` ends the kept connections.

    `tls` is read when TLS is started for the first time, be it because of a redirect.
    """

    def __init__(
        self,
        tls: TLSSettings | Callable[[], TLSSettings] | None = None,
        proxies: ProxySettings | None = None,
        environ: dict[str, str] | None = None,
    ) -> None:
        self.tls = tls
        self.lock = allocate_lock()
        self.proxies = proxies or ProxySettings()
        self.environ = environ or {}
        self.kept: list[tuple[Origin, Stream]] = []
        self.context: tuple[_SSLContext, str] | None = None

    def send(self, request: Request, timeout: float) -> Response:
        """Send and read the response within `timeout` seconds. Raises Unreachable, ConfigurationError."""
        url = URL(request.url)
        proxy = self.proxies.choose(url)
        deadline = Deadline(timeout)
        try:
            # A server may close a kept connection at any time, also while it acts on what we sent: a request that
            # must not be made twice gets a new one.
            if request.method == "GET" and (kept := self.take_kept(url)) is not None:
                try:
                    return self.exchange(kept, request, url, deadline, reused=True, proxy=proxy)
                except Stale:
                    pass
            stream = self.connect(url, proxy, deadline)
            return self.exchange(stream, request, url, deadline, proxy=proxy)
        except (OSError, ProtocolError) as error:
            raise Unreachable(
                describe_failure(error, url, proxy), may_pass=may_pass(error), timed_out=isinstance(error, TimeoutError)
            ) from None

    def exchange(
        self,
        stream: Stream,
        request: Request,
        url: URL,
        deadline: Deadline,
        *,
        reused: bool = False,
        proxy: URL | None = None,
    ) -> Response:
        """Write the request, read the response, keep or close the stream. Raises Stale if it was reused in vain."""
        reader = ResponseReader(method=request.method)
        through_proxy = proxy is not None and url.scheme == "http"
        if through_proxy and proxy is not None and proxy.userinfo:
            request = Request(request.method, request.url, request.headers | authorize(proxy), request.body)
        is_clean = False
        try:
            deadline.arm(stream)
            stream.sendall(encode_request(request, absolute=through_proxy))
            read_response(stream, reader, deadline)
            is_clean = reader.keeps_alive
        except (ConnectionError, ProtocolError):
            if reused and not reader.status and not reader.buffer:
                raise Stale from None
            raise
        finally:
            if is_clean:
                self.kept.append((origin(url), stream))
            else:
                stream.close()
        return reader.response()

    def take_kept(self, url: URL) -> Stream | None:
        """Take a kept connection to the URL's origin. `list.pop` and `append` are atomic."""
        wanted = origin(url)
        for _ in range(len(self.kept)):
            try:
                key, stream = self.kept.pop()
            except IndexError:
                return None
            if key == wanted:
                return stream
            self.kept.insert(0, (key, stream))
        return None

    def connect(self, url: URL, proxy: URL | None, deadline: Deadline) -> Stream:
        if url.scheme == "unix":
            return connect_unix(url.socket, deadline)
        sock = connect_tcp(proxy or url, deadline)
        try:
            if url.scheme == "http":
                return sock
            if proxy is not None:
                open_tunnel(sock, url, proxy, deadline)
            deadline.arm(sock)
            return self.secure(sock, url)
        except BaseException:
            sock.close()
            raise

    def secure(self, sock: Socket, url: URL) -> Stream:
        """Start TLS on a connected socket."""
        from .tls import TLSStream

        context, server_name = self.tls_context()
        return TLSStream(sock, context, server_name or url.host)

    def tls_context(self) -> tuple[_SSLContext, str]:
        """Give the TLS context, made once for all threads, and the name that servers are expected to have."""
        with self.lock:
            if self.context is None:
                from .tls import TLSSettings, build_context

                settings = self.tls() if callable(self.tls) else self.tls or TLSSettings()
                self.context = build_context(settings, self.environ), settings.server_name
            return self.context

    def prepare(self, address: str) -> None:
        """Find out early whether proxy and TLS settings can be used for this address. Raises ConfigurationError."""
        url = URL(address)
        self.proxies.choose(url)
        if url.scheme == "https":
            self.tls_context()

    def close(self) -> None:
        """Close the kept connections."""
        while self.kept:
            self.kept.pop()[1].close()


def origin(url: URL) -> Origin:
    return (url.scheme, url.host, url.port, url.socket)


def connect_unix(path: str, deadline: Deadline) -> Socket:
    sock = Socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    return connect_socket(sock, path, deadline)


def connect_tcp(url: URL, deadline: Deadline) -> Socket:
    """Connect to the first address of the host that answers; the time that is left is shared among them."""
    addresses = find_addresses(url.host, url.port, deadline)
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        is_last = index == len(addresses) - 1
        share = Deadline(max(0.0, deadline.end - monotonic()) / (len(addresses) - index))
        try:
            sock = connect_socket(Socket(family, kind, protocol), address, share)
        except OSError:
            if is_last:
                raise
            continue
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        return sock
    raise OSError(f"{url.host} has no address")


def find_addresses(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Resolve a host name, within the time. Raises OSError.

    The C library cannot be told to hurry, so a thread of its own asks it, and is left alone when the time is over.
    """
    # As bytes, because a `str` host would load the codec `idna` and with it the Unicode database.
    name = host.encode()
    if pack(host):
        return _socket.getaddrinfo(name, port, 0, _socket.SOCK_STREAM)
    found: list[list[Address] | OSError] = []
    ended = allocate_lock()
    ended.acquire()

    def ask() -> None:
        try:
            found.append(_socket.getaddrinfo(name, port, 0, _socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)
        finally:
            ended.release()

    try:
        start_new_thread(ask, ())
    except RuntimeError:  # the container's limit of processes
        ask()
    if not ended.acquire(timeout=max(0.0, deadline.end - monotonic())):
        raise NameTimeout
    (result,) = found
    if isinstance(result, OSError):
        raise result
    return result


def connect_socket(sock: Socket, address: object, deadline: Deadline) -> Socket:
    try:
        deadline.arm(sock)
        sock.connect(address)  # type: ignore[arg-type]
    except BaseException:
        sock.close()
        raise
    return sock


def open_tunnel(sock: Socket, url: URL, proxy: URL, deadline: Deadline) -> None:
    """Ask an HTTP proxy for a tunnel (RFC 9110, section 9.3.6)."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    target = f"{host}:{url.port}"
    fields = {"Host": target, **authorize(proxy)}
    lines = [f"CONNECT {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    deadline.arm(sock)
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    reader = ResponseReader(method="CONNECT")
    read_response(sock, reader, deadline)
    if reader.status >= 300:  # noqa: PLR2004
        raise ProtocolError(f"the proxy answered {reader.status} to CONNECT")


def authorize(proxy: URL) -> dict[str, str]:
    """Make the header that carries the user and password of a proxy's URL."""
    if not proxy.userinfo:
        return {}
    from binascii import b2a_base64

    credentials = percent_decode(proxy.userinfo)
    return {"Proxy-Authorization": "Basic " + b2a_base64(credentials, newline=False).decode()}


def read_response(stream: Stream, reader: ResponseReader, deadline: Deadline) -> None:
    """Read until the response is whole. Raises ProtocolError when it is cut, OSError as the socket does."""
    while not reader.is_complete:
        deadline.arm(stream)
        data = stream.recv(READ_SIZE)
        if not data:
            reader.end()
        elif reader.feed(data):
            return


def describe_failure(error: Exception, url: URL, proxy: URL | None) -> str:
    """Say what went wrong on the way, and where: one clause without secrets."""
    where = f"{url.scheme}://{url.netloc()}" if url.scheme != "unix" else f"the socket {url.socket}"
    if proxy is not None:
        where += f" through the proxy {proxy.netloc()}"
    if isinstance(error, NameTimeout):
        return f"the name server did not answer for the host name {(proxy or url).host}"
    if isinstance(error, TimeoutError):
        return f"{where} did not answer"
    if isinstance(error, _socket.gaierror):
        host = (proxy or url).host
        return f"the host name {host} cannot be resolved: {error.args[-1]}"
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refuses the connection: nothing listens there"
    if isinstance(error, ConnectionError):
        return f"{where} closed the connection: {error.strerror or error}"
    if isinstance(error, ProtocolError):
        return f"{where}: {error}"
    return explain_tls(error, where) or f"{where} cannot be reached: {getattr(error, 'strerror', None) or error}"


def may_pass(error: Exception) -> bool:
    """Tell whether trying again can help: not when what answers is no HTTPS server that we trust."""
    if isinstance(error, ProtocolError):
        return isinstance(error, CutShort)
    return isinstance(error, ConnectionError | TimeoutError | _socket.gaierror) or not hasattr(error, "reason")


def explain_tls(error: Exception, where: str) -> str:
    """Say what OpenSSL found; empty when the error is not its."""
    if where.startswith("http://"):  # then nothing has imported `_ssl`, and nothing needs to
        return ""
    from .tls import SSLCertVerificationError, SSLError

    if isinstance(error, SSLCertVerificationError):
        clock = "; is the clock of this machine right?" if error.verify_code in CLOCK_CODES else ""
        return f"the certificate of {where} is not trusted: {error.verify_message}{clock}"
    if isinstance(error, SSLError):
        hint = "; does it speak plain HTTP?" if error.reason in PLAIN_HTTP_REASONS else ""
        return f"TLS with {where} failed: {error.reason or 'the connection was closed in the handshake'}{hint}"
    return ""


CLOCK_CODES = frozenset((9, 10))  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
PLAIN_HTTP_REASONS = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"))
