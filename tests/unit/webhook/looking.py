"""What tests of the look-up share: a registry on loopback, the look-up as the settings describe it, a cluster's Secrets."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.cluster import FakeCluster
from tests.fakes.registry import FakeRegistry, serve_registry
from tests.unit.webhook.serving import make_settings
from vault_secrets_webhook.webhook.lookup import ImageQuestion, ImageStart
from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.images import open_images

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from vault_secrets_webhook.webhook.registry.images import Images

START: dict[str, Any] = {"Entrypoint": ["/app", "$HOME"], "Cmd": ["serve"]}
FOUND = ImageStart(("/app", "$HOME"), ("serve",))
USERS = {"reader": "hunter2"}
PULL = ("pull",)


class Setting:
    """A registry, who looks into its images, and what the cluster was asked for; `codes` are those of its answers."""

    def __init__(self, registry: FakeRegistry, images: Images, cluster: FakeCluster, codes: list[str]) -> None:
        self.registry = registry
        self.images = images
        self.cluster = cluster
        self.codes = codes

    async def find(self, name: str = "team/app:1", secrets: tuple[str, ...] = (), **fields: Any) -> ImageStart:
        """Look into an image of the registry."""
        question = ImageQuestion(f"{self.registry.address}/{name}", "shop", secrets, "default", (), False)
        return await self.images.for_review().find_start(question._replace(**fields))

    async def fail(self, *args: Any, **fields: Any) -> str:
        """Look into an image in vain; the message, which shows no password."""
        with pytest.raises(RegistryError) as caught:
            await self.find(*args, **fields)
        assert "hunter" not in str(caught.value)
        assert "canary" not in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def count(self, part: str = "/v2/") -> int:
        """Count the requests to paths with a part."""
        return sum(part in path for _, path, _ in self.registry.asked)


def pull_secret(address: str, user: str = "reader", password: str = "hunter2", **fields: str) -> dict[str, bytes]:
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {".dockerconfigjson": json.dumps({"auths": {address: {"auth": auth, **fields}}}).encode()}


@contextlib.asynccontextmanager
async def looking(
    registry: FakeRegistry | None = None,
    cluster: FakeCluster | None = None,
    context: ssl.SSLContext | None = None,
    variables: Mapping[str, str] | None = None,
    **parts: Any,
) -> AsyncIterator[Setting]:
    """Serve a registry, with the image `team/app:1` unless it has some, and open the look-up; `parts` replace its own."""
    async with serve_registry(registry or FakeRegistry(), context) as fake:
        if not fake.tags:
            fake.store_image("1", **START)
        cluster = cluster or FakeCluster()
        cluster.secrets = {"pull": pull_secret(fake.address), **cluster.secrets}
        plain = {} if context else {"REGISTRY_PLAIN_HTTP": fake.address}
        codes: list[str] = []
        settings = make_settings(None, **{**plain, **(variables or {})})
        async with open_images(settings, cluster, lambda code, _: codes.append(code), **parts) as images:
            yield Setting(fake, images, cluster, codes)
