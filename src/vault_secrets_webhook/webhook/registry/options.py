"""What the operator says of registries beyond lists of hosts: which have mirrors, and which clouds we log in to.

Only the texts of settings; light, for whoever reads settings asks no registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.webhook.message import show
from vault_secrets_webhook.webhook.values import split_list

from .reference import DEFAULT_DOMAIN, DOMAIN, INDEX_DOMAIN, PATH, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable

AWS, GCP, AZURE = "aws", "gcp", "azure"
CLOUDS = (AWS, GCP, AZURE)


class Mirror(NamedTuple):
    """Where images of a registry are asked for first: a host with port, and what their paths begin with there."""

    registry: str
    domain: str
    prefix: str


class Place(NamedTuple):
    """Where an image may be. `namespace` is the registry that this is a mirror of, empty for the registry itself."""

    reference: Reference
    namespace: str = ""


def parse_mirrors(text: str) -> tuple[Mirror, ...]:
    """Read `REGISTRY=HOST[:PORT][/PREFIX]`, separated by commas, in the order in which they are asked.

    Raises ValueError.
    """
    return tuple(map(parse_mirror, split_list(text)))


def parse_mirror(entry: str) -> Mirror:
    registry, _, place = entry.partition("=")
    domain, slash, prefix = place.strip().rstrip("/").partition("/")
    registry = registry.strip()
    is_place = DOMAIN.fullmatch(domain) and (not slash or PATH.fullmatch(prefix))
    if not DOMAIN.fullmatch(registry) or not is_place:
        raise ValueError(
            f"{show(entry)} is not REGISTRY=HOST[:PORT][/PREFIX]: write both as in names of images, without https://"
        )
    return Mirror(DEFAULT_DOMAIN if registry == INDEX_DOMAIN else registry, domain, prefix)


def list_places(reference: Reference, mirrors: Iterable[Mirror]) -> list[Place]:
    """List where an image may be: in the mirrors of its registry, and in that itself, which is the last one."""
    places = [
        Place(
            reference._replace(domain=mirror.domain, path="/".join(filter(None, (mirror.prefix, reference.path)))),
            reference.domain,
        )
        for mirror in mirrors
        if mirror.registry == reference.domain
    ]
    return [*places, Place(reference)]


def parse_clouds(text: str) -> tuple[str, ...]:
    """Read the names of clouds, separated by commas. Raises ValueError."""
    names = tuple(dict.fromkeys(split_list(text)))
    for name in names:
        if name not in CLOUDS:
            raise ValueError(f"{show(name)} is not a cloud that is known: write {', '.join(CLOUDS)}")
    return names
