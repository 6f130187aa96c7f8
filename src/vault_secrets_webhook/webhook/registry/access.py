"""Getting let in by a registry: Basic, or an access token as its challenge asks for it.

    WWW-Authenticate: Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull"

https://distribution.github.io/distribution/spec/auth/token/. The scope is always ours, to pull from one repository: a
registry that asks for more does not get it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from yarl import URL

from .cache import Cache, Fresh
from .errors import Denied, RegistryError
from .transport import AUTHORIZATION, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .credentials import Credential
    from .transport import Answer, Transport

OK, UNAUTHORIZED, TOO_MANY = 200, 401, 429
DENIED = frozenset((400, 401, 403, 404))
PARAMETER = re.compile(r'([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
CHALLENGE = re.compile(r"\s*(Basic|Bearer)\b(.*)", re.IGNORECASE | re.DOTALL)
LONGEST_TOKEN = 16 * 1024
MOST_TOKENS = 1024
DEFAULT_LIFE = 60.0  # seconds, where the answer tells none
LIFE_SHARE = 0.8
LONGEST_LIFE = 600.0
CLIENT_ID = "vault-secrets-webhook"


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
    """A registry, the repository that is wanted of it, and the credential that is shown there, if any."""

    origin: URL
    repository: str
    credential: Credential | None
    verifies: bool

    def key(self) -> tuple[str, str, str, bool]:
        """Give what tells this from any other one; the credential's identity is in it."""
        identity = self.credential.identity() if self.credential else ""
        return str(self.origin), self.repository, identity, self.verifies


class Gatekeeper:
    """Sends requests to registries with what they ask for, and remembers that."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.passes: Cache[str] = Cache(MOST_TOKENS)

    async def get(self, door: Door, path: str, headers: Mapping[str, str], method: str = "GET") -> Answer:
        """Get what is at a path of the repository. Raises RegistryError; an answer may have any other status."""
        url = door.origin.joinpath("v2", *door.repository.split("/"), *path.split("/"))
        request = Request(method, url, headers, verifies=door.verifies)
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
        answer = await self.transport.send(make_token_request(door, challenge))
        if answer.status in DENIED:
            raise Denied(f"no access token was given ({answer.status})", UNAUTHORIZED)
        if answer.status == TOO_MANY:
            raise RegistryError("the registry's authorization service is asked too often (429)")
        try:
            token = _decode_token(answer.body) if answer.status == OK else Token()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            token = Token()
        text = token.token or token.access_token
        if not text or len(text) > LONGEST_TOKEN or not text.isascii() or not text.isprintable():
            raise RegistryError(f"the registry's authorization service gave no token (status {answer.status})")
        life = DEFAULT_LIFE if token.expires_in is None else token.expires_in
        return Fresh(f"Bearer {text}", min(life * LIFE_SHARE, LONGEST_LIFE))


def authorize(request: Request, header: str) -> Request:
    return request._replace(headers={**request.headers, AUTHORIZATION: header}) if header else request


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
        return Request("POST", url, form=form, verifies=door.verifies)
    wanted = {"service": challenge.service, "scope": scope} if challenge.service else {"scope": scope}
    request = Request("GET", url.update_query(wanted), verifies=door.verifies)
    return authorize(request, credential.basic() if credential else "")


def read_challenge(answer: Answer) -> Challenge | None:
    """Read how the registry wants to be asked; None when it does not say so in a way that is known."""
    found = CHALLENGE.match(answer.headers.get("WWW-Authenticate", ""))
    if found is None:
        return None
    parameters = {name.lower(): quoted or bare for name, quoted, bare in PARAMETER.findall(found[2])}
    return Challenge(found[1].lower(), parameters.get("realm", ""), parameters.get("service", ""))
