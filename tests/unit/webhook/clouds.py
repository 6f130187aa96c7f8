"""What tests of the registries of clouds share: all their hosts by their real names, and a look-up that asks them."""

from __future__ import annotations

import base64
import contextlib
import json
from calendar import timegm
from typing import TYPE_CHECKING, Any

from yarl import URL

from tests.fakes.cluster import FakeCluster
from tests.fakes.hosts import Asked, FakeHosts, serve_hosts
from tests.fakes.registry import FakeRegistry, Reply
from tests.unit.webhook.looking import START, Setting
from tests.unit.webhook.serving import make_settings
from vault_secrets_webhook.webhook.registry.cloud import Clouds
from vault_secrets_webhook.webhook.registry.cloud.aws import Aws
from vault_secrets_webhook.webhook.registry.cloud.awskeys import KeySource
from vault_secrets_webhook.webhook.registry.cloud.azure import Azure
from vault_secrets_webhook.webhook.registry.cloud.gcp import Gcp
from vault_secrets_webhook.webhook.registry.images import open_images
from vault_secrets_webhook.webhook.registry.transport import open_transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.fakes.certificates import Authority
    from vault_secrets_webhook.webhook.registry.cloud.provider import Provider
    from vault_secrets_webhook.webhook.registry.transport import Transport

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ECR_API, STS = "api.ecr.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"
ECR_FIPS, ECR_FIPS_API = "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "ecr-fips.us-east-1.amazonaws.com"
ECR_CHINA = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
GAR, GCR, GOOGLE = "europe-docker.pkg.dev", "eu.gcr.io", "metadata.google.internal"
ACR, ENTRA = "shop.azurecr.io", "login.microsoftonline.com"
OTHER = "registry.example"
NAMES = (ECR, ECR_API, STS, ECR_FIPS, ECR_FIPS_API, ECR_CHINA, GAR, GCR, ACR, ENTRA, OTHER)
ALL = {"REGISTRY_CLOUD_CREDENTIALS": "aws,gcp,azure"}
NOW = timegm((2026, 11, 24, 12, 0, 0))
# What none but its documented place may see, and no message either.
CANARY = "hunter2-canary"
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_SESSION_TOKEN": f"session-{CANARY}"}


def reply(document: Any, **headers: str) -> Reply:
    return Reply(200, json.dumps(document).encode(), headers)


def always(answer: Reply) -> Callable[[Asked], Reply]:
    return lambda _: answer


class World:
    """All hosts, and the look-up that asks them with the environment of a webhook."""

    def __init__(self, hosts: FakeHosts, setting: Setting) -> None:
        self.hosts = hosts
        self.setting = setting

    async def find(self, host: str, **fields: Any) -> Any:
        return await self.setting.find(image=f"{host}/team/app:1", **fields)

    async def fail(self, host: str, **fields: Any) -> str:
        return await self.setting.fail(image=f"{host}/team/app:1", **fields)

    def list_asked(self) -> list[str]:
        return [f"{one.method} {one.host}{one.path}" for one in self.hosts.asked]


def store(hosts: FakeHosts, host: str, login: str, secret: str, user: str) -> FakeRegistry:
    registry = hosts.add_registry(host, FakeRegistry(login, {user: secret}))
    registry.store_image("1", **START)
    return registry


@contextlib.asynccontextmanager
async def cloudy(
    authority: Authority, environ: Mapping[str, str] | None = None, **variables: str
) -> AsyncIterator[World]:
    """Serve all clouds with their registries, and open the look-up. Endpoints without a name are the plain ones."""
    hosts = FakeHosts()
    environ = environ or {}
    async with serve_hosts(hosts, authority, *NAMES):
        settings = make_settings(None, **{"REGISTRY_CA_FILE": str(authority.ca_file), **ALL, **variables})
        async with open_transport(settings.registry_ca_file, lambda *_: None, hosts) as transport:
            providers = make_providers(transport, environ, hosts.plain)
            clouds = Clouds([providers[name] for name in settings.registry_cloud_credentials])
            cluster = FakeCluster()
            async with open_images(settings, cluster, lambda *_: None, resolver=hosts, clouds=clouds) as images:
                yield World(hosts, Setting(FakeRegistry(), images, cluster, []))


def make_providers(transport: Transport, environ: Mapping[str, str], plain: str) -> dict[str, Provider]:
    keys = KeySource(transport, environ, container=URL(plain), metadata=URL(plain))
    return {
        "aws": Aws(transport, environ, lambda: NOW, keys),
        "gcp": Gcp(transport),
        "azure": Azure(transport, environ, URL(plain)),
    }


def give_password(world: World, host: str = ECR, api: str = ECR_API, end: float = NOW + 43200) -> FakeRegistry:
    registry = store(world.hosts, host, "basic", "password", "AWS")
    token = base64.b64encode(b"AWS:password").decode()
    document = {"authorizationData": [{"authorizationToken": token, "expiresAt": end, "proxyEndpoint": "x"}]}
    world.hosts.answers[f"POST {api}/"] = lambda _: reply(document)
    return registry


def give_refresh_token(world: World) -> FakeRegistry:
    registry = store(world.hosts, ACR, "bearer", f"refresh-{CANARY}", "")
    world.hosts.answers[f"POST {ACR}/oauth2/exchange"] = lambda _: reply({"refresh_token": f"refresh-{CANARY}"})
    return registry
