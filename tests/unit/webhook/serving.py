"""What tests of the server share: certificates, reviews, settings, and a loop to run in."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import io
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import uvloop

from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.mutate.patch import PatchOperation
from vault_secrets_webhook.webhook.mutation import Mutation
from vault_secrets_webhook.webhook.reviewers import review_pods
from vault_secrets_webhook.webhook.server import running_server
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.timing import Timing

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from tests.fakes.certificates import Pair
    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.mutation import Mutate, Reviewer
    from vault_secrets_webhook.webhook.server import Server

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
# Short where a test waits for the end, long where it must not be what ends the test.
QUICK = Timing(drain=0.05, finish=5.0, linger=0.2, certificate_poll=0.02, poll=0.02)
PATIENCE = 30.0
JSON = {"Content-Type": "application/json"}
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /pods HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own, of the kind that the webhook runs in."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def limited() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)

        uvloop.run(limited())

    return run


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; `in_loop` limits the time."""
    while not condition():  # noqa: ASYNC110 - nobody tells when it becomes true
        await asyncio.sleep(0.005)


def make_settings(pair: Pair | None = None, **variables: str) -> Settings:
    """Make settings for a server on a free loopback port."""
    environ = {"LISTEN_ADDRESS": "127.0.0.1:0", "VAULT_ADDR": "https://vault:8200", **variables}
    if pair is not None:
        environ |= {"TLS_CERT_FILE": str(pair.certificate), "TLS_PRIVATE_KEY_FILE": str(pair.key)}
    return Settings.from_environment(environ)


def make_request(**fields: Any) -> dict[str, Any]:
    """Make the `request` of a review of the creation of a pod."""
    return {
        "uid": UID,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "namespace": "shop",
        "userInfo": {"username": "admin"},
        "object": {"metadata": {"generateName": "web-"}, "spec": {"containers": []}},
        "oldObject": None,
        "dryRun": False,
        **fields,
    }


def make_review(version: str = "v1", **fields: Any) -> bytes:
    """Make a review of the creation of a pod as the API server sends it."""
    review = {
        "kind": "AdmissionReview",
        "apiVersion": f"admission.k8s.io/{version}",
        "request": make_request(**fields),
    }
    return json.dumps(review).encode()


def read_patch(answer: bytes | str) -> Any:
    """Read the JSON patch of an answer."""
    return json.loads(base64.b64decode(json.loads(answer)["response"]["patch"]))


async def add_label(pod: bytes, request: AdmissionRequest) -> Mutation:
    """Stand in for the mutation of pods."""
    return Mutation([PatchOperation("add", "/metadata/labels/x", "y")], ["careful"], ["app"], "injected")


@contextlib.asynccontextmanager
async def open_session(pair: Pair | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a client that trusts a certificate."""
    connector = aiohttp.TCPConnector(ssl=pair.trust() if pair else True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@contextlib.asynccontextmanager
async def serving(
    pair: Pair | None = None,
    *,
    mutate: Mutate = add_label,
    others: Sequence[Reviewer] = (),
    timing: Timing = QUICK,
    level: str = "info",
    **variables: str,
) -> AsyncIterator[tuple[Server, aiohttp.ClientSession]]:
    """Serve with a stand-in for the mutation of pods, and others, and give a client."""
    settings = make_settings(pair, **variables)
    running = running_server(settings, [review_pods(mutate), *others], log=Log(level), timing=timing)
    async with running as server, open_session(pair) as session:
        yield server, session


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """Post a body; gives status, headers and document."""
    async with session.post(url, data=io.BytesIO(body), headers={**JSON, **(headers or {})}) as response:
        return response.status, response.headers, await response.json()


@contextlib.asynccontextmanager
async def connected(
    server: Server, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection, plain or with TLS."""
    port = int(server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield reader, writer
    finally:
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is closed."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
