"""The search for one image: in its places, one after the other, with every credential that a pod has for each.

The credentials of the pod's pull secrets are tried first; for a pod without any, those of the operator's default; then
those of the cloud that the registry belongs to, where the operator switched that on; then nobody's. A pod without pull
secrets is given those of its ServiceAccount by the API server before it comes here (the admission plugin
ServiceAccount), so they are looked for last, when nothing else was let in.

As with container runtimes, a mirror is one more place: what goes wrong there is no more than a reason to ask elsewhere,
and the credentials for it are those for its own host.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.webhook.deadline import remaining_seconds
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.values import is_object_name

from .client import Wish
from .credentials import choose_credentials, read_pull_secret
from .errors import Denied, RegistryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from vault_secrets_webhook.webhook.lookup import ImageQuestion, ImageStart, PullSecretLookup

    from .client import RegistryClient
    from .cloud import Clouds
    from .credentials import Credential
    from .options import Place

MOST_PULL_SECRETS = 20
MOST_CREDENTIALS = 20
MIRROR_SHARE = 0.4  # of the remaining time, so that a dead mirror leaves time for the next place


class Default(NamedTuple):
    """The operator's pull secret, and the ServiceAccount that has more; empty names stand for none.

    `skips_verification` tells that the operator himself trusts anybody.
    """

    namespace: str
    secret: str
    service_account: str
    skips_verification: bool


class Sources(NamedTuple):
    """What a search asks."""

    client: RegistryClient
    lookup: PullSecretLookup
    clouds: Clouds
    default: Default


async def search(sources: Sources, question: ImageQuestion, places: Sequence[Place]) -> ImageStart:
    """Find what an image starts, in the first place that has it. Raises RegistryError about all of them."""
    failures: list[str] = []
    for place in places[:-1]:
        try:
            async with asyncio.timeout(remaining_seconds() * MIRROR_SHARE):
                return await Attempt(sources, question, place).run()
        except TimeoutError:
            failures.append(f"mirror {place.reference.domain}: it took too long")
        except RegistryError as error:
            failures.append(f"mirror {place.reference.domain}: {error}")
    try:
        return await Attempt(sources, question, places[-1]).run()
    except RegistryError as error:
        raise RegistryError("; ".join((f"{places[-1].reference}: {error}", *failures))) from None


class Attempt:
    """The search in one place. `failures` are sentences on each credential that did not help."""

    def __init__(self, sources: Sources, question: ImageQuestion, place: Place) -> None:
        self.sources = sources
        self.question = question
        self.place = place
        self.failures: list[str] = []
        self.tried: set[str] = set()

    async def run(self) -> ImageStart:
        """Try all credentials. Raises RegistryError."""
        async for credential in self.list_credentials():
            identity = credential.identity() if credential else ""
            if identity in self.tried or (credential is not None and len(self.tried) >= MOST_CREDENTIALS):
                continue
            self.tried.add(identity)
            try:
                return await self.sources.client.find_start(self.make_wish(), credential)
            except Denied as error:
                self.failures.append(f"{credential.source if credential else 'without credentials'}: {error}")
            except ValueError:  # an address that is none: of the image, of a redirect or of an authorization service
                raise RegistryError("its registry has an address that cannot be used") from None
        raise RegistryError("; ".join(self.failures))

    def make_wish(self) -> Wish:
        question, place = self.question, self.place
        return Wish(
            place.reference,
            question.architectures,
            not question.skips_verification,
            question.unwanted_architectures,
            place.namespace,
        )

    async def list_credentials(self) -> AsyncIterator[Credential | None]:
        """Give the credentials in the order in which they are tried; None is nobody's."""
        question, default = self.question, self.sources.default
        for credential in await self.read_secrets(question.namespace, question.pull_secrets):
            yield credential
        if not question.pull_secrets and self.may_use_default():
            names = [default.secret] if default.secret else []
            if default.service_account:
                names += await self.read_service_account(default.namespace, default.service_account)
            for credential in await self.read_secrets(default.namespace, names):
                yield credential
        if (own := await self.log_in()) is not None:
            yield own
        yield None
        if not question.pull_secrets:
            names = await self.read_service_account(question.namespace, question.service_account)
            for credential in await self.read_secrets(question.namespace, names):
                yield credential

    def may_use_default(self) -> bool:
        """Tell whether the operator's credentials may be sent: not to whom only the pod's author trusts."""
        if not self.sources.default.namespace:
            return False
        return self.sources.default.skips_verification or not self.question.skips_verification

    async def log_in(self) -> Credential | None:
        """Give the webhook's own credential for a cloud's registry, unless its certificate is left unchecked."""
        if self.question.skips_verification:
            return None
        try:
            return await self.sources.clouds.find(self.place.reference.domain)
        except RegistryError as error:
            self.failures.append(str(error))
            return None

    async def read_service_account(self, namespace: str, name: str) -> list[str]:
        try:
            return list(await self.sources.lookup.pull_secrets(namespace, name) or ())
        except KubernetesError as error:
            self.failures.append(str(error))
            return []

    async def read_secrets(self, namespace: str, names: Iterable[str]) -> list[Credential]:
        """Read the credentials for the image from pull secrets. What goes wrong is no reason not to try the others."""
        wanted = list(dict.fromkeys(name for name in names if is_object_name(name)))[:MOST_PULL_SECRETS]
        reads = (self.sources.lookup.secret(namespace, name) for name in wanted)
        answers = await asyncio.gather(*reads, return_exceptions=True)
        found: list[tuple[str, Credential]] = []
        for name, data in zip(wanted, answers, strict=True):
            source = f"Secret {namespace}/{name}"
            if isinstance(data, KubernetesError):
                self.failures.append(str(data))
            elif isinstance(data, BaseException):
                raise data
            elif data is None:
                self.failures.append(f"{source} does not exist")
            else:
                try:
                    found += read_pull_secret(source, data)
                except ValueError as error:
                    self.failures.append(f"{source} is no pull secret: {error}")
        return choose_credentials(self.place.reference, found)
