"""Getting let in by a registry: Basic, or an access token as its challenge asks for it.

    WWW-Authenticate: Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull"

https://distribution.github.io/distribution/spec/auth/token/. The scope is always ours, to pull from one repository: a
registry that asks for more does not get it.

The realm is the registry's choice, and it is where our credential goes. So it must be the registry's own host, or speak
TLS and have no address of this machine or network; and where the operator lists registries, it must be on that list,
but for the default registry's own service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from yarl import URL

from vault_secrets_webhook.webhook.cache import Cache, Fresh
from vault_secrets_webhook.webhook.message import show

from .addresses import is_inner
from .credentials import is_token
from .errors import Denied, RegistryError
from .reference import DEFAULT_DOMAIN, DEFAULT_HOST
from .transport import AUTHORIZATION, Request

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .credentials import Credential
    from .transport import Answer, Transport

OK, UNAUTHORIZED, TOO_MANY = 200, 401, 429
DENIED = frozenset((400, 401, 403, 404))
# Begins at the start of a word and never goes back, so that a long header field takes no long time.
PARAMETER = re.compile(r'\b([A-Za-z]++)\s*+=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
CHALLENGE = re.compile(r"\s*(Basic|Bearer)\b(.*)", re.IGNORECASE | re.DOTALL)
MOST_TOKENS = 1024
DEFAULT_LIFE = 60.0  # seconds, where the answer tells none
LIFE_SHARE = 0.8
LESS = "give the pod a pull secret with a higher limit, or have a mirror asked (REGISTRY_MIRRORS of the webhook)"
LONGEST_LIFE = 600.0
CLIENT_ID = "vault-secrets-webhook"
SERVICE = "authorization service"
# Registries whose tokens come from another host, which is as well known as they are.
SERVICES = {DEFAULT_HOST: f"auth.{DEFAULT_DOMAIN}"}


class Challenge(NamedTuple):
    """How a registry wants to be asked: `basic` or `bearer`."""

    scheme: str
    realm: str = ""
    service: str = ""


class Token(msgspec.Struct):
    """What an authorization service gives."""

    token: str = ""
    access_token: str = ""
    expires_in: float | None = None


_decode_token = msgspec.json.Decoder(Token).decode


class Door(NamedTuple):
    """A registry, the repository that is wanted of it, and the credential that is shown there, if any.

    `namespace` is for a mirror: the registry that it stands in for, as container runtimes tell it (`ns`).
    """

    origin: URL
    repository: str
    credential: Credential | None
    verifies: bool
    namespace: str = ""

    def key(self) -> tuple[str, str, str, bool, str]:
        """Give what tells this from any other one; the credential's identity is in it."""
        identity = self.credential.identity() if self.credential else ""
        return str(self.origin), self.repository, identity, self.verifies, self.namespace

    def locate(self, path: str) -> URL:
        """Give the address of what is at a path of the repository."""
        url = self.origin.joinpath("v2", *self.repository.split("/"), *path.split("/"))
        return url.with_query(ns=self.namespace) if self.namespace else url


class Gatekeeper:
    """Sends requests to registries with what they ask for, and remembers that.

    `services` are the only hosts, besides a registry's own, that access tokens may come from, if there are any in it.
    """

    def __init__(self, transport: Transport, services: Collection[str] = ()) -> None:
        self.transport = transport
        self.services = services
        self.passes: Cache[str] = Cache(MOST_TOKENS)

    async def get(self, door: Door, path: str, headers: Mapping[str, str], method: str = "GET") -> Answer:
        """Get what is at a path of the repository. Raises RegistryError; an answer may have any other status."""
        request = Request(method, door.locate(path), headers, verifies=door.verifies)
        known = self.passes.peek(door.key()) or ""
        answer = await self.transport.send(authorize(request, known))
        if answer.status != UNAUTHORIZED:
            return answer
        challenge = read_challenge(answer)
        if challenge is None or (challenge.scheme == "basic" and door.credential is None):
            return answer
        self.passes.forget(door.key())
        granted = await self.passes.get(door.key(), lambda: self.ask(door, challenge))
        return await self.transport.send(authorize(request, granted)) if granted != known else answer

    async def ask(self, door: Door, challenge: Challenge) -> Fresh[str]:
        """Get the header field that a challenge asks for. Raises RegistryError."""
        credential = door.credential
        if challenge.scheme == "basic":
            return Fresh(credential.basic() if credential else "", LONGEST_LIFE)
        if credential is not None and credential.registry_token:
            return Fresh(f"Bearer {credential.registry_token}", LONGEST_LIFE)
        request = make_token_request(door, challenge)
        check_service(door, request.url, self.services)
        answer = await self.transport.send(request)
        if answer.status in DENIED:
            raise Denied(f"no access token was given ({answer.status})", UNAUTHORIZED)
        if answer.status == TOO_MANY:
            raise RegistryError(f"the registry's authorization service is asked too often (429): {LESS}")
        try:
            token = _decode_token(answer.body) if answer.status == OK else Token()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            token = Token()
        text = token.token or token.access_token
        if not is_token(text):
            raise RegistryError(f"the registry's authorization service gave no token (status {answer.status})")
        life = DEFAULT_LIFE if token.expires_in is None else token.expires_in
        return Fresh(f"Bearer {text}", min(life * LIFE_SHARE, LONGEST_LIFE))


def authorize(request: Request, header: str) -> Request:
    return request._replace(headers={**request.headers, AUTHORIZATION: header}) if header else request


def check_service(door: Door, url: URL, services: Collection[str]) -> None:
    """Raise RegistryError when an access token must not be asked for at an address that a registry names.

    Denied is for an address that may be asked, but not with this credential.
    """
    if url.origin() == door.origin:
        return
    if door.credential is not None and door.credential.is_bound:
        raise Denied("the registry has access tokens asked for at another host, which does not get it", UNAUTHORIZED)
    if url.host == door.origin.host or SERVICES.get(door.origin.host or "") == url.host:
        return
    if is_inner(url.host):
        raise RegistryError("the registry's authorization service has an address of this machine or a private network")
    name = url.host_port_subcomponent or ""  # as lists of registries have it: without a port that is the usual one
    if services and name not in services:
        raise RegistryError(
            f"the registry's authorization service {show(name)} is not in REGISTRY_ALLOWLIST of the webhook"
        )


def make_token_request(door: Door, challenge: Challenge) -> Request:
    """Make the request for an access token. Raises RegistryError when the challenge leads out of TLS."""
    try:
        url = URL(challenge.realm)
    except ValueError:
        url = URL()
    is_safe = url.scheme == "https" or (bool(url.host) and url.origin() == door.origin)
    if not is_safe or not url.host or url.user or url.password:
        raise RegistryError("the registry's authorization service has no address that is https")
    scope, credential = f"repository:{door.repository}:pull", door.credential
    if credential is not None and credential.identity_token:
        form = {
            "grant_type": "refresh_token",
            "service": challenge.service,
            "client_id": CLIENT_ID,
            "scope": scope,
            "refresh_token": credential.identity_token,
        }
        return Request("POST", url, form=form, verifies=door.verifies, peer=SERVICE, stays=True)
    wanted = {"service": challenge.service, "scope": scope} if challenge.service else {"scope": scope}
    request = Request("GET", url.update_query(wanted), verifies=door.verifies, peer=SERVICE, stays=True)
    return authorize(request, credential.basic() if credential else "")


def read_challenge(answer: Answer) -> Challenge | None:
    """Read how the registry wants to be asked; None when it does not say so in a way that is known."""
    found = CHALLENGE.match(answer.headers.get("WWW-Authenticate", ""))
    if found is None:
        return None
    parameters = {name.lower(): quoted or bare for name, quoted, bare in PARAMETER.findall(found[2])}
    return Challenge(found[1].lower(), parameters.get("realm", ""), parameters.get("service", ""))
