"""ECR of AWS: a password for a registry, for a request that is signed with the webhook's keys.

`GetAuthorizationToken`, https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html. The
service is that of the registry's region, so neither the password nor a token of a session leaves AWS; and only of the
partition that the webhook is in, for an identity is unknown in another one.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

import msgspec
from yarl import URL

from vault_secrets_webhook.webhook.cache import Fresh
from vault_secrets_webhook.webhook.registry.credentials import Credential
from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.transport import Request
from vault_secrets_webhook.wire import message

from . import sigv4
from .awskeys import KeySource, find_partition
from .provider import ask, decode, limit_life

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vault_secrets_webhook.webhook.registry.transport import Transport

TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET}
SERVICE = "ecr"
PEER = "service ECR of AWS"
ADVICE = "the webhook's role needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer"


class Authorization(msgspec.Struct):
    """A password, as base64 of `USER:PASSWORD`, and when it ends, in seconds since 1970."""

    token: str = msgspec.field(name="authorizationToken")
    end: float = msgspec.field(name="expiresAt", default=0.0)


class Authorizations(msgspec.Struct):
    """The answer."""

    data: list[Authorization] = msgspec.field(name="authorizationData")


_authorizations = msgspec.json.Decoder(Authorizations)


class Aws:
    """A `Provider`. `clock` gives seconds since 1970."""

    source = "the webhook's identity at AWS"
    hosts = re.compile(
        r"(?P<account>[0-9]{12})\.dkr\.ecr(?P<fips>-fips)?\.(?P<region>[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2})"
        r"\.(?P<partition>amazonaws\.com(\.cn)?)"
    )

    def __init__(
        self,
        transport: Transport,
        environ: Mapping[str, str],
        clock: Callable[[], float],
        keys: KeySource | None = None,
    ) -> None:
        self.transport = transport
        self.environ = environ
        self.clock = clock
        self.keys = keys or KeySource(transport, environ)

    def scope(self, host: re.Match[str]) -> str:
        """Tell what a password is good for: all registries of a region that the identity may read."""
        return f"{host['region']}.{host['partition']}{host['fips'] or ''}"

    async def get(self, host: re.Match[str]) -> Fresh[Credential]:
        """Get a password. Raises RegistryError."""
        region, partition = host["region"], host["partition"]
        own = self.environ.get("AWS_REGION") or self.environ.get("AWS_DEFAULT_REGION") or region
        if not partition == find_partition(own) == find_partition(region):
            raise RegistryError("the webhook's identity at AWS is of another partition than the registry")
        keys = await self.keys.find(own)
        name = f"ecr-fips.{region}" if host["fips"] else f"api.ecr.{region}"
        request = message.Request("POST", f"https://{name}.{partition}/", HEADERS, b"{}")
        signed = sigv4.sign_request(request, keys, region, SERVICE, self.clock())
        return await self.exchange(Request("POST", URL(signed.url), signed.headers, body=signed.body, peer=PEER))

    async def exchange(self, request: Request) -> Fresh[Credential]:
        answer = await ask(self.transport, request, ADVICE)
        data = decode(_authorizations, answer, request).data
        try:
            user, colon, password = base64.b64decode(data[0].token, validate=True).decode().partition(":")
        except (binascii.Error, ValueError, IndexError):
            user = colon = password = ""
        if not colon:
            raise RegistryError(f"{request.whom()} gave no password")
        return Fresh(Credential(self.source, user, password, is_bound=True), limit_life(data[0].end - self.clock()))
