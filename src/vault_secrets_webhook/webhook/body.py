"""Reading what a server answers, no more of it than there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


async def read_body(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """Read a body; None when it has more bytes than `most`."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)
