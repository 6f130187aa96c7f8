"""Where the webhook's keys at AWS come from: the first of these that there is, in the order of AWS's own libraries.

    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY         keys themselves, with AWS_SESSION_TOKEN where they are temporary
    AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE        IAM roles for ServiceAccounts: STS takes the ServiceAccount's token
    AWS_CONTAINER_CREDENTIALS_FULL_URI or ..._RELATIVE_URI    EKS Pod Identity, and tasks of ECS
    nothing                                          the role of the machine, from its metadata service (version 2)

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html. Files with profiles are not read.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

import msgspec
from yarl import URL

from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.transport import AUTHORIZATION, Request

from .provider import ask, decode, read_token_file
from .sigv4 import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.webhook.registry.transport import Transport

CHINA = "cn-"
REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}")
STS_VERSION = "2011-06-15"
SESSION_NAME = "vault-secrets-webhook"
STS = "service STS of AWS"
CONTAINER, METADATA = "credentials endpoint of AWS", "metadata service of AWS"
# Who may be asked over plain HTTP: ECS, and EKS Pod Identity.
CONTAINER_HOST = "169.254.170.2"
CONTAINER_HOSTS = frozenset((CONTAINER_HOST, "169.254.170.23", "fd00:ec2::23"))
METADATA_URL = URL("http://169.254.169.254")
METADATA_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105 - the name of a header field
TOKEN_LIFE = {f"{METADATA_TOKEN}-ttl-seconds": "60"}
ROLES = "latest/meta-data/iam/security-credentials/"
ROLE_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}")
# Of the XML that STS answers with; none of these values has a character that XML writes in another way.
ELEMENT = r"<{0}>\s*([A-Za-z0-9+/=_-]+)\s*</{0}>"
ELEMENTS = tuple(re.compile(ELEMENT.format(name)) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))


class TemporaryKeys(msgspec.Struct, rename="pascal"):
    """What endpoints for containers and machines answer."""

    access_key_id: str
    secret_access_key: str
    token: str


_temporary_keys = msgspec.json.Decoder(TemporaryKeys)


class KeySource:
    """Finds keys. `container` and `metadata` replace the addresses of AWS (for tests)."""

    def __init__(
        self,
        transport: Transport,
        environ: Mapping[str, str],
        container: URL = URL(f"http://{CONTAINER_HOST}"),  # noqa: B008 - never changed
        metadata: URL = METADATA_URL,
    ) -> None:
        self.transport = transport
        self.environ = environ
        self.container = container
        self.metadata = metadata

    async def find(self, region: str) -> Keys:
        """Find keys; STS is that of the region. Raises RegistryError."""
        environ = self.environ
        if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
            token = environ.get("AWS_SESSION_TOKEN", "")
            return Keys(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
        if environ.get("AWS_ROLE_ARN") and environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
            return await self.assume_role(region)
        if environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
            return await self.ask_container()
        return await self.ask_metadata()

    async def assume_role(self, region: str) -> Keys:
        """Have STS take the ServiceAccount's token, which is what signs here."""
        variable = "AWS_WEB_IDENTITY_TOKEN_FILE"
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": STS_VERSION,
            "RoleArn": self.environ["AWS_ROLE_ARN"],
            "RoleSessionName": self.environ.get("AWS_ROLE_SESSION_NAME") or SESSION_NAME,
            "WebIdentityToken": read_token_file(variable, self.environ[variable]),
        }
        request = Request("POST", URL(f"https://sts.{region}.{find_partition(region)}/"), form=form, peer=STS)
        answer = await ask(self.transport, request, "the role of AWS_ROLE_ARN must trust the webhook's ServiceAccount")
        text = answer.body.decode("utf-8", "replace")
        found = [element.search(text) for element in ELEMENTS]
        access_key, secret_key, token = (one[1] if one else "" for one in found)
        if not all(found):
            raise RegistryError(f"{request.whom()} gave no keys")
        return Keys(access_key, secret_key, token)

    async def ask_container(self) -> Keys:
        """Ask the endpoint that the container was given."""
        relative = self.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        url = self.join(relative) if relative else self.read_container_url()
        headers = {}
        if path := self.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            headers[AUTHORIZATION] = read_token_file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path)
        request = Request("GET", url, headers, peer=CONTAINER, is_direct=True)
        return await self.read_keys(request, "the webhook's ServiceAccount needs a Pod Identity association")

    def join(self, relative: str) -> URL:
        if not relative.startswith("/") or relative.startswith("//"):
            raise RegistryError("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI of the webhook is no path")
        return self.container.join(URL(relative))

    def read_container_url(self) -> URL:
        """Read where a container asks. Raises RegistryError unless it is TLS, this machine, or an address of AWS."""
        try:
            url = URL(self.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        except ValueError:
            url = URL()
        is_local = url.scheme == "http" and is_container_host(url.host or "")
        if not url.host or not (url.scheme == "https" or is_local):
            raise RegistryError(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI of the webhook is neither https nor an address of AWS for containers"
            )
        return url

    async def ask_metadata(self) -> Keys:
        """Ask for the keys of the machine's role."""
        if self.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise RegistryError("the webhook has no identity at AWS: its ServiceAccount needs a role")
        advice = "the webhook's ServiceAccount, or the machine, needs a role"
        url = self.metadata.joinpath("latest/api/token")
        request = Request("PUT", url, TOKEN_LIFE, peer=METADATA, is_direct=True)
        token = (await ask(self.transport, request, advice)).body.decode("ascii", "replace").strip()
        if not token.isascii() or not token.isprintable():
            raise RegistryError(f"{request.whom()} gave no token")
        headers = {METADATA_TOKEN: token}
        request = Request("GET", self.metadata.joinpath(ROLES), headers, peer=METADATA, is_direct=True)
        answer = await ask(self.transport, request, advice)
        role = answer.body.decode("ascii", "replace").partition("\n")[0].strip()
        if not ROLE_NAME.fullmatch(role):
            raise RegistryError(f"{request.whom()} names no role: {advice}")
        return await self.read_keys(request._replace(url=self.metadata.joinpath(ROLES + role)), advice)

    async def read_keys(self, request: Request, advice: str) -> Keys:
        keys = decode(_temporary_keys, await ask(self.transport, request, advice), request)
        return Keys(keys.access_key_id, keys.secret_access_key, keys.token)


def find_partition(region: str) -> str:
    """Tell in which domain the services of a region are. Raises RegistryError when it is not a region's name."""
    if not REGION.fullmatch(region):
        raise RegistryError("AWS_REGION of the webhook is not the name of a region")
    return "amazonaws.com.cn" if region.startswith(CHINA) else "amazonaws.com"


def is_container_host(host: str) -> bool:
    """Tell whether a host may be asked for keys over plain HTTP."""
    try:
        return host in CONTAINER_HOSTS or ip_address(host).is_loopback
    except ValueError:
        return False
