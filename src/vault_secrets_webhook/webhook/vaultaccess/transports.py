"""Connections to the servers that objects ask for, kept and shared by the worker threads.

One transport for each server and way to reach it, a bounded number of them, and each for a limited time only: a file of
authorities or of our certificate that was replaced is then read again. `Timed` is what one review uses: all its
requests end when the review has to be answered.
"""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vault_secrets_webhook.errors import Unreachable
from vault_secrets_webhook.wire.blocking import BlockingTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vault_secrets_webhook.vault.settings import VaultSettings
    from vault_secrets_webhook.wire.message import Request, Response
    from vault_secrets_webhook.wire.transport import Transport

    from .access import Connection

MOST_TRANSPORTS = 64
LONGEST_AGE = 600.0
NO_ANSWER = "no answer"


class Observer(Protocol):
    """Whoever counts what is asked of a provider, `vault` or `bao`. Called from worker threads."""

    def begin_request(self, provider: str) -> None:
        """Note that a request is on its way."""

    def end_request(self, provider: str, method: str, code: str, seconds: float, sent_bytes: int) -> None:
        """Note how a request ended: the status of its answer, or `no answer`."""

    def note_login(self, provider: str, *, is_successful: bool) -> None:
        """Note an attempt to log in."""


class Silent:
    """An `Observer` that counts nothing."""

    def begin_request(self, provider: str) -> None: ...
    def end_request(self, provider: str, method: str, code: str, seconds: float, sent_bytes: int) -> None: ...
    def note_login(self, provider: str, *, is_successful: bool) -> None: ...


class Kept(NamedTuple):
    """A transport, and when it was made."""

    transport: BlockingTransport
    made_at: float


class Transports:
    """Gives the transport of a connection; the one that was not asked for the longest goes first."""

    def __init__(self, process: Mapping[str, str], clock: Callable[[], float] = monotonic) -> None:
        self.process = dict(process)
        self.clock = clock
        self.lock = Lock()
        self.kept: dict[Connection, Kept] = {}

    def get(self, connection: Connection, settings: VaultSettings) -> BlockingTransport:
        """Give the transport. Raises ConfigurationError for proxies that cannot be used."""
        with self.lock:
            kept = self.kept.pop(connection, None)
            if kept is not None and self.clock() - kept.made_at > LONGEST_AGE:
                kept.transport.close()
                kept = None
            if kept is None:
                environ = connection.environ(self.process)
                kept = Kept(BlockingTransport(settings.tls, settings.proxies(), environ), self.clock())
            self.kept[connection] = kept
            while len(self.kept) > MOST_TRANSPORTS:
                self.kept.pop(next(iter(self.kept))).transport.close()
            return kept.transport

    def close(self) -> None:
        """Close all kept connections."""
        with self.lock:
            for kept in self.kept.values():
                kept.transport.close()
            self.kept.clear()


class Timed:
    """Implements `wire.transport.Transport`: no request lasts longer than until `end` (of `time.monotonic`)."""

    def __init__(self, transport: Transport, end: float, observer: Observer, provider: str) -> None:
        self.transport = transport
        self.end = end
        self.observer = observer
        self.provider = provider

    def send(self, request: Request, timeout: float) -> Response:
        """Send a request. Raises Unreachable and ConfigurationError."""
        start = monotonic()
        if start >= self.end:
            raise Unreachable("the time that the review has is over", may_pass=False)
        self.observer.begin_request(self.provider)
        code = NO_ANSWER
        try:
            response = self.transport.send(request, min(timeout, self.end - start))
            code = str(response.status)
        finally:
            seconds = monotonic() - start
            self.observer.end_request(self.provider, request.method, code, seconds, len(request.body))
        return response
