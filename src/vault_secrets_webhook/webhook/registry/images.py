"""What images start, as mutations ask for it: implements `webhook.lookup`, with every credential that a pod has.

Those of the pod's pull secrets are tried first; for a pod without any, those of the operator's default; then nobody's.
A pod without pull secrets is given those of its ServiceAccount by the API server before it comes here
(the admission plugin ServiceAccount), so they are looked for last, when nothing else was let in.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.webhook.deadline import remaining_seconds
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.values import is_object_name

from .client import RegistryClient, Wish
from .credentials import choose_credentials, read_pull_secret
from .errors import Denied, RegistryError
from .reference import parse_reference
from .transport import open_transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable

    from vault_secrets_webhook.webhook.lookup import ImageQuestion, ImageStart, PullSecretLookup
    from vault_secrets_webhook.webhook.settings import Settings

    from .credentials import Credential
    from .reference import Reference

MOST_PULL_SECRETS = 20
MOST_CREDENTIALS = 20


class Default(NamedTuple):
    """The operator's pull secret, and the ServiceAccount that has more; empty names stand for none."""

    namespace: str
    secret: str
    service_account: str


class Images:
    """Looks into images. An `ImageLookup`.

    `allowed` are the only registries that are asked, if there are any in it; `skips_verification` tells that the
    operator himself trusts anybody.
    """

    def __init__(
        self,
        client: RegistryClient,
        lookup: PullSecretLookup,
        default: Default,
        allowed: Collection[str] = (),
        *,
        skips_verification: bool,
    ) -> None:
        self.client = client
        self.lookup = lookup
        self.default = default
        self.allowed = allowed
        self.skips_verification = skips_verification

    async def find_start(self, question: ImageQuestion) -> ImageStart:
        """Find what an image starts. Raises RegistryError that names the image and the Secrets that were tried."""
        reference = parse_reference(question.image)
        if self.allowed and reference.domain not in self.allowed:
            names = ", ".join(sorted(self.allowed))
            raise RegistryError(f"the operator has images looked into in these registries only: {names}")
        limit = remaining_seconds()
        try:
            async with asyncio.timeout(limit):
                return await Attempt(self, question, reference).run()
        except TimeoutError:
            raise RegistryError(f"{reference}: there was no answer within {limit:.1f} seconds") from None


class Attempt:
    """The search for one image. `failures` are sentences on each credential that did not help."""

    def __init__(self, images: Images, question: ImageQuestion, reference: Reference) -> None:
        self.images = images
        self.question = question
        self.reference = reference
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
                return await self.images.client.find_start(self.make_wish(), credential)
            except Denied as error:
                self.failures.append(f"{credential.source if credential else 'without credentials'}: {error}")
            except RegistryError as error:
                raise RegistryError(f"{self.reference}: {error}") from None
            except ValueError:  # an address that is none: of the image, of a redirect or of an authorization service
                raise RegistryError(f"{self.reference}: its registry has an address that cannot be used") from None
        raise RegistryError(f"{self.reference}: {'; '.join(self.failures)}")

    def make_wish(self) -> Wish:
        question = self.question
        return Wish(self.reference, question.architectures, not question.skips_verification)

    async def list_credentials(self) -> AsyncIterator[Credential | None]:
        """Give the credentials in the order in which they are tried; None is nobody's."""
        question, default = self.question, self.images.default
        for credential in await self.read_secrets(question.namespace, question.pull_secrets):
            yield credential
        if not question.pull_secrets and self.may_use_default():
            names = [default.secret] if default.secret else []
            if default.service_account:
                names += await self.read_service_account(default.namespace, default.service_account)
            for credential in await self.read_secrets(default.namespace, names):
                yield credential
        yield None
        if not question.pull_secrets:
            names = await self.read_service_account(question.namespace, question.service_account)
            for credential in await self.read_secrets(question.namespace, names):
                yield credential

    def may_use_default(self) -> bool:
        """Tell whether the operator's credentials may be sent: not to whom only the pod's author trusts."""
        if not self.images.default.namespace:
            return False
        return self.images.skips_verification or not self.question.skips_verification

    async def read_service_account(self, namespace: str, name: str) -> list[str]:
        try:
            return list(await self.images.lookup.pull_secrets(namespace, name) or ())
        except KubernetesError as error:
            self.failures.append(str(error))
            return []

    async def read_secrets(self, namespace: str, names: Iterable[str]) -> list[Credential]:
        """Read the credentials for the image from pull secrets. What goes wrong is no reason not to try the others."""
        wanted = list(dict.fromkeys(name for name in names if is_object_name(name)))[:MOST_PULL_SECRETS]
        reads = (self.images.lookup.secret(namespace, name) for name in wanted)
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
        return choose_credentials(self.reference, found)


@contextlib.asynccontextmanager
async def open_images(
    settings: Settings, lookup: PullSecretLookup, observe: Callable[[str, float], None]
) -> AsyncIterator[Images]:
    """Open the look-up that the settings describe. Raises ConfigurationError."""
    default = Default(
        settings.default_image_pull_secret_namespace or settings.kubernetes_namespace,
        settings.default_image_pull_secret,
        settings.default_image_pull_secret_service_account,
    )
    async with open_transport(settings.registry_ca_file, observe) as transport:
        client = RegistryClient(transport, settings.registry_plain_http)
        yield Images(
            client,
            lookup,
            default,
            settings.registry_allowlist,
            skips_verification=settings.defaults.registry_skip_verify,
        )
