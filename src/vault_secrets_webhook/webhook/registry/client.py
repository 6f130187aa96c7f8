"""Reads what one image starts, with one credential: index, manifest, config, each checked by its digest.

A tag may move, so it is asked for its digest each time, by a HEAD, which registries with limits do not count. What
belongs to a digest never changes and is kept for a while, for those who were let in with the same credential.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from yarl import URL

from vault_secrets_webhook.webhook.cache import Cache, Fresh
from vault_secrets_webhook.webhook.lookup import ImageStart

from .access import LESS, OK, TOO_MANY, UNAUTHORIZED, Door, Gatekeeper
from .documents import (
    ACCEPT,
    CONFIGS,
    check_digest,
    choose_platform,
    decode_document,
    decode_start,
    is_image,
    is_index,
)
from .errors import Denied, RegistryError, Unreachable
from .reference import DIGEST, is_loopback

if TYPE_CHECKING:
    from collections.abc import Collection

    from .credentials import Credential
    from .documents import Descriptor, Document
    from .reference import Reference
    from .transport import Answer, Transport

FORBIDDEN, NOT_FOUND = 403, 404
DEEPEST_INDEX, MOST_INDEXES = 3, 8
MOST_STARTS = 2048
LONGEST_START = 64 * 1024  # characters: a pod would hardly fit into etcd with more
LONGEST_KEPT = 4 * 1024  # characters, since so many are kept
START_LIFE = 600.0  # seconds; whoever lost his right to an image is shown its command for no longer
DIGEST_HEADER = "Docker-Content-Digest"
HTML = re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE)
MEANINGS = {
    UNAUTHORIZED: "the registry wants other credentials",
    FORBIDDEN: "the registry does not allow it",
    NOT_FOUND: "the registry has no such image",
    TOO_MANY: "the registry is asked too often",
}
REMEDIES = {TOO_MANY: f": {LESS}"}


class Wish(NamedTuple):
    """An image, for which architectures (the dearest first) and not, and whether the registry's certificate matters.

    `namespace` is for a mirror: the registry that it stands in for.
    """

    reference: Reference
    architectures: tuple[str, ...]
    verifies: bool
    unwanted: tuple[str, ...] = ()
    namespace: str = ""


class Search(NamedTuple):
    """A wish behind a door."""

    wish: Wish
    door: Door


class RegistryClient:
    """Reads from all registries.

    `plain` are the registries, as in names of images, that are asked over plain HTTP, `services` the only other hosts
    that access tokens may come from, if there are any in it.
    """

    def __init__(self, transport: Transport, plain: Collection[str] = (), services: Collection[str] = ()) -> None:
        self.gatekeeper = Gatekeeper(transport, services)
        self.plain = plain
        self.starts: Cache[ImageStart] = Cache(MOST_STARTS)

    async def find_start(self, wish: Wish, credential: Credential | None) -> ImageStart:
        """Find what an image starts. Raises Denied when another credential may help, and RegistryError.

        A registry of this machine need not speak TLS, as with docker: its packets do not leave the machine.
        """
        host = wish.reference.host()
        scheme = "http" if wish.reference.domain in self.plain else "https"
        if credential is not None and credential.is_bound and not (scheme == "https" and wish.verifies):
            raise Denied("it is shown over TLS only, and with the certificate checked", UNAUTHORIZED)
        try:
            return await self.search(make_search(wish, credential, scheme))
        except Unreachable as error:
            if scheme == "http" or not error.speaks_no_tls or not is_loopback(host):
                raise
        return await self.search(make_search(wish, credential, "http"))

    async def search(self, search: Search) -> ImageStart:
        reference = search.wish.reference
        digest = reference.digest or await self.resolve_tag(search)
        if not digest:  # a registry need not tell
            return await self.read_start(search, await self.read_document(search, reference.tag, ""))
        key = (*search.door.key(), digest, search.wish.architectures, search.wish.unwanted)

        async def find() -> Fresh[ImageStart]:
            document = await self.read_document(search, digest, digest)
            start = await self.read_start(search, document)
            return Fresh(start, START_LIFE if measure(start) <= LONGEST_KEPT else 0.0)

        return await self.starts.get(key, find)

    async def resolve_tag(self, search: Search) -> str:
        """Ask which digest a tag has; "" when the registry does not tell. Raises Denied and RegistryError."""
        path = f"manifests/{search.wish.reference.tag}"
        answer = await self.gatekeeper.get(search.door, path, {"Accept": ACCEPT}, "HEAD")
        if answer.status in {405, 501}:
            return ""
        check_answer(answer)
        digest = answer.headers.get(DIGEST_HEADER, "")
        return digest if DIGEST.fullmatch(digest) else ""

    async def read_start(self, search: Search, document: Document) -> ImageStart:
        """Read the config that a manifest names, or the one for the wanted platform that an index leads to."""
        if document.manifests is not None:
            images = await self.list_images(search, document)
            chosen = choose_platform(images, search.wish.architectures, search.wish.unwanted)
            document = await self.read_document(search, chosen.digest, chosen.digest)
        config = document.config
        if config is None or (config.media_type and config.media_type not in CONFIGS):
            raise RegistryError("it is no container image")
        answer = await self.read(search, "blobs", config.digest)
        check_digest(answer.body, config.digest)
        start = decode_start(answer.body)
        found = ImageStart(tuple(start.entrypoint or ()), tuple(start.cmd or ()))
        if measure(found) > LONGEST_START:
            raise RegistryError("its command is too long for a pod")
        return found

    async def list_images(self, search: Search, index: Document) -> list[Descriptor]:
        """List the images of an index and of those in it. Raises RegistryError when they are nested without end."""
        images: list[Descriptor] = []
        level, read = [index], 0
        for _ in range(DEEPEST_INDEX):
            entries = [entry for one in level for entry in one.manifests or ()]
            images += filter(is_image, entries)
            nested = [entry for entry in entries if is_index(entry)]
            read += len(nested)
            if not nested:
                return images
            if read > MOST_INDEXES:
                break
            level = [await self.read_document(search, entry.digest, entry.digest) for entry in nested]
        raise RegistryError("its index has too many indexes in it")

    async def read_document(self, search: Search, target: str, digest: str) -> Document:
        """Read a manifest or index by tag or digest; with `digest` it must have that one."""
        answer = await self.read(search, "manifests", target)
        told = answer.headers.get(DIGEST_HEADER, "")
        if digest or told:
            check_digest(answer.body, digest or told)
        return decode_document(answer.body, answer.headers.get("Content-Type", ""))

    async def read(self, search: Search, kind: str, target: str) -> Answer:
        """Read a manifest or a blob; all but the wished for tag must be a digest. Raises Denied and RegistryError."""
        if target != search.wish.reference.tag and not DIGEST.fullmatch(target):  # it becomes part of a path
            raise RegistryError("the registry names a digest that is neither sha256 nor sha512")
        headers = {"Accept": ACCEPT} if kind == "manifests" else {}
        answer = await self.gatekeeper.get(search.door, f"{kind}/{target}", headers)
        check_answer(answer)
        return answer


def make_search(wish: Wish, credential: Credential | None, scheme: str) -> Search:
    origin = URL(f"{scheme}://{wish.reference.host()}")
    return Search(wish, Door(origin, wish.reference.path, credential, wish.verifies, wish.namespace))


def measure(start: ImageStart) -> int:
    """Count the characters of a command; a word of none takes room, too."""
    return sum(len(word) + 1 for word in (*start.entrypoint, *start.command))


def check_answer(answer: Answer) -> None:
    """Raise Denied for an answer that another credential may change, and RegistryError for other bad ones."""
    if answer.status == OK:
        if HTML.match(answer.body):
            raise RegistryError("what answered is no registry but a web page; is there a proxy in between?")
        return
    reason = MEANINGS.get(answer.status, "the registry answered with an error")
    message = f"{reason} ({answer.status}){REMEDIES.get(answer.status, '')}"
    if answer.status in {UNAUTHORIZED, FORBIDDEN, NOT_FOUND}:
        raise Denied(message, answer.status)
    raise RegistryError(message)
