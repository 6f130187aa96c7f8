"""The life of the server: open, serve, drain, close.

Shutting down is done for the API server's sake: it keeps connections and goes on using them, and other nodes go on
sending here, until the end of our readiness has travelled through the cluster. So for some seconds everything is
answered, each answer ends its connection, and only then the doors are shut and the last reviews are waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.goparse import SECOND
from vault_secrets_webhook.textlog import Log

from .certificate import open_certificate, watch_certificate
from .connection import Connection, close_late_connections, make_factory
from .endpoints import Endpoints, Limits, make_server
from .faults import make_library_logger, watch_loop
from .kube.objects import open_lookup
from .listen import format_url, open_listener
from .metrics import Metrics
from .mutate.pod import mutate_pod
from .registry.images import open_images

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import AsyncIterator, Coroutine, Mapping

    from aiohttp import web

    from .certificate import Certificate
    from .endpoints import Answer, Mutate
    from .lookup import ImageLookup, ObjectLookup
    from .settings import Settings


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds.

    `keep_alive` must be longer than the 90 seconds after which the API server closes an idle connection: whoever
    closes first while the other one sends loses a review. `drain` is the time between the end of readiness and the
    end of listening, `finish` the time for reviews under way after that.
    """

    handshake: float = 10.0
    header: float = 10.0
    body: float = 10.0
    linger: float = 5.0
    keep_alive: float = 120.0
    drain: float = 5.0
    finish: float = 15.0
    certificate_poll: float = 5.0
    header_poll: float = 1.0


class Server:
    """A server that listens. `url` and `telemetry_url` (None without a port for telemetry) reach it from here."""

    def __init__(self, endpoints: Endpoints, timing: Timing, log: Log) -> None:
        self.endpoints = endpoints
        self.timing = timing
        self.log = log
        self.url = ""
        self.telemetry_url: str | None = None
        self.certificate: Certificate | None = None
        self.parts: list[tuple[asyncio.Server, web.Server]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def listen(self, settings: Settings) -> None:
        """Open the port for reviews, and the one for telemetry if it has one. Raises ConfigurationError."""
        certificate = open_certificate(settings.tls_cert_file, settings.tls_private_key_file)
        metrics = self.endpoints.metrics
        if certificate is None:
            self.log.warning(
                "reviews are served over plain HTTP, which no API server sends them by:"
                " set TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE, unless something in front of the webhook does TLS"
            )
        else:
            self.certificate = certificate
            metrics.certificate_expiry.set(certificate.expiry.timestamp())
            self.start(watch_certificate(certificate, metrics, self.log, self.timing.certificate_poll))
        telemetry_address = settings.telemetry_listen_address
        table = self.endpoints.main_table(with_metrics=not telemetry_address)
        listener = open_listener("LISTEN_ADDRESS", settings.listen_address)
        self.url = await self.open(listener, table, certificate.context if certificate else None)
        if telemetry_address:
            listener = open_listener("TELEMETRY_LISTEN_ADDRESS", telemetry_address)
            self.telemetry_url = await self.open(listener, self.endpoints.telemetry_table(), None)
        expires = certificate.expiry.isoformat() if certificate else None
        self.log.info("serving", url=self.url, telemetry=self.telemetry_url, certificate_expires=expires)

    async def open(
        self, listener: socket.socket, table: Mapping[str, Mapping[str, Answer]], context: ssl.SSLContext | None
    ) -> str:
        """Serve a table of paths on a listener; returns the URL."""
        server = make_server(self.endpoints, table)
        factory = make_factory(
            server,
            self.endpoints.reject,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self.timing.keep_alive,
            lingering_time=self.timing.linger,
            logger=make_library_logger(self.log),
        )
        loop = asyncio.get_running_loop()
        url = format_url("https" if context else "http", listener)
        if context:
            handshake = self.timing.handshake
            accepting = await loop.create_server(factory, sock=listener, ssl=context, ssl_handshake_timeout=handshake)
        else:
            accepting = await loop.create_server(factory, sock=listener)
        self.parts.append((accepting, server))
        self.start(close_late_connections(server, self.timing.header, self.timing.header_poll))
        return url

    def connections(self) -> list[Connection]:
        """List the open connections."""
        return [each for _, server in self.parts for each in server.connections if isinstance(each, Connection)]

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Start something that goes on until the server is closed."""
        self.tasks.append(asyncio.create_task(work))

    async def drain(self, hurry: asyncio.Event | None = None) -> None:
        """Send everybody away: not ready, and each answer the last of its connection. `hurry` cuts it short."""
        self.endpoints.is_draining = True
        self.log.info("shutting down", seconds=self.timing.drain)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timing.drain):
                await (hurry or asyncio.Event()).wait()

    async def close(self) -> None:
        """Stop listening, wait for what is under way, and close all connections."""
        self.endpoints.is_draining = True
        for accepting, _ in self.parts:
            accepting.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timing.finish):
                await self.endpoints.at_rest.wait()
        for accepting, server in self.parts:
            transports = [handler.transport for handler in server.connections]
            server.pre_shutdown()
            await server.shutdown(self.timing.linger)
            for transport in transports:
                if transport is not None:  # TLS would wait for the peer's farewell, longer than the event loop lives
                    transport.abort()
            await accepting.wait_closed()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def running_server(
    settings: Settings,
    lookup: ObjectLookup,
    images: ImageLookup | None = None,
    *,
    log: Log | None = None,
    timing: Timing | None = None,
    mutate: Mutate | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[Server]:
    """Serve in this process as long as the context lasts. Raises ConfigurationError.

    `lookup` answers what mutations ask of the cluster, `images` of registries; `mutate` replaces the mutation of pods (for tests).
    """
    log = log or Log(settings.log_level, as_json=settings.json_log)
    timing = timing or Timing()
    mutate = mutate or partial(mutate_pod, settings=settings, lookup=lookup, images=images)
    server = Server(Endpoints(mutate, log, metrics or Metrics(), Limits(timing.body)), timing, log)
    try:
        await server.listen(settings)
        yield server
    finally:
        await server.close()


async def serve(settings: Settings, timing: Timing | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal cuts that short. Raises ConfigurationError."""
    log = Log(settings.log_level, as_json=settings.json_log)
    timing = timing or Timing(drain=settings.shutdown_delay / SECOND)
    loop = asyncio.get_running_loop()
    watch_loop(loop, log)
    stop, hurry = asyncio.Event(), asyncio.Event()

    def note_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, note_signal)
    metrics = Metrics()
    async with (
        open_lookup(settings, log) as lookup,
        open_images(settings, lookup, metrics.observe_registry) as images,
        running_server(settings, lookup, images, log=log, timing=timing, metrics=metrics) as server,
    ):
        await stop.wait()
        await server.drain(hurry)
    log.info("stopped")
