"""Image registries in this process: one that speaks HTTP with all its kinds of login, and answers without any."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from vault_secrets_webhook.webhook.lookup import ImageStart
from vault_secrets_webhook.webhook.registry.errors import RegistryError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Mapping

    from vault_secrets_webhook.webhook.lookup import ImageQuestion

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
DIGEST_HEADER = "Docker-Content-Digest"


class FakeImages:
    """Knows what images start: name -> `entrypoint` and `cmd`, or `error`. `asked` are the questions.

    It is an `ImageLookup` and an `ImageReview`; `reviews` counts how often it was begun with an object.
    """

    def __init__(self, images: Mapping[str, Mapping[str, Any]]) -> None:
        self.images = images
        self.asked: list[ImageQuestion] = []
        self.reviews = 0

    def for_review(self) -> FakeImages:
        self.reviews += 1
        return self

    async def find_start(self, question: ImageQuestion) -> ImageStart:
        self.asked.append(question)
        image = self.images[question.image]
        if "error" in image:
            raise RegistryError(image["error"])
        return ImageStart(tuple(image.get("entrypoint", ())), tuple(image.get("cmd", ())))


class Stored(NamedTuple):
    """A document of a registry."""

    body: bytes
    media_type: str


class Reply(NamedTuple):
    """An answer that a test puts in the place of the registry's own. `hangs` never gives it, `breaks` half of it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    hangs: bool = False
    breaks: bool = False


class FakeRegistry:
    """Keeps images in memory. `asked` are the requests: method, path, and the header field that lets in; `namespaces`
    is which registry each was meant for, where a mirror was told.

    `users` map a user to the password that lets him pull; `login` is how that is asked for: `basic` or `bearer`, with
    an empty one everybody may. `intercept` may give another answer. `tokens` counts the access tokens given.
    """

    def __init__(self, login: str = "", users: Mapping[str, str] | None = None) -> None:
        self.login = login
        self.users = users or {}
        self.documents: dict[str, Stored] = {}
        self.tags: dict[str, str] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.intercept: Callable[[str, str], Reply | None] = lambda _method, _path: None
        self.valid: set[str] = set()
        self.namespaces: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.address = ""
        self.scheme = "http"
        self.ending = asyncio.Event()

    def store(self, document: Mapping[str, Any], media_type: str, tag: str = "") -> dict[str, Any]:
        """Store a document; its descriptor."""
        body = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.documents[digest] = Stored(body, media_type)
        if tag:
            self.tags[tag] = digest
        return {"digest": digest, "mediaType": media_type, "size": len(body)}

    def store_image(self, tag: str = "", media_type: str = MANIFEST, **start: Any) -> dict[str, Any]:
        """Store an image; the descriptor of its manifest."""
        config = self.store({"config": start}, CONFIG)
        return self.store({"schemaVersion": 2, "mediaType": media_type, "config": config}, media_type, tag)

    def store_index(self, *manifests: Mapping[str, Any], tag: str = "", media_type: str = INDEX) -> dict[str, Any]:
        """Store an index; its descriptor."""
        return self.store({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}, media_type, tag)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        self.asked.append((request.method, request.path, authorization))
        self.namespaces.append(request.query.get("ns", ""))
        reply = self.intercept(request.method, request.path)
        if reply is None:
            form = await request.post() if request.method == "POST" else {}
            query = {**request.query, **{key: str(value) for key, value in form.items()}}
            reply = self.grant(authorization, query) if request.path == "/token" else self.find(request, authorization)
        if reply.hangs:
            await self.ending.wait()
        if reply.breaks:
            return await break_off(request, reply)
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    def grant(self, authorization: str, query: dict[str, str]) -> Reply:
        """Give an access token."""
        self.queries.append(query)
        is_known = query.get("refresh_token") in self.users.values() or self.is_user(authorization)
        if authorization and not is_known:
            return Reply(401)
        token = f"token-{len(self.queries)}"
        if is_known:
            self.valid.add(f"Bearer {token}")
        return Reply(200, json.dumps({"token": token, "expires_in": 300}).encode())

    def is_user(self, authorization: str) -> bool:
        kind, _, text = authorization.partition(" ")
        user, _, password = base64.b64decode(text).decode().partition(":") if kind == "Basic" else ("", "", "")
        return bool(user) and self.users.get(user) == password

    def find(self, request: web.BaseRequest, authorization: str) -> Reply:
        """Give a manifest or a blob to whom may have it."""
        may_read = {"": True, "basic": self.is_user(authorization), "bearer": authorization in self.valid}
        if not may_read[self.login]:
            return Reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"secret"}]}', self.challenge())
        target = request.path.rpartition("/")[2]
        digest = self.tags.get(target, target)
        if digest not in self.documents:
            return Reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        body, media_type = self.documents[digest]
        return Reply(200, body, {"Content-Type": media_type, DIGEST_HEADER: digest})

    def challenge(self) -> dict[str, str]:
        if self.login == "basic":
            return {"WWW-Authenticate": 'Basic realm="fake"'}
        realm = f"{self.scheme}://{self.address}/token"
        return {"WWW-Authenticate": f'Bearer realm="{realm}",service="fake",scope="repository:other:push"'}


async def break_off(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Send half of an answer, and hang up."""
    response = web.StreamResponse(
        status=reply.status, headers={**reply.headers, "Content-Length": str(len(reply.body))}
    )
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


@contextlib.asynccontextmanager
async def serve_registry(fake: FakeRegistry, context: ssl.SSLContext | None = None) -> AsyncIterator[FakeRegistry]:
    """Run one on loopback, over TLS when a context is given."""
    server = web.Server(fake.answer, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=context)
    fake.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    fake.scheme = "https" if context else "http"
    try:
        yield fake
    finally:
        fake.ending.set()
        listening.close()
        await server.shutdown(1.0)
        await listening.wait_closed()
