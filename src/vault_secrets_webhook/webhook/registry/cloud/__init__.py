"""The webhook's own credentials for the registries of clouds, by their documented exchange, for their hosts only.

    provider   what all clouds have in common: requests to their services, and errors that name them
    aws        ECR: a signed request for a password
    awskeys    ... and where the keys come from that sign it
    gcp        Artifact Registry: an access token of the metadata server
    azure      Container Registry: an identity's token, exchanged for a refresh token

Nothing of it happens unless the operator names the cloud (REGISTRY_CLOUD_CREDENTIALS): with it, whoever may create pods
learns what the images start that the webhook's identity may read. A credential is bound to the host that it was got
for: `Credential.is_bound`.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from vault_secrets_webhook.webhook.cache import Cache, Fresh
from vault_secrets_webhook.webhook.deadline import give_seconds
from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.options import AWS, AZURE, GCP

from .aws import Aws
from .azure import Azure
from .gcp import Gcp

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Mapping, Sequence

    from vault_secrets_webhook.webhook.registry.credentials import Credential
    from vault_secrets_webhook.webhook.registry.transport import Transport

    from .provider import Provider

MOST_CREDENTIALS = 256
LONGEST_EXCHANGE = 4.0  # seconds: a metadata service that is out of reach does not answer at all
FAILURE_LIFE = 10.0


class Clouds:
    """Gets credentials, and remembers them, and for a moment also that there are none."""

    def __init__(self, providers: Sequence[Provider] = (), seconds: float = LONGEST_EXCHANGE) -> None:
        self.providers = providers
        self.seconds = seconds
        self.known: Cache[Credential | RegistryError] = Cache(MOST_CREDENTIALS)

    async def find(self, domain: str) -> Credential | None:
        """Give the credential for a registry, as it is called in names of images; None when no cloud has it.

        Raises RegistryError.
        """
        for provider in self.providers:
            if (host := provider.hosts.fullmatch(domain)) is not None:
                key = provider.source, provider.scope(host)
                found = await self.known.get(key, partial(self.get, provider, host))
                if isinstance(found, RegistryError):
                    raise RegistryError(f"{provider.source}: {found}")
                return found
        return None

    async def get(self, provider: Provider, host: re.Match[str]) -> Fresh[Credential | RegistryError]:
        """Get a credential, or the reason why there is none."""
        give_seconds(self.seconds)
        try:
            async with asyncio.timeout(self.seconds):
                return Fresh(*await provider.get(host))
        except TimeoutError:
            return Fresh(RegistryError("it took too long to get one"), FAILURE_LIFE)
        except RegistryError as error:
            return Fresh(error, FAILURE_LIFE)


def open_clouds(names: Collection[str], transport: Transport, environ: Mapping[str, str]) -> Clouds:
    """Make the table of the clouds that are wished for."""
    providers: dict[str, Provider] = {
        AWS: Aws(transport, environ, time.time),
        GCP: Gcp(transport),
        AZURE: Azure(transport, environ),
    }
    return Clouds([providers[name] for name in names])
