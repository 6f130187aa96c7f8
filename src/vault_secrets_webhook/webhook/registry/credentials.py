"""Pull secrets: the credentials in them, and which of these are for an image.

As kubelet does it (`pkg/credentialprovider` of Kubernetes): a key of the docker config is a host, which may have `*`
in each of its parts, with a port that must be the same, and a path that the image's begins with. All that match are
tried, those with the longest key first. Their values never leave `Credential` and show in no message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from .reference import DEFAULT_DOMAIN, INDEX_DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .reference import Reference

CONFIG_KEY, OLD_CONFIG_KEY = ".dockerconfigjson", ".dockercfg"
SCHEMES = ("https://", "http://")
API_VERSIONS = ("/v1/", "/v2/")


class Credential:
    """A user with password, or an identity token that access tokens are got with.

    `source` says for messages where it comes from.
    """

    __slots__ = ("identity_token", "password", "source", "user")

    def __init__(self, source: str, user: str, password: str, identity_token: str = "") -> None:
        self.source = source
        self.user = user
        self.password = password
        self.identity_token = identity_token

    def basic(self) -> str:
        """Write the header field that tells user and password (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def identity(self) -> str:
        """Give what tells this credential from another one, and tells nothing of it."""
        parts = msgspec.json.encode([self.user, self.password, self.identity_token])
        return hashlib.sha256(parts).hexdigest()

    def __repr__(self) -> str:
        return f"Credential({self.source!r})"  # a password must not get into a log by way of repr()


class Entry(msgspec.Struct, rename="lower"):
    """What a docker config says of one registry."""

    username: str | None = None
    password: str | None = None
    auth: str | None = None
    identity_token: str | None = msgspec.field(default=None, name="identitytoken")


class DockerConfig(msgspec.Struct):
    """A docker config: `~/.docker/config.json`."""

    auths: dict[str, Entry | None] | None = None


_decode_config = msgspec.json.Decoder(DockerConfig).decode
_decode_old_config = msgspec.json.Decoder(dict[str, Entry | None]).decode


class Pattern(NamedTuple):
    """What images a credential is for."""

    host: str
    port: str
    path: str

    def matches(self, host: str, port: str, path: str) -> bool:
        """Tell whether an image of this path, with a slash before it, in this registry is one of them."""
        ours, theirs = self.host.split("."), host.split(".")
        return (
            self.port == port
            and len(ours) == len(theirs)
            and path.startswith(self.path)
            and all(fnmatchcase(part, pattern) for part, pattern in zip(theirs, ours, strict=True))
        )


def read_pull_secret(source: str, data: Mapping[str, bytes]) -> list[tuple[str, Credential]]:
    """Read the credentials of a Secret, each with its key. Raises ValueError saying what is wrong, with nothing of it."""
    try:
        if CONFIG_KEY in data:
            entries = _decode_config(data[CONFIG_KEY]).auths or {}
        elif OLD_CONFIG_KEY in data:
            entries = _decode_old_config(data[OLD_CONFIG_KEY])
        else:
            raise ValueError(f"it has neither {CONFIG_KEY} nor {OLD_CONFIG_KEY}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("what it holds is no docker config") from None
    found = [(key, read_entry(source, entry)) for key, entry in entries.items() if entry is not None]
    return [(key, credential) for key, credential in found if credential is not None]


def read_entry(source: str, entry: Entry) -> Credential | None:
    """Read the credential of one registry; None when there is none. `auth` wins, as with kubelet."""
    user, password = entry.username or "", entry.password or ""
    if entry.auth:
        try:
            decoded = base64.b64decode(entry.auth).decode()
        except (binascii.Error, ValueError):
            raise ValueError("an auth in it is not base64 of USER:PASSWORD") from None
        user, _, password = decoded.partition(":")
    token = entry.identity_token or ""
    if not user and not token:
        return None
    return Credential(source, user, password.rstrip("\0"), token)


def choose_credentials(reference: Reference, several: Iterable[tuple[str, Credential]]) -> list[Credential]:
    """Choose the credentials that are for an image, those with the longest key first, each once."""
    host, port = split_port(reference.domain)
    path = f"/{reference.path}"
    patterns = sorted(((parse_key(key), credential) for key, credential in several), key=rank)
    chosen = [credential for pattern, credential in patterns if pattern.matches(host, port, path)]
    if not chosen and reference.domain == DEFAULT_DOMAIN:
        chosen = [credential for pattern, credential in patterns if pattern == (INDEX_DOMAIN, "", "")]
    return list({credential.identity(): credential for credential in chosen}.values())


def rank(one: tuple[Pattern, Credential]) -> tuple[int, int]:
    pattern = one[0]
    return -len(pattern.path), -len(pattern.host)


def parse_key(key: str) -> Pattern:
    """Read a key of a docker config: `https://HOST:PORT/v1/PATH`, of which all but the host may be missing."""
    for scheme in SCHEMES:
        key = key.removeprefix(scheme)
    host, slash, rest = key.partition("/")
    path = slash + rest
    if path.startswith(API_VERSIONS):
        path = path[3:]
    return Pattern(*split_port(host), "" if path == "/" else path)


def split_port(domain: str) -> tuple[str, str]:
    host, colon, port = domain.rpartition(":")
    return (host, port) if colon and port.isdigit() else (domain, "")
