"""Own certificates in a running server: probes before the first one, and connections that outlive it."""

from __future__ import annotations

import asyncio
import ssl

import msgspec
import pytest

from tests.fakes.objects import CONFIGURATION, FakeObjects
from tests.unit.webhook.serving import GET, QUICK, add_label, connected, in_loop, make_settings, until
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.reviewers import review_pods
from vault_secrets_webhook.webhook.server import running_server

SETTINGS = {
    "KUBERNETES_NAMESPACE": "system",
    "CERTIFICATE_SECRET": "certificate",
    "CERTIFICATE_SERVICE": "webhook",
    "CERTIFICATE_WEBHOOK_CONFIGURATION": CONFIGURATION,
    "CERTIFICATE_NAMES": "localhost",
    "CERTIFICATE_LIFETIME": "10s",
    "CERTIFICATE_AUTHORITY_LIFETIME": "30s",
}
READY = GET.replace(b"/healthz", b"/readyz")


def unchecked() -> ssl.SSLContext:
    """Connect as the kubelet does."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    return await read_status(reader)


async def read_status(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in header.split(b"\r\n")[1:-2])
    await reader.readexactly(int(fields[b"content-length"]))
    return header.split(b" ")[1]


@in_loop
async def test_from_nothing_to_trusted_over_one_connection() -> None:
    objects = FakeObjects()

    def refuse(_: object) -> None:
        raise KubernetesError("away")

    objects.fail = refuse
    timing = msgspec.structs.replace(QUICK, certificate_wait=0.01)
    settings = make_settings(None, **SETTINGS)
    running = running_server(settings, [review_pods(add_label)], timing=timing, client=objects.client())
    async with running as server, connected(server, unchecked()) as (reader, writer):
        assert server.url.startswith("https://")
        assert await ask(reader, writer, GET) == b"200"
        assert await ask(reader, writer, READY) == b"503"
        objects.fail = lambda _: None
        (obstacle, *_) = server.endpoints.obstacles
        await until(lambda: not obstacle())
        trusting = ssl.create_default_context(cadata=objects.bundles()[0].decode())
        _, port = server.url.rsplit(":", 1)
        trusted = await asyncio.open_connection("localhost", int(port), ssl=trusting)
        assert await ask(*trusted, GET) == b"200"
        assert await ask(reader, writer, GET) == b"200"  # the one from before is still there
        trusted[1].close()


@in_loop
async def test_it_is_there_before_the_port_is_open() -> None:
    """A worker that is started again shares its port with others: nobody must get a certificate that is none."""
    objects = FakeObjects()
    running = running_server(make_settings(None, **SETTINGS), [], timing=QUICK, client=objects.client())
    async with running as server:
        (obstacle, *_) = server.endpoints.obstacles
        assert obstacle() == ""


@in_loop
async def test_without_a_cluster() -> None:
    with pytest.raises(ConfigurationError, match="CERTIFICATE_SECRET needs a cluster: set KUBECONFIG"):
        async with running_server(make_settings(None, **SETTINGS), [], timing=QUICK):
            pass
