"""Writes an image as an OCI archive: a tar file of an image layout, as `ctr images import` and others read it.

The same image gives the same bytes, except for the compression of another zlib: the digests of uncompressed layers
(`diff_ids`) do not depend on that. Knows nothing of where the files come from.
See the OCI image format specification, image-layout.md and config.md.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MEDIA_TYPE = "application/vnd.oci.image."
BLOBS = "blobs/sha256/"
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Of the levels above, the best one takes four times as long for one per cent.
COMPRESSION = 6


@dataclass(frozen=True)
class Image:
    """What is in an image, and how a container of it starts."""

    name: str  # with host and tag, such as `localhost/vault-secrets-webhook/vault-env:1.0.0`
    architecture: str  # as Go and Debian call it: amd64, arm64
    layers: Sequence[Tree]
    user: str = ""
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Sequence[str] = (SEARCH_PATH,)
    ports: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """What came out: the digest by which the image is known, and its size in bytes, packed and not."""

    digest: str
    packed: int
    unpacked: int


def write_archive(image: Image, path: Path, epoch: int) -> Written:
    """Write the OCI archive of an image; what stood there before is replaced at once, or not at all.

    `epoch` is the time of everything in it, in seconds since 1970.
    """
    layers = [layer.write_tar(epoch) for layer in image.layers]
    packed = [compress(layer) for layer in layers]
    config = write_json(describe_config(image, layers, epoch))
    manifest = write_json(
        {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA_TYPE}manifest.v1+json",
            "config": describe_blob("config.v1+json", config),
            "layers": [describe_blob("layer.v1.tar+gzip", layer) for layer in packed],
        }
    )
    files = Tree()
    files.add_file("oci-layout", write_json({"imageLayoutVersion": "1.0.0"}))
    files.add_file("index.json", write_json(describe_index(image, manifest)))
    for blob in (config, manifest, *packed):
        files.add_file(BLOBS + hashlib.sha256(blob).hexdigest(), blob)
    replace_file(path, files.write_tar(epoch))
    return Written(digest(manifest), sum(map(len, packed)), sum(map(len, layers)))


def describe_config(image: Image, layers: Sequence[bytes], epoch: int) -> dict[str, Any]:
    """Make the configuration: how a container starts, and the digests of the unpacked layers."""
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    running = {
        "User": image.user,
        "ExposedPorts": {port: {} for port in image.ports},
        "Env": list(image.environment),
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
        "WorkingDir": "/",
        "Labels": dict(image.labels),
    }
    return {
        "created": created,
        "architecture": image.architecture,
        "os": "linux",
        "config": {key: value for key, value in running.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [{"created": created, "created_by": "images.build"} for _ in layers],
    }


def describe_index(image: Image, manifest: bytes) -> dict[str, Any]:
    """Make the index, the one place where the image has a name.

    containerd takes the name from its own annotation, as it is; others take the one of the specification.
    """
    return {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA_TYPE}index.v1+json",
        "manifests": [
            describe_blob("manifest.v1+json", manifest)
            | {
                "platform": {"architecture": image.architecture, "os": "linux"},
                "annotations": {
                    "io.containerd.image.name": image.name,
                    "org.opencontainers.image.ref.name": image.name,
                },
            }
        ],
    }


def describe_blob(kind: str, blob: bytes) -> dict[str, Any]:
    """Make the descriptor by which one blob names another."""
    return {"mediaType": MEDIA_TYPE + kind, "digest": digest(blob), "size": len(blob)}


def compress(layer: bytes) -> bytes:
    """Pack a layer by gzip, with neither time nor name nor system in its header."""
    buffer = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=COMPRESSION, fileobj=buffer, mtime=0) as archive:
        archive.write(layer)
    return buffer.getvalue()


def digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def write_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def replace_file(path: Path, data: bytes) -> None:
    """Write a file in one step, so that nobody ever reads half an archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
