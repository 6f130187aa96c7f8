"""The life of the server: open, serve, drain, close.

Shutting down is done for the API server's sake: it keeps connections and goes on using them, and other nodes go on
sending here, until the end of our readiness has travelled through the cluster. So for some seconds everything is
answered, each answer ends its connection, and only then the doors are shut and the last reviews are waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import SECOND
from vault_secrets_webhook.textlog import Log

from .certificate import open_certificate, watch_certificate
from .certificates.keeper import Keeper
from .certificates.serving import OwnCertificate
from .certificates.wish import read_wish
from .connection import Site
from .endpoints import Endpoints, Limits
from .events import open_recorder
from .faults import watch_loop, watch_process
from .kube.objects import open_cluster
from .kube.pod_cluster import open_pod_cluster
from .listen import format_url
from .metrics import Metrics
from .namespace_defaults import NamespaceDefaults
from .reach import ClusterReach
from .registry.images import open_images
from .reviewers import build_reviewers
from .timing import Timing
from .vaultaccess.checking import VaultPathChecker
from .vaultaccess.reader import open_reader
from .workers import find_place, remove_metrics, take_listener, unblock_signals

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from .certificate import Certificate
    from .certificates.wish import Wish
    from .connection import Connection
    from .endpoints import Table
    from .events import NoteRefusal
    from .kube.client import Client
    from .mutation import Reviewer
    from .settings import Settings
    from .workers import WorkerPlace


class Server:
    """A server that listens. `url` and `telemetry_url` (None without a port for telemetry) reach it from here."""

    def __init__(self, endpoints: Endpoints, timing: Timing, log: Log) -> None:
        self.endpoints = endpoints
        self.timing = timing
        self.log = log
        self.url = ""
        self.telemetry_url: str | None = None
        self.certificate: Certificate | None = None
        self.parts: list[tuple[asyncio.Server, Site]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def listen(self, settings: Settings, client: Client | None = None) -> None:
        """Open the port for reviews, and the one for telemetry if it has one. Raises ConfigurationError.

        `client` is needed for own certificates.
        """
        wish = read_wish(settings)
        context = self.open_certificate(settings) if wish is None else await self.keep_certificate(wish, client)
        telemetry_address = settings.telemetry_listen_address
        table = self.endpoints.main_table(with_metrics=not telemetry_address)
        listener = take_listener(0, "LISTEN_ADDRESS", settings.listen_address)
        self.url = await self.open(listener, table, context)
        if telemetry_address:
            listener = take_listener(1, "TELEMETRY_LISTEN_ADDRESS", telemetry_address)
            self.telemetry_url = await self.open(listener, self.endpoints.telemetry_table(), None)
        expires = self.certificate.expiry.isoformat() if self.certificate else None
        self.log.info("serving", url=self.url, telemetry=self.telemetry_url, certificate_expires=expires)

    def open_certificate(self, settings: Settings) -> ssl.SSLContext | None:
        """Open the certificate of the settings and watch it; None without one. Raises ConfigurationError."""
        certificate = open_certificate(settings.tls_cert_file, settings.tls_private_key_file)
        if certificate is None:
            self.log.warning(
                "reviews are served over plain HTTP, which no API server sends them by: set CERTIFICATE_SECRET, or"
                " TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE, unless something in front of the webhook does TLS"
            )
            return None
        metrics = self.endpoints.metrics
        self.certificate = certificate
        metrics.certificate_expiry.set(certificate.expiry.timestamp())
        self.start(watch_certificate(certificate, metrics, self.log, self.timing.certificate_poll))
        return certificate.context

    async def keep_certificate(self, wish: Wish, client: Client | None) -> ssl.SSLContext:
        """Look after own certificates; not ready before there is one. Raises ConfigurationError.

        Waits a while for the first one: a worker that is started again shares its port with others that are ready.
        """
        if client is None:
            raise ConfigurationError("CERTIFICATE_SECRET needs a cluster: set KUBECONFIG or run the webhook in a pod")
        certificate = OwnCertificate()
        self.endpoints.obstacles.append(certificate.find_obstacle)
        self.start(Keeper(client, wish, certificate, self.endpoints.metrics, self.log).run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timing.certificate_wait):
                await certificate.arrived.wait()
        return certificate.context

    def watch_cluster(self, client: Client) -> None:
        """Be not ready before the API server was reached once."""
        reach = ClusterReach(client, self.log)
        self.endpoints.obstacles.append(reach.find_obstacle)
        self.start(reach.run())

    async def open(self, listener: socket.socket, table: Table, context: ssl.SSLContext | None) -> str:
        """Serve a table of paths on a listener; returns the URL."""
        site = Site(self.endpoints, table, self.timing)
        url = format_url("https" if context else "http", listener)
        if context:
            handshake = self.timing.handshake
            accepting = await site.loop.create_server(
                site.connect, sock=listener, ssl=context, ssl_handshake_timeout=handshake
            )
        else:
            accepting = await site.loop.create_server(site.connect, sock=listener)
        self.parts.append((accepting, site))
        self.start(site.close_late_connections())
        return url

    def connections(self) -> list[Connection]:
        """List the open connections."""
        return [connection for _, site in self.parts for connection in site.connections]

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
        await self.close_connections()
        for accepting, _ in self.parts:
            await accepting.wait_closed()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def close_connections(self) -> None:
        """Close all connections, those last whose last answer is still on its way."""
        deadline = asyncio.get_running_loop().time() + self.timing.linger
        ending = [connection for connection in self.connections() if connection.end()]
        while any(connection.transport is not None for connection in ending):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.01)  # nobody tells when the peer has taken it all
        for connection in ending:
            connection.abort()


@contextlib.asynccontextmanager
async def running_server(
    settings: Settings,
    reviewers: Sequence[Reviewer],
    *,
    log: Log | None = None,
    timing: Timing | None = None,
    metrics: Metrics | None = None,
    client: Client | None = None,
    note_refusal: NoteRefusal | None = None,
) -> AsyncIterator[Server]:
    """Serve in this process as long as the context lasts. Raises ConfigurationError."""
    log = log or Log(settings.log_level, as_json=settings.json_log)
    timing = timing or Timing()
    server = Server(Endpoints(reviewers, log, metrics or Metrics(), Limits(timing.body), note_refusal), timing, log)
    try:
        await server.listen(settings, client)
        if client is not None:
            server.watch_cluster(client)
        yield server
    finally:
        await server.close()


async def serve(settings: Settings, timing: Timing | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal cuts that short. Raises ConfigurationError."""
    place = find_place()
    log = Log(settings.log_level, as_json=settings.json_log)
    if place is not None:
        log = log.bind(worker=place.number)
    watch_process(log)
    watch_loop(asyncio.get_running_loop(), log)
    stop, hurry = watch_signals(place)
    async with open_server(settings, log, timing or Timing(drain=settings.shutdown_delay / SECOND)) as server:
        await stop.wait()
        await server.drain(hurry)
    log.info("stopped")


def watch_signals(place: WorkerPlace | None) -> tuple[asyncio.Event, asyncio.Event]:
    """Give what is set by the first signal to end, or the end of a worker's parent, and what by the second one."""
    loop = asyncio.get_running_loop()
    stop, hurry = asyncio.Event(), asyncio.Event()

    def note_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, note_signal)
    if place is not None:
        pipe = place.pipe

        def note_end_of_parent() -> None:
            loop.remove_reader(pipe)
            remove_metrics()
            stop.set()

        loop.add_reader(pipe, note_end_of_parent)
        unblock_signals()
    return stop, hurry


@contextlib.asynccontextmanager
async def open_server(settings: Settings, log: Log, timing: Timing) -> AsyncIterator[Server]:
    """Serve with all that the settings ask for, as long as the context lasts. Raises ConfigurationError."""
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        cluster = await enter(open_cluster(settings, log))
        images = await enter(open_images(settings, cluster.lookup, metrics.clients.observe_registry))
        reader = await enter(open_reader(settings, cluster, log, os.environ, metrics.clients))
        defaults = NamespaceDefaults(settings.namespace_defaults, cluster)
        note_refusal = None
        if cluster.client is not None:
            cluster.client.observe = metrics.clients.observe_kubernetes
            if settings.events:
                note_refusal = (await enter(open_recorder(cluster.client, log, metrics.note_event))).note_refusal
        yield await enter(
            running_server(
                settings,
                build_reviewers(
                    settings,
                    cluster.lookup,
                    images,
                    reader,
                    open_pod_cluster(cluster, log),
                    defaults.of if settings.namespace_defaults else None,
                    VaultPathChecker(reader),
                ),
                log=log,
                timing=timing,
                metrics=metrics,
                client=cluster.client,
                note_refusal=note_refusal,
            )
        )
