"""What is known about a cluster before the first request to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl

    from .credentials import Credentials


class Cluster(NamedTuple):
    """How to reach an API server, and who we are there.

    `url` has no slash at its end; `context` checks its certificate; `server_name` is the name in that, None for the
    one in the URL; `proxy` is the URL of an HTTP proxy or None; `source` says for messages where all this comes from.
    """

    url: str
    context: ssl.SSLContext
    credentials: Credentials
    source: str
    server_name: str | None = None
    proxy: str | None = None
