"""Container Registry of Azure: a token of the webhook's identity, exchanged at the registry for a refresh token.

    identity   workload identity (AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE): Entra takes the
               ServiceAccount's token; or a managed identity of the machine, from its metadata service
    exchange   https://REGISTRY/oauth2/exchange takes that token and gives a refresh token
    access     the registry's authorization service takes the refresh token, as any identity token of a docker config

https://azure.github.io/acr/AAD-OAuth.html. The identity's token is for registries only, not for Azure's management.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from yarl import URL

from vault_secrets_webhook.webhook.cache import Fresh
from vault_secrets_webhook.webhook.registry.credentials import Credential, is_token
from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.transport import Request

from .provider import LONGEST_LIFE, ask, decode, read_token_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.webhook.registry.transport import Transport

# The ends of registries' names, by cloud: and who knows the identities there.
AUTHORITIES = {
    "io": "https://login.microsoftonline.com",
    "cn": "https://login.chinacloudapi.cn",
    "us": "https://login.microsoftonline.us",
}
AUDIENCE = "https://containerregistry.azure.net"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METADATA_URL = URL("http://169.254.169.254")
METADATA_VERSION = "2018-02-01"
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - the name of a variable
ENTRA, METADATA, REGISTRY = "service Entra of Azure", "metadata service of Azure", "registry"
TRUST = "the identity of AZURE_CLIENT_ID must trust the webhook's ServiceAccount"
NO_IDENTITY = "the webhook's ServiceAccount, or the machine, needs an identity"
ROLE = "the webhook's identity needs the role AcrPull there"


class IdentityToken(msgspec.Struct):
    """What Entra and the metadata service answer."""

    access_token: str


class RefreshToken(msgspec.Struct):
    """What a registry answers."""

    refresh_token: str


_identity_tokens = msgspec.json.Decoder(IdentityToken)
_refresh_tokens = msgspec.json.Decoder(RefreshToken)


class Azure:
    """A `Provider`. `metadata` replaces the address of Azure's service (for tests)."""

    source = "the webhook's identity at Azure"
    hosts = re.compile(r"[a-z0-9-]+\.azurecr\.(?P<cloud>io|cn|us)")

    def __init__(self, transport: Transport, environ: Mapping[str, str], metadata: URL = METADATA_URL) -> None:
        self.transport = transport
        self.environ = environ
        self.metadata = metadata

    def scope(self, host: re.Match[str]) -> str:
        """Tell what a refresh token is good for: one registry."""
        return host[0]

    async def get(self, host: re.Match[str]) -> Fresh[Credential]:
        """Get a refresh token. Raises RegistryError."""
        names = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", TOKEN_FILE)
        has_workload_identity = all(self.environ.get(name) for name in names)
        form = {
            "grant_type": "access_token",
            "service": host[0],
            "access_token": await (self.log_in(host["cloud"]) if has_workload_identity else self.ask_metadata()),
        }
        request = Request("POST", URL(f"https://{host[0]}/oauth2/exchange"), form=form, peer=REGISTRY)
        token = decode(_refresh_tokens, await ask(self.transport, request, ROLE), request).refresh_token
        if not is_token(token):
            raise RegistryError(f"{request.whom()} gave no token")
        return Fresh(Credential(self.source, "", "", token, is_bound=True), LONGEST_LIFE)

    async def log_in(self, cloud: str) -> str:
        """Have Entra take the ServiceAccount's token."""
        tenant = self.environ["AZURE_TENANT_ID"]
        if not TENANT.fullmatch(tenant):
            raise RegistryError("AZURE_TENANT_ID of the webhook is not the id of a tenant")
        form = {
            "grant_type": "client_credentials",
            "client_id": self.environ["AZURE_CLIENT_ID"],
            "client_assertion_type": ASSERTION,
            "client_assertion": read_token_file(TOKEN_FILE, self.environ[TOKEN_FILE]),
            "scope": f"{AUDIENCE}/.default",
        }
        url = URL(f"{AUTHORITIES[cloud]}/{tenant}/oauth2/v2.0/token")
        request = Request("POST", url, form=form, peer=ENTRA)
        return decode(_identity_tokens, await ask(self.transport, request, TRUST), request).access_token

    async def ask_metadata(self) -> str:
        """Get the token of a managed identity: that of AZURE_CLIENT_ID, or the only one that the machine has."""
        query = {"api-version": METADATA_VERSION, "resource": AUDIENCE}
        if client := self.environ.get("AZURE_CLIENT_ID"):
            query["client_id"] = client
        url = self.metadata.joinpath("metadata/identity/oauth2/token").with_query(query)
        request = Request("GET", url, {"Metadata": "true"}, peer=METADATA, is_direct=True)
        return decode(_identity_tokens, await ask(self.transport, request, NO_IDENTITY), request).access_token
