"""Reads objects from the Kubernetes API over one pool of connections.

Every request is a GET, so it may be repeated: after 401 with renewed credentials, after 429, 5xx and a failed
connection with growing pauses, all inside the deadline of the review at hand. Proxies are only those of a kubeconfig:
the variables HTTPS_PROXY and NO_PROXY are made for the way out of the cluster, and aiohttp does not know the ranges of
addresses that NO_PROXY usually names for the way inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
from yarl import URL

from vault_secrets_webhook import __version__
from vault_secrets_webhook.goparse import is_digits
from vault_secrets_webhook.webhook.body import read_body
from vault_secrets_webhook.webhook.deadline import remaining_seconds

from .errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .cluster import Cluster
    from .credentials import Access

MOST_TRIES = 3
FIRST_PAUSE = 0.2
# The share of the remaining time that one try may take, so that a dead connection leaves time for another one.
TRY_SHARE = 0.5
# An object of etcd has 1.5 MiB at most; base64 and managedFields are in that.
LARGEST_ANSWER = 4 * 1024 * 1024
SHORTEST_TRY = 0.05
CONNECTIONS = 32
RETRIABLE = frozenset((408, 425, 429, 500, 502, 503, 504))
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"vault-secrets-webhook/{__version__}",
}
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 200, 401, 403, 404


class Target(NamedTuple):
    """An object to read; all three are checked names."""

    resource: str
    namespace: str
    name: str

    def path(self) -> str:
        """Write the path of the object in the core API."""
        return f"/api/v1/namespaces/{self.namespace}/{self.resource}/{self.name}"

    def __str__(self) -> str:
        return f"{self.resource} {self.namespace}/{self.name}"


class Answer(NamedTuple):
    """An HTTP answer: status, content type, body, and the pause it asks for (seconds, or None)."""

    status: int
    content_type: str
    body: bytes
    retry_after: float | None


class Disconnected(Exception):
    """A try that brought no answer; the text says why."""


class Client:
    """Reads objects of one cluster."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession) -> None:
        self.cluster = cluster
        self.session = session

    async def read(self, target: Target) -> bytes | None:
        """Read an object as JSON; None when it does not exist. Raises KubernetesError, which names the object."""
        limit = remaining_seconds()
        try:
            async with asyncio.timeout(limit):
                answer = await self.insist(target)
        except TimeoutError:
            raise KubernetesError(f"cannot read {target}: no answer within {limit:.1f} seconds") from None
        except (KubernetesError, Disconnected) as error:
            raise KubernetesError(f"cannot read {target}: {error}") from None
        if answer.status == NOT_FOUND:
            return None
        if answer.status != OK:
            raise KubernetesError(f"cannot read {target}: {self.explain(answer, target)}", status=answer.status)
        return answer.body

    async def insist(self, target: Target) -> Answer:
        """Ask until there is an answer that stands. Raises KubernetesError and Disconnected."""
        for number in range(1, MOST_TRIES):
            try:
                answer = await self.ask_with_renewal(target)
            except Disconnected:
                await asyncio.sleep(pause_after(number, None))
                continue
            if answer.status not in RETRIABLE:
                return answer
            await asyncio.sleep(pause_after(number, answer.retry_after))
        return await self.ask_with_renewal(target)

    async def ask_with_renewal(self, target: Target) -> Answer:
        """Ask once, and once more with other credentials if these are not accepted."""
        credentials = self.cluster.credentials
        access = await credentials.access()
        answer = await self.ask(target, access)
        if answer.status == UNAUTHORIZED and await credentials.renew(access):
            answer = await self.ask(target, await credentials.access())
        return answer

    async def ask(self, target: Target, access: Access) -> Answer:
        """Send one request. Raises Disconnected, and KubernetesError for what another try would not change."""
        try:
            async with self.session.get(
                URL(self.cluster.url + target.path(), encoded=True),
                headers={**HEADERS, **access.headers},
                ssl=access.context or self.cluster.context,
                server_hostname=self.cluster.server_name,
                proxy=self.cluster.proxy,
                allow_redirects=False,  # our credentials are for this server only
                timeout=aiohttp.ClientTimeout(total=max(remaining_seconds() * TRY_SHARE, SHORTEST_TRY)),
            ) as response:
                body = await read_answer(response)
                return Answer(response.status, response.content_type, body, read_retry_after(response))
        except aiohttp.ClientConnectorCertificateError as error:
            reason = getattr(error.certificate_error, "verify_message", "") or "it is not trusted"
            raise KubernetesError(f"the certificate of {self.cluster.url} was not accepted: {reason}") from None
        except TimeoutError:
            raise Disconnected(f"{self.cluster.url} took too long to answer") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Disconnected(f"{self.cluster.url} cannot be reached: {describe(error)}") from None

    def explain(self, answer: Answer, target: Target) -> str:
        """Say what an answer with an error means, and what is to be done."""
        if answer.status == UNAUTHORIZED:
            return f"the API server does not accept our credentials (401); they come from {self.cluster.source}"
        if answer.status == FORBIDDEN:
            resource, namespace, _ = target
            return (
                f"RBAC does not allow it (403): the webhook needs the verb get for {resource} in namespace {namespace}"
            )
        return f"the API server answered with status {answer.status}"


async def read_answer(response: aiohttp.ClientResponse) -> bytes:
    """Read a body of bounded size. Raises KubernetesError."""
    body = await read_body(response, LARGEST_ANSWER)
    if body is None:
        raise KubernetesError(f"the answer is larger than {LARGEST_ANSWER} bytes")
    return body


def read_retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Read the pause that the server asks for, in seconds; dates do not come from an API server."""
    text = response.headers.get("Retry-After", "")
    return float(text) if is_digits(text) else None


def pause_after(number: int, retry_after: float | None) -> float:
    """Choose the pause after a try: what the server asks for, or a random part of a doubling time (full jitter)."""
    if retry_after is not None:
        return retry_after
    return random.uniform(0, FIRST_PAUSE * 2**number)  # noqa: S311 - spreads load, keeps no secret


def describe(error: Exception) -> str:
    """Describe why a connection failed, without the text of whatever was received."""
    inner = getattr(error, "os_error", error)
    return getattr(inner, "strerror", None) or type(error).__name__


@contextlib.asynccontextmanager
async def open_client(cluster: Cluster) -> AsyncIterator[Client]:
    """Open a pool of connections to a cluster."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(cluster, session)
