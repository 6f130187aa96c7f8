"""Manifests, indexes and configs of images, decoded in part, and the choice of a platform. No I/O.

Of OCI: https://github.com/opencontainers/image-spec; of Docker: "Image Manifest Version 2, Schema 2". Both have the
same fields where it matters here.
"""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING, TypeVar

import msgspec

from .errors import RegistryError
from .reference import DIGEST

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

INDEXES = frozenset(
    ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
)
MANIFESTS = frozenset(
    ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
)
CONFIGS = frozenset(("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"))
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))
ATTESTATION = "vnd.docker.reference.type"  # BuildKit's annotation of what describes another manifest
UNKNOWN = "unknown"
LINUX = "linux"
# What the kernel calls an architecture, and what Go does, and with it images and the label kubernetes.io/arch.
ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "loongarch64": "loong64",
}
MACHINE = platform.machine()
OWN_ARCHITECTURE = ARCHITECTURES.get(MACHINE, MACHINE)


class Platform(msgspec.Struct):
    """What an image is made for."""

    architecture: str = ""
    os: str = ""


class Descriptor(msgspec.Struct, rename="camel"):
    """What points to a document."""

    digest: str
    media_type: str = ""
    size: int = 0
    platform: Platform | None = None
    annotations: dict[str, str] | None = None


class Document(msgspec.Struct, rename="camel"):
    """A manifest or an index: the one has `config`, the other `manifests`."""

    schema_version: int = 0
    media_type: str = ""
    config: Descriptor | None = None
    manifests: list[Descriptor] | None = None


class Start(msgspec.Struct):
    """What an image starts."""

    entrypoint: list[str] | None = msgspec.field(default=None, name="Entrypoint")
    cmd: list[str] | None = msgspec.field(default=None, name="Cmd")


class Config(msgspec.Struct):
    """The config of an image."""

    config: Start | None = None


Kind = TypeVar("Kind")
_documents = msgspec.json.Decoder(Document)
_configs = msgspec.json.Decoder(Config)


def decode_document(body: bytes, media_type: str) -> Document:
    """Decode a manifest or index that came with a media type. Raises RegistryError."""
    if media_type.startswith(SCHEMA_1):
        raise RegistryError("it has a manifest of schema version 1, which container runtimes do not take any more")
    document = decode(_documents, body, "a manifest")
    if document.schema_version == 1:
        raise RegistryError("it has a manifest of schema version 1, which container runtimes do not take any more")
    if document.manifests is None and document.config is None:
        raise RegistryError("what the registry gave is no manifest of an image")
    return document


def decode_start(body: bytes) -> Start:
    """Decode the config of an image. Raises RegistryError."""
    return decode(_configs, body, "the config of an image").config or Start()


def decode(decoder: msgspec.json.Decoder[Kind], body: bytes, what: str) -> Kind:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RegistryError(f"what the registry gave is not {what}; is there a proxy in between?") from None


def check_digest(body: bytes, digest: str) -> None:
    """Raise RegistryError when a document is not the one of this digest."""
    if not DIGEST.fullmatch(digest):
        raise RegistryError("the registry names a digest that is neither sha256 nor sha512")
    algorithm, _, expected = digest.partition(":")
    if hashlib.new(algorithm, body).hexdigest() != expected:
        raise RegistryError("what the registry gave does not have the digest that was asked for")


def is_index(descriptor: Descriptor) -> bool:
    return descriptor.media_type in INDEXES


def is_image(descriptor: Descriptor) -> bool:
    """Tell whether an entry of an index is an image that a Linux node may run, and no attestation."""
    if ATTESTATION in (descriptor.annotations or {}) or descriptor.media_type not in MANIFESTS:
        return False
    made_for = descriptor.platform
    return made_for is None or (made_for.os in {LINUX, ""} and made_for.architecture != UNKNOWN)


def choose_platform(images: Sequence[Descriptor], wanted: Sequence[str], unwanted: Collection[str] = ()) -> Descriptor:
    """Choose the image for the first of these architectures that there is, else any, and the unwanted ones last.

    Raises RegistryError.
    """
    if not images:
        raise RegistryError("it has no image for Linux")
    order = [*wanted, OWN_ARCHITECTURE]

    def rank(descriptor: Descriptor) -> tuple[bool, int]:
        name = descriptor.platform.architecture if descriptor.platform else ""
        return name in unwanted, order.index(name) if name in order else len(order) + (not name)

    return min(images, key=rank)
