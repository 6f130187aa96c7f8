"""What images start, as mutations ask for it: implements `webhook.lookup` with the parts of this package."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from vault_secrets_webhook.webhook.deadline import remaining_seconds

from .attempt import Default, Sources, search
from .client import RegistryClient
from .cloud import Clouds, open_clouds
from .errors import RegistryError
from .once import LookupOnce, Once
from .options import list_places
from .reference import parse_reference
from .transport import open_transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from aiohttp.abc import AbstractResolver

    from vault_secrets_webhook.webhook.lookup import ImageQuestion, ImageStart, PullSecretLookup
    from vault_secrets_webhook.webhook.settings import Settings

    from .options import Mirror


class Images:
    """Looks into images. An `ImageLookup`.

    `allowed` are the only registries that are asked, if there are any in it; a mirror is not one, for it is the
    operator who chose it.
    """

    def __init__(self, sources: Sources, mirrors: Collection[Mirror] = (), allowed: Collection[str] = ()) -> None:
        self.sources = sources
        self.mirrors = mirrors
        self.allowed = allowed

    def for_review(self) -> Review:
        """Begin with an object: what its images need in common is read once for all of them."""
        return Review(self)


class Review:
    """Looks into the images of one object. An `ImageReview`."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self.sources = images.sources._replace(lookup=LookupOnce(images.sources.lookup))
        self.once = Once()

    async def find_start(self, question: ImageQuestion) -> ImageStart:
        """Find what an image starts. Raises RegistryError that names the image and the Secrets that were tried."""
        found: ImageStart = await self.once.get(question, lambda: self.find(question))
        return found

    async def find(self, question: ImageQuestion) -> ImageStart:
        reference = parse_reference(question.image)
        allowed = self.images.allowed
        if allowed and reference.domain not in allowed:
            names = ", ".join(sorted(allowed))
            raise RegistryError(f"the operator has images looked into in these registries only: {names}")
        limit = remaining_seconds()
        try:
            async with asyncio.timeout(limit):
                return await search(self.sources, question, list_places(reference, self.images.mirrors))
        except TimeoutError:
            raise RegistryError(f"{reference}: there was no answer within {limit:.1f} seconds") from None


@contextlib.asynccontextmanager
async def open_images(
    settings: Settings,
    lookup: PullSecretLookup,
    observe: Callable[[str, float], None],
    *,
    environ: Mapping[str, str] = os.environ,
    resolver: AbstractResolver | None = None,
    clouds: Clouds | None = None,
) -> AsyncIterator[Images]:
    """Open the look-up that the settings describe. Raises ConfigurationError.

    `observe` is told the status and the seconds of each answer. `environ` is where clouds keep what their credentials
    are got with; `resolver` and `clouds` are for tests.
    """
    default = Default(
        settings.default_image_pull_secret_namespace or settings.kubernetes_namespace,
        settings.default_image_pull_secret,
        settings.default_image_pull_secret_service_account,
        settings.defaults.registry_skip_verify,
    )
    async with open_transport(settings.registry_ca_file, observe, resolver) as transport:
        clouds = clouds or open_clouds(settings.registry_cloud_credentials, transport, environ)
        client = RegistryClient(transport, settings.registry_plain_http, settings.registry_allowlist)
        sources = Sources(client, lookup, clouds, default)
        yield Images(sources, settings.registry_mirrors, settings.registry_allowlist)
