"""Names of images, as container runtimes read them (`ParseNormalizedNamed` of github.com/distribution/reference).

    reference   = [ domain "/" ] path [ ":" tag ] [ "@" digest ]
    domain      = host [ ":" port ]        with a "." or a ":" in it, or a capital letter, or `localhost`
    path        = component { "/" component }
    component   = lower case letters and digits, with ".", "_", "__" or dashes between them
    digest      = "sha256:" or "sha512:", and the number of hexadecimal digits that is right for it

A name without domain belongs to the default registry, and one without "/" there to `library`.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from vault_secrets_webhook.webhook.message import show

from .errors import RegistryError

# Part of the format: what a name without domain means. Its API, and the credentials for it, have names of their own.
DEFAULT_DOMAIN = "docker.io"
DEFAULT_HOST = f"registry-1.{DEFAULT_DOMAIN}"
INDEX_DOMAIN = f"index.{DEFAULT_DOMAIN}"
OFFICIAL = "library/"
DEFAULT_TAG = "latest"
LOCALHOST = "localhost"
LONGEST_PATH = 255
LONGEST_REFERENCE = 1024

NAME_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
DOMAIN = re.compile(rf"(?:{NAME_PART}(?:\.{NAME_PART})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PATH = re.compile(rf"{PATH_PART}(?:/{PATH_PART})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
IDENTIFIER = re.compile(r"[0-9a-f]{64}")


class Reference(NamedTuple):
    """An image: `domain` with port, `path` in that registry, and tag or digest. With a digest the tag says nothing."""

    domain: str
    path: str
    tag: str
    digest: str

    def host(self) -> str:
        """Tell which host, with port, has the API of the image's registry."""
        return DEFAULT_HOST if self.domain == DEFAULT_DOMAIN else self.domain

    def target(self) -> str:
        """Give what a manifest is asked for by."""
        return self.digest or self.tag

    def repository(self) -> str:
        """Give the name without tag and digest."""
        return f"{self.domain}/{self.path}"

    def __str__(self) -> str:
        return self.repository() + (f"@{self.digest}" if self.digest else f":{self.tag}")


def parse_reference(text: str) -> Reference:
    """Parse the name of an image. Raises RegistryError that says what is wrong with it."""
    if len(text) > LONGEST_REFERENCE or not text.isascii() or IDENTIFIER.fullmatch(text):
        raise RegistryError(f"{show(text)} is not the name of an image")
    name, at, digest = text.partition("@")
    if at and not DIGEST.fullmatch(digest):
        raise RegistryError(f"{show(text)} has a digest that is neither sha256 nor sha512 in lower case")
    domain, path = split_domain(name)
    path, colon, tag = path.partition(":")
    if colon and not TAG.fullmatch(tag):
        raise RegistryError(f"{show(text)} has a tag that no image can have")
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = OFFICIAL + path
    if len(path) > LONGEST_PATH or not PATH.fullmatch(path) or not DOMAIN.fullmatch(domain):
        advice = ": it must be in lower case" if path != path.lower() else ""
        raise RegistryError(f"{show(text)} is not the name of an image{advice}")
    return Reference(domain, path, tag or DEFAULT_TAG, digest)


def split_domain(name: str) -> tuple[str, str]:
    """Split a name into its domain and the rest."""
    first, slash, rest = name.partition("/")
    if not slash or not ({".", ":"} & set(first) or first == LOCALHOST or first != first.lower()):
        return DEFAULT_DOMAIN, name
    return (DEFAULT_DOMAIN if first == INDEX_DOMAIN else first), rest


def is_loopback(domain: str) -> bool:
    """Tell whether a registry is this machine's, as its name says."""
    host = domain.rpartition(":")[0] if re.search(r":[0-9]+$", domain) else domain
    if host == LOCALHOST:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
