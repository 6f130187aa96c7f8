"""Sends requests to the Kubernetes API over one pool of connections.

What failed is tried again with growing pauses, all inside the deadline of the review at hand, and after 401 at once
with renewed credentials. A read may be repeated whatever happened to it. A write may be repeated only when the API
server did not begin with it: it said so (429), or there was no connection to send it by. Anything else is for the
caller to find out, by reading.

Proxies are only those of a kubeconfig: the variables HTTPS_PROXY and NO_PROXY are made for the way out of the cluster,
and aiohttp does not know the ranges of addresses that NO_PROXY usually names for the way inside.
For statuses: https://kubernetes.io/docs/reference/using-api/api-concepts/ and, for 429, the page on API Priority and
Fairness; what objects look like is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import aiohttp
import msgspec
from yarl import URL

from vault_secrets_webhook import __version__
from vault_secrets_webhook.webhook.body import read_body
from vault_secrets_webhook.webhook.deadline import remaining_seconds
from vault_secrets_webhook.webhook.tries import (
    MOST_TRIES,
    RETRIABLE,
    SHORTEST_TRY,
    UNREACHABLE,
    describe,
    pause_after,
    read_retry_after,
)

from .errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .cluster import Cluster
    from .credentials import Access

Decoded = TypeVar("Decoded")

# The share of the remaining time that one try may take, so that a dead connection leaves time for another one.
TRY_SHARE = 0.5
# An object of etcd has 1.5 MiB at most; base64 and managedFields are in that.
LARGEST_ANSWER = 4 * 1024 * 1024
CONNECTIONS = 32
RETRIABLE_WRITE = frozenset((429,))
# What a method does to an object, for messages.
VERBS = {"GET": "read", "POST": "create", "PUT": "update", "PATCH": "change", "DELETE": "delete"}
JSON = "application/json"
# RFC 6902; RFC 7386, where only what is named is changed.
JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"vault-secrets-webhook/{__version__}",
}
OK, REDIRECTIONS = 200, 300
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409
NO_API_SERVER = "what answered is no API server; is there a proxy in between?"


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


class Call(NamedTuple):
    """A request. `path` is written as in the URL, with its query, of checked names.

    `what` names the object for messages (`secrets shop/db`), `permission` is what RBAC must allow for it (`the verb get
    for secrets in namespace shop`), or empty. Without `retries` it is sent once.
    """

    method: str
    path: str
    what: str
    permission: str = ""
    body: bytes = b""
    content_type: str = JSON
    retries: bool = True

    def is_read(self) -> bool:
        """Tell whether it changes nothing."""
        return self.method == "GET"

    def describe(self) -> str:
        """Describe what is done to what."""
        return f"{VERBS[self.method]} {self.what}"


class Answer(NamedTuple):
    """An HTTP answer: status, content type, body, and the pause it asks for (seconds, or None)."""

    status: int
    content_type: str
    body: bytes
    retry_after: float | None


class Disconnected(Exception):
    """A try that brought no answer; the text says why. `is_sent` tells whether the request may have got there."""

    def __init__(self, message: str, *, is_sent: bool = True) -> None:
        super().__init__(message)
        self.is_sent = is_sent


class Client:
    """Sends requests to the API server of one cluster.

    `observe` is told the method of each request, the status of its answer or `unreachable`, and the seconds it took.
    """

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession) -> None:
        self.cluster = cluster
        self.session = session
        self.observe: Callable[[str, str, float], None] | None = None

    async def read(self, target: Target) -> bytes | None:
        """Read an object as JSON; None when it does not exist. Raises KubernetesError, which names the object."""
        permission = f"the verb get for {target.resource} in namespace {target.namespace}"
        answer = await find(self, Call("GET", target.path(), str(target), permission))
        return None if answer is None else answer.body

    async def send(self, call: Call) -> Answer:
        """Send a request; gives the answer if its status is 2xx.

        Raises KubernetesError, which names the object, for all others: its `status` is that of the answer, or None when
        there was none.
        """
        limit = remaining_seconds()
        try:
            async with asyncio.timeout(limit):
                answer = await self.insist(call)
        except TimeoutError:
            raise KubernetesError(f"cannot {call.describe()}: no answer within {limit:.1f} seconds") from None
        except (KubernetesError, Disconnected) as error:
            raise KubernetesError(f"cannot {call.describe()}: {error}") from None
        if not OK <= answer.status < REDIRECTIONS:
            message = f"cannot {call.describe()}: {self.explain(answer, call)}"
            raise KubernetesError(message, status=answer.status)
        return answer

    async def insist(self, call: Call) -> Answer:
        """Ask until there is an answer that stands. Raises KubernetesError and Disconnected."""
        retriable = RETRIABLE if call.is_read() else RETRIABLE_WRITE
        for number in range(1, MOST_TRIES if call.retries else 1):
            try:
                answer = await self.ask_with_renewal(call)
            except Disconnected as error:
                if error.is_sent and not call.is_read():
                    raise
                await asyncio.sleep(pause_after(number, None))
                continue
            pause = pause_after(number, answer.retry_after)
            if answer.status not in retriable or pause >= remaining_seconds():
                return answer
            await asyncio.sleep(pause)
        return await self.ask_with_renewal(call)

    async def ask_with_renewal(self, call: Call) -> Answer:
        """Ask once, and once more with other credentials if these are not accepted."""
        credentials = self.cluster.credentials
        access = await credentials.access()
        answer = await self.ask_and_tell(call, access)
        if answer.status == UNAUTHORIZED and await credentials.renew(access):
            answer = await self.ask_and_tell(call, await credentials.access())
        return answer

    async def ask_and_tell(self, call: Call, access: Access) -> Answer:
        """Ask once, and tell whoever counts."""
        started, code = perf_counter(), UNREACHABLE
        try:
            answer = await self.ask(call, access)
            code = str(answer.status)
        finally:
            if self.observe is not None:
                self.observe(call.method, code, perf_counter() - started)
        return answer

    async def ask(self, call: Call, access: Access) -> Answer:
        """Send one request. Raises Disconnected, and KubernetesError for what another try would not change."""
        fields = {**HEADERS, **access.headers}
        if call.body:
            fields["Content-Type"] = call.content_type
        try:
            async with self.session.request(
                call.method,
                URL(self.cluster.url + call.path, encoded=True),
                data=call.body or None,
                headers=fields,
                ssl=access.context or self.cluster.context,
                server_hostname=self.cluster.server_name,
                proxy=self.cluster.proxy,
                allow_redirects=False,  # our credentials are for this server only
                timeout=limit_try(call),
            ) as response:
                body = await read_answer(response)
                return Answer(response.status, response.content_type, body, read_retry_after(response))
        except aiohttp.ClientConnectorCertificateError as error:
            reason = getattr(error.certificate_error, "verify_message", "") or "it is not trusted"
            raise KubernetesError(f"the certificate of {self.cluster.url} was not accepted: {reason}") from None
        except TimeoutError as error:
            is_sent = not isinstance(error, aiohttp.ConnectionTimeoutError)
            raise Disconnected(f"{self.cluster.url} took too long to answer", is_sent=is_sent) from None
        except (aiohttp.ClientError, OSError) as error:
            message = f"{self.cluster.url} cannot be reached: {describe(error)}"
            raise Disconnected(message, is_sent=not isinstance(error, aiohttp.ClientConnectorError)) from None

    def explain(self, answer: Answer, call: Call) -> str:
        """Say what an answer with an error means, and what is to be done."""
        if answer.status == UNAUTHORIZED:
            return f"the API server does not accept our credentials (401); they come from {self.cluster.source}"
        if answer.status == FORBIDDEN and call.permission:
            others = "" if call.is_read() else ", and no quota or admission plugin against it"
            return f"RBAC does not allow it (403): the webhook needs {call.permission}{others}"
        return f"the API server answered with status {answer.status}"


def limit_try(call: Call) -> aiohttp.ClientTimeout:
    """Choose how long a try may take: as long as there is time, unless there could be another one."""
    left = remaining_seconds()
    share = max(left * TRY_SHARE, SHORTEST_TRY) if call.retries else None
    if call.is_read():
        return aiohttp.ClientTimeout(total=share)
    return aiohttp.ClientTimeout(total=max(left, SHORTEST_TRY), sock_connect=share)


async def find(client: Client, call: Call) -> Answer | None:
    """Send a request about what need not be there; None when it is not. Raises KubernetesError like `send`."""
    try:
        return await client.send(call)
    except KubernetesError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def decode_answer(answer: Answer, decoder: msgspec.json.Decoder[Decoded], what: str) -> Decoded:
    """Decode what an API server answered. Raises KubernetesError when it cannot come from one.

    The text of the answer is in no message: it may hold secrets.
    """
    try:
        return decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise KubernetesError(f"cannot understand the answer about {what}: {NO_API_SERVER}") from None


async def read_answer(response: aiohttp.ClientResponse) -> bytes:
    """Read a body of bounded size. Raises KubernetesError."""
    body = await read_body(response, LARGEST_ANSWER)
    if body is None:
        raise KubernetesError(f"the answer is larger than {LARGEST_ANSWER} bytes")
    return body


@contextlib.asynccontextmanager
async def open_client(cluster: Cluster) -> AsyncIterator[Client]:
    """Open a pool of connections to a cluster."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(cluster, session)
