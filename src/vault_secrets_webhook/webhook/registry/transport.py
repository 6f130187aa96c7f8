"""Sends requests to registries: TLS, proxies, redirects, bounded bodies, another try. Knows nothing of credentials.

Every request is repeatable. Redirects are followed by hand, because a registry keeps its blobs elsewhere, and what let
us in there must not be sent to that other host, nor anything over plain HTTP that began with TLS. What has to stay with
whom it is for (`Request.stays`) does not follow to another host at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import urllib.request
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
from yarl import URL

from vault_secrets_webhook import __version__
from vault_secrets_webhook.errors import ConfigurationError
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

from .addresses import is_inner
from .errors import RegistryError, Unreachable
from .names import NameResolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from aiohttp.abc import AbstractResolver

MOST_REDIRECTS = 5
TRY_SHARE = 0.6  # of the remaining time, so that a dead connection leaves time for another one
LARGEST_ANSWER = 4 * 1024 * 1024  # containerd's limit for a manifest
CONNECTIONS, CONNECTIONS_OF_ONE = 128, 8  # of all registries, and of one, which may be slow
REDIRECTS = frozenset((301, 302, 303, 307, 308))
AUTHORIZATION = "Authorization"
HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"vault-secrets-webhook/{__version__}"}
REGISTRY = "registry"


class Answer(NamedTuple):
    """An HTTP answer. `headers` ignore the case of their names; `retry_after` is the pause it asks for, in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    retry_after: float | None


class Request(NamedTuple):
    """What to send: a body, or a form as one. Without verification anybody's certificate will do.

    `peer` says for messages what is asked. `stays` keeps it from following a redirect to another host, `is_direct` from
    a proxy.
    """

    method: str
    url: URL
    headers: Mapping[str, str] = {}
    form: Mapping[str, str] | None = None
    body: bytes | None = None
    verifies: bool = True
    peer: str = REGISTRY
    stays: bool = False
    is_direct: bool = False

    def whom(self) -> str:
        """Name for messages who is asked."""
        return f"the {self.peer} {self.url.host_port_subcomponent}"


class Transport:
    """Sends requests. `observe` is told the status of each answer, or `unreachable`, and the seconds it took."""

    def __init__(
        self, session: aiohttp.ClientSession, trust: ssl.SSLContext, observe: Callable[[str, float], None]
    ) -> None:
        self.session = session
        self.trust = trust
        self.blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.blind.check_hostname = False
        self.blind.verify_mode = ssl.CERT_NONE
        self.observe = observe

    async def send(self, request: Request) -> Answer:
        """Send a request until there is an answer that stands. Raises RegistryError."""
        for number in range(1, MOST_TRIES):
            pause = None
            try:
                answer = await self.follow(request)
            except Unreachable as error:
                if error.speaks_no_tls:
                    raise
            else:
                if answer.status not in RETRIABLE:
                    return answer
                pause = answer.retry_after
                if pause is not None and pause > remaining_seconds():
                    return answer
            await asyncio.sleep(pause_after(number, pause))
        return await self.follow(request)

    async def follow(self, request: Request) -> Answer:
        """Send a request, and again to where it is sent on to. Raises RegistryError."""
        for _ in range(MOST_REDIRECTS):
            answer = await self.measure(request)
            location = answer.headers.get("Location", "")
            if answer.status not in REDIRECTS or not location:
                return answer
            request = redirect(request, location)
        raise RegistryError(f"{request.whom()} redirects in circles")

    async def measure(self, request: Request) -> Answer:
        """Send one request, and tell how it ended."""
        started, outcome = perf_counter(), UNREACHABLE
        try:
            answer = await self.exchange(request)
            outcome = str(answer.status)
            return answer
        finally:
            self.observe(outcome, perf_counter() - started)

    async def exchange(self, request: Request) -> Answer:
        """Send one request. Raises Unreachable, and RegistryError for what another try would not change."""
        whom = request.whom()
        try:
            async with self.session.request(
                request.method,
                request.url,
                headers={**HEADERS, **request.headers},
                data=request.form or request.body,
                ssl=self.trust if request.verifies else self.blind,
                proxy=None if request.is_direct else find_proxy(request.url),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=max(remaining_seconds() * TRY_SHARE, SHORTEST_TRY)),
            ) as response:
                body = await read_answer(response, whom)
                return Answer(response.status, response.headers, body, read_retry_after(response))
        except aiohttp.ClientConnectorCertificateError as error:
            reason = getattr(error.certificate_error, "verify_message", "") or "it is not trusted"
            raise RegistryError(
                f"the certificate of {whom} was not accepted: {reason}; REGISTRY_CA_FILE of the webhook names who"
                " signs it"
            ) from None
        except aiohttp.ClientConnectorSSLError:
            raise Unreachable(
                f"{whom} does not speak TLS; if it may be asked without, REGISTRY_PLAIN_HTTP of the webhook lists it",
                speaks_no_tls=True,
            ) from None
        except TimeoutError:
            raise Unreachable(f"{whom} took too long to answer") from None
        except aiohttp.ClientPayloadError:
            raise Unreachable(f"{whom} stopped in the middle of its answer") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"{whom} cannot be reached: {describe(error)}") from None


def redirect(request: Request, location: str) -> Request:
    """Make the request that a redirect asks for. Raises RegistryError when it leads where this must not go."""
    try:
        url = request.url.join(URL(location))
    except ValueError:
        url = URL()
    if url.scheme not in {"https", request.url.scheme} or not url.host or url.user or url.password:
        raise RegistryError(f"{request.whom()} redirects to an address that is not https")
    if url.host != request.url.host and is_inner(url.host):
        raise RegistryError(f"{request.whom()} redirects to an address of this machine or of a private network")
    headers = dict(request.headers)
    if url.origin() != request.url.origin():
        headers.pop(AUTHORIZATION, None)
        if request.stays:
            raise RegistryError(f"{request.whom()} redirects to another host, which is not asked")
    return request._replace(url=url, headers=headers)


def find_proxy(url: URL) -> str | None:
    """Find the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for a URL.

    aiohttp would do so too, but with it comes the reading of `~/.netrc`.
    """
    proxy = urllib.request.getproxies().get(url.scheme)
    if not proxy or urllib.request.proxy_bypass(url.host or ""):
        return None
    return proxy


async def read_answer(response: aiohttp.ClientResponse, whom: str) -> bytes:
    """Read a body of bounded size. Raises RegistryError."""
    body = await read_body(response, LARGEST_ANSWER)
    if body is None:
        raise RegistryError(f"the answer of {whom} is larger than {LARGEST_ANSWER} bytes")
    return body


def make_trust(ca_file: str) -> ssl.SSLContext:
    """Trust the system's authorities, and those in a file if one is named. Raises ConfigurationError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError):
            raise ConfigurationError(f"REGISTRY_CA_FILE: no PEM certificates can be read from {ca_file}") from None
    return context


@contextlib.asynccontextmanager
async def open_transport(
    ca_file: str, observe: Callable[[str, float], None], resolver: AbstractResolver | None = None
) -> AsyncIterator[Transport]:
    """Open a pool of connections to registries; `resolver` is for tests. Raises ConfigurationError."""
    trust = make_trust(ca_file)
    resolver = resolver or NameResolver()
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, limit_per_host=CONNECTIONS_OF_ONE, resolver=resolver)
    try:
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Transport(session, trust, observe)
    finally:
        await resolver.close()
