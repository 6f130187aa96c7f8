"""Pull secrets: the credentials in them, and which of these are for an image.

As kubelet does it (`pkg/credentialprovider` of Kubernetes): a key of the docker config is a host, each of whose parts
is a pattern of its own, with a port that must be the same, and a path that the image's begins with. All that match are
tried, those with the longest key first. Names of members match whatever their case, as with Go's `encoding/json`. The
values never leave `Credential` and show in no message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from .pathmatch import match
from .reference import DEFAULT_DOMAIN, INDEX_DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .reference import Reference

CONFIG_KEY, OLD_CONFIG_KEY = ".dockerconfigjson", ".dockercfg"
LONGEST_TOKEN = 16 * 1024
SCHEMES = ("https://", "http://")
MOST_ENTRIES = 1000  # more take longer to be looked through than they are worth
API_VERSIONS = ("/v1/", "/v2/")


class Credential:
    """A user with password, or an identity token that access tokens are got with, or such an access token itself.

    `source` says for messages where it comes from. `is_bound` tells that it is shown to the registry's own host only,
    over TLS with the certificate checked.
    """

    __slots__ = ("identity_token", "is_bound", "password", "registry_token", "source", "user")

    def __init__(
        self,
        source: str,
        user: str,
        password: str,
        identity_token: str = "",
        registry_token: str = "",
        *,
        is_bound: bool = False,
    ) -> None:
        self.source = source
        self.user = user
        self.password = password
        self.identity_token = identity_token
        self.registry_token = registry_token
        self.is_bound = is_bound

    def basic(self) -> str:
        """Write the header field that tells user and password (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def identity(self) -> str:
        """Give what tells this credential from another one, and tells nothing of it."""
        parts = msgspec.json.encode([self.user, self.password, self.identity_token, self.registry_token])
        return hashlib.sha256(parts).hexdigest()

    def __repr__(self) -> str:
        return f"Credential({self.source!r})"  # a password must not get into a log by way of repr()


class Entry(msgspec.Struct):
    """What a docker config says of one registry."""

    username: str | None = None
    password: str | None = None
    auth: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


AUTHS = "auths"
Members = dict[str, msgspec.Raw]
_decode_members = msgspec.json.Decoder(Members).decode
_decode_entries = msgspec.json.Decoder(dict[str, Members | None] | None).decode
_decode_text = msgspec.json.Decoder(str | None).decode


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
            and all(match(pattern, part) for part, pattern in zip(theirs, ours, strict=True))
        )


def read_pull_secret(source: str, data: Mapping[str, bytes]) -> list[tuple[str, Credential]]:
    """Read the credentials of a Secret, each with its key. Raises ValueError, which shows nothing of them."""
    try:
        if CONFIG_KEY in data:
            members = fold_names(_decode_members(data[CONFIG_KEY]))
            entries = _decode_entries(members[AUTHS]) if AUTHS in members else None
        elif OLD_CONFIG_KEY in data:
            entries = _decode_entries(data[OLD_CONFIG_KEY])
        else:
            raise ValueError(f"it has neither {CONFIG_KEY} nor {OLD_CONFIG_KEY}")
        if len(entries or ()) > MOST_ENTRIES:
            raise ValueError(f"it has more than {MOST_ENTRIES} registries")
        decoded = [(key, decode_entry(members)) for key, members in (entries or {}).items() if members is not None]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("what it holds is no docker config") from None
    found = [(key, read_entry(source, entry)) for key, entry in decoded]
    return [(key, credential) for key, credential in found if credential is not None]


def decode_entry(members: Members) -> Entry:
    """Decode what is said of one registry, as far as it is of use here. Raises MsgspecError."""
    folded = fold_names(members)
    return Entry(**{name: _decode_text(folded[name]) for name in Entry.__struct_fields__ if name in folded})


def fold_names(members: Members) -> Members:
    """Write the names of members in lower case; of several the last one stands."""
    return {name.casefold(): value for name, value in members.items()}


def read_entry(source: str, entry: Entry) -> Credential | None:
    """Read the credential of one registry; None when there is none. `auth` wins, as with kubelet."""
    user, password = entry.username or "", entry.password or ""
    if entry.auth:
        try:
            text = "".join(entry.auth.split()).rstrip("=")  # kubelet takes it without padding, too
            decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
        except (binascii.Error, ValueError):
            raise ValueError("an auth in it is not base64 of USER:PASSWORD") from None
        user, _, password = decoded.partition(":")
    token, registry_token = entry.identitytoken or "", entry.registrytoken or ""
    if registry_token and not is_token(registry_token):
        raise ValueError("a registrytoken in it has characters that no token has")
    if not user and not token and not registry_token:
        return None
    return Credential(source, user, password.rstrip("\0"), token, registry_token)


def is_token(text: str) -> bool:
    """Tell whether a text can be an access token, as it stands in a header field."""
    return 0 < len(text) <= LONGEST_TOKEN and text.isascii() and text.isprintable()


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
