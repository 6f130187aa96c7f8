"""An API server, an image registry and a Vault that know all the answers at once: a process of their own for benchmarks.

GET /version, /api/v1/namespaces/shop/secrets|configmaps/NAME
GET /v2/NAME/manifests/TAG, /v2/NAME/blobs/DIGEST: each tag is another image
GET /v1/secret/data/NAME
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import multiprocessing
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import uvloop
from aiohttp import web

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from aiohttp.web_request import BaseRequest

KNOWN_TAG = "1"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
PLAIN = base64.b64encode(b"plain").decode()
REFERENCE = base64.b64encode(b"vault:secret/data/app#password").decode()
SECRET = {"apiVersion": "v1", "kind": "Secret", "data": {"value": PLAIN, "reference": REFERENCE}}
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "data": {"value": "plain", "reference": "vault:secret/data/app#a"},
}
VAULT_SECRET = {
    "data": {
        "data": {f"key{index}": f"value {index}" for index in range(10)},
        "metadata": {"created_time": "2026-08-01T12:00:00Z", "deletion_time": "", "destroyed": False, "version": 1},
    }
}
FIXED: dict[str, dict[str, Any]] = {
    "version": {"major": "1", "minor": "37", "gitVersion": "v1.37.2"},
    "secrets": SECRET,
    "configmaps": CONFIG_MAP,
    "data": VAULT_SECRET,
}


class Image(NamedTuple):
    """An image: its manifest and its configuration."""

    manifest: bytes
    config: bytes


def make_image(tag: str) -> Image:
    """Make the image of a tag."""
    start = {"Entrypoint": ["/app"], "Cmd": [tag]}
    config = json.dumps({"os": "linux", "architecture": "amd64", "config": start}).encode()
    described = {"mediaType": CONFIG, "digest": digest(config), "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    return Image(json.dumps(manifest).encode(), config)


def digest(document: bytes) -> str:
    """Give what a registry knows a document by."""
    return "sha256:" + hashlib.sha256(document).hexdigest()


class StandIns:
    """Answers requests; `stored` are what the registry has: media types and documents by their digests."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, bytes]] = {}
        self.store(make_image(KNOWN_TAG))

    def store(self, image: Image) -> None:
        self.stored[digest(image.manifest)] = (MANIFEST, image.manifest)
        self.stored[digest(image.config)] = (CONFIG, image.config)

    async def answer(self, request: BaseRequest) -> web.Response:
        parts = request.path.strip("/").split("/")
        if parts[0] == "v2":
            return self.answer_registry(parts)
        for name, document in FIXED.items():
            if name in parts:
                metadata = {"name": parts[-1], "namespace": "shop"}
                return web.json_response({**document, "metadata": metadata} if "kind" in document else document)
        return web.json_response({}, status=404)

    def answer_registry(self, parts: list[str]) -> web.Response:
        if parts[-1] in self.stored:
            media_type, document = self.stored[parts[-1]]
            return web.Response(body=document, content_type=media_type)
        if "manifests" not in parts:
            return web.json_response({})
        image = make_image(parts[-1])
        self.store(image)
        headers = {"Docker-Content-Digest": digest(image.manifest)}
        return web.Response(body=image.manifest, content_type=MANIFEST, headers=headers)


async def serve(told: Connection) -> None:
    server = web.Server(StandIns().answer, access_log=None)
    accepting = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    told.send(accepting.sockets[0].getsockname()[1])
    await accepting.serve_forever()


def run(told: Connection, core: int) -> None:
    os.sched_setaffinity(0, {core})
    uvloop.run(serve(told))


def start_stand_ins(core: int) -> tuple[int, BaseProcess]:
    """Start them on a core; gives their port, and the process to be ended."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(theirs, core), daemon=True)
    process.start()
    port: int = ours.recv()
    return port, process
