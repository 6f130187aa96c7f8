"""What tests ask of a running image registry, as the user who may do everything.

Sources: OCI distribution specification (pushing), OCI image specification (indexes), image manifest v2 schema 2 of
Docker; what BuildKit stores beside an image, its attestations, is told in its docs/attestations/attestation-storage.md.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from images.layout import BLOBS, digest, write_json
from tests.servers.errors import ServerFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Descriptor = dict[str, Any]

_TIMEOUT_SECONDS = 60
UNKNOWN_PLATFORM = {"architecture": "unknown", "os": "unknown"}


@dataclass(frozen=True)
class MediaTypes:
    """What one family calls the parts of an image."""

    index: str
    manifest: str
    config: str
    layer: str


OCI = MediaTypes(
    index="application/vnd.oci.image.index.v1+json",
    manifest="application/vnd.oci.image.manifest.v1+json",
    config="application/vnd.oci.image.config.v1+json",
    layer="application/vnd.oci.image.layer.v1.tar+gzip",
)
DOCKER = MediaTypes(
    index="application/vnd.docker.distribution.manifest.list.v2+json",
    manifest="application/vnd.docker.distribution.manifest.v2+json",
    config="application/vnd.docker.container.image.v1+json",
    layer="application/vnd.docker.image.rootfs.diff.tar.gzip",
)


class Answer(NamedTuple):
    """What the registry said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class RegistryApi:
    """Requests to one registry. A name is `REPOSITORY:TAG`, without the address; digests are returned."""

    def __init__(self, address: str, password: tuple[str, str] | None, ca_file: Path | None) -> None:
        """`address` is `HOST:PORT`; with `ca_file` it is asked over TLS."""
        self.address = address
        self.ca_file = ca_file
        self.url = f"{'https' if ca_file else 'http'}://{address}"
        self._password = password
        self._context = ssl.create_default_context(cafile=ca_file) if ca_file else None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask over a connection of its own, with the password. Raises `OSError` or `http.client.HTTPException`."""
        sent = dict(headers or {})
        if self._password is not None:
            sent["Authorization"] = f"Basic {base64.b64encode(':'.join(self._password).encode()).decode()}"
        connection = self._open_connection()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def _open_connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self.address, timeout=_TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(self.address, timeout=_TIMEOUT_SECONDS, context=self._context)

    def act(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for what has to succeed. Raises `ServerFailedError` with the registry's own words."""
        answer = self.request(method, path, body, headers)
        if answer.status not in {200, 201, 202}:
            text = answer.body.decode(errors="replace").strip()
            raise ServerFailedError(f"{method} {path}: status {answer.status}, {text}")
        return answer

    # Images

    def push(self, archive: Path, name: str, types: MediaTypes = OCI) -> str:
        """Push the image of an OCI archive, tagged."""
        repository, tag = split_name(name)
        return str(self.push_manifest(repository, tag, archive, types)["digest"])

    def push_index(self, archives: Iterable[Path], name: str, types: MediaTypes = OCI, *, attested: bool = True) -> str:
        """Push an index of the images of OCI archives, each for its platform, tagged.

        Before each stands, if `attested`, what BuildKit adds to it: something that is no image, of no known platform.
        """
        repository, tag = split_name(name)
        manifests = []
        for archive in archives:
            image = self.push_manifest(repository, None, archive, types)
            manifests += [self.push_attestation(repository, image), image] if attested else [image]
        return str(self.put_index(repository, tag, manifests, types)["digest"])

    # Parts of images

    def push_manifest(self, repository: str, tag: str | None, archive: Path, types: MediaTypes = OCI) -> Descriptor:
        """Push the image of an OCI archive; its descriptor, with its platform, to stand in an index."""
        with tarfile.open(archive) as opened:
            blobs = {member.name.removeprefix(BLOBS): read_member(opened, member) for member in opened.getmembers()}
        (entry,) = json.loads(blobs["index.json"])["manifests"]
        manifest = json.loads(blobs[get_hash(entry)])
        config = self.put_blob(repository, blobs[get_hash(manifest["config"])], types.config)
        layers = [self.put_blob(repository, blobs[get_hash(layer)], types.layer) for layer in manifest["layers"]]
        return self.put_image(repository, tag, config, layers, types) | {"platform": entry["platform"]}

    def push_attestation(self, repository: str, image: Descriptor) -> Descriptor:
        """Push what BuildKit stores beside an image: a statement of its origin in the shape of an image."""
        config = self.put_blob(repository, write_json({**UNKNOWN_PLATFORM, "of": image["digest"]}), OCI.config)
        statement = self.put_blob(
            repository, b'{"_type":"https://in-toto.io/Statement/v0.1"}', "application/vnd.in-toto+json"
        )
        return self.put_image(repository, None, config, [statement]) | {
            "platform": UNKNOWN_PLATFORM,
            "annotations": {
                "vnd.docker.reference.digest": image["digest"],
                "vnd.docker.reference.type": "attestation-manifest",
            },
        }

    def put_image(
        self,
        repository: str,
        tag: str | None,
        config: Descriptor,
        layers: Sequence[Descriptor],
        types: MediaTypes = OCI,
    ) -> Descriptor:
        """Store the manifest of an image whose parts are stored; its descriptor."""
        manifest = {"schemaVersion": 2, "mediaType": types.manifest, "config": config, "layers": layers}
        return self.put_manifest(repository, tag, manifest)

    def put_index(
        self, repository: str, tag: str | None, manifests: Sequence[Descriptor], types: MediaTypes = OCI
    ) -> Descriptor:
        """Store an index of stored manifests, or of indexes; its descriptor."""
        return self.put_manifest(
            repository, tag, {"schemaVersion": 2, "mediaType": types.index, "manifests": manifests}
        )

    def put_manifest(self, repository: str, tag: str | None, manifest: Mapping[str, Any]) -> Descriptor:
        """Store a manifest or an index under its digest, and under a tag too; its descriptor."""
        data, kind = write_json(manifest), manifest["mediaType"]
        stored = self.act("PUT", f"/v2/{repository}/manifests/{tag or digest(data)}", data, {"Content-Type": kind})
        assert stored.headers["Docker-Content-Digest"] == digest(data)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def put_blob(self, repository: str, data: bytes, media_type: str) -> Descriptor:
        """Store a blob; its descriptor."""
        upload = self.act("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
        separator = "&" if "?" in upload else "?"
        content = {"Content-Type": "application/octet-stream"}
        self.act("PUT", f"{upload}{separator}digest={quote(digest(data), safe='')}", data, content)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def split_name(name: str) -> tuple[str, str]:
    repository, colon, tag = name.partition(":")
    assert colon, f"{name}: is REPOSITORY:TAG"
    return repository, tag


def get_hash(descriptor: Descriptor) -> str:
    return str(descriptor["digest"]).removeprefix("sha256:")


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    return opened.read() if opened else b""
