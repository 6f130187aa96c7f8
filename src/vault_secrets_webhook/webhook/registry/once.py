"""Asks once for what several containers of one object need: pull secrets, ServiceAccounts, images.

It lives as long as one review does, so nothing in it is ever older than that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from vault_secrets_webhook.webhook.cache import note_end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

    from vault_secrets_webhook.webhook.lookup import PullSecretLookup


class Once:
    """Does each thing once, and gives its result, or what it raised, to all who ask."""

    def __init__(self) -> None:
        self.tasks: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, find: Callable[[], Awaitable[Any]]) -> Any:
        """Give what was found for a key. Who gives up waiting does not take it away from the others."""
        task = self.tasks.get(key)
        if task is None:
            task = self.tasks[key] = asyncio.ensure_future(run(find))
            task.add_done_callback(note_end)
        return await asyncio.shield(task)


async def run(find: Callable[[], Awaitable[Any]]) -> Any:
    return await find()


class LookupOnce:
    """A `PullSecretLookup` that reads each object once."""

    def __init__(self, lookup: PullSecretLookup) -> None:
        self.lookup = lookup
        self.once = Once()

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Give the data of a Secret."""
        found: Mapping[str, bytes] | None = await self.once.get(
            ("Secret", namespace, name), lambda: self.lookup.secret(namespace, name)
        )
        return found

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Give the data of a ConfigMap."""
        found: Mapping[str, str] | None = await self.once.get(
            ("ConfigMap", namespace, name), lambda: self.lookup.config_map(namespace, name)
        )
        return found

    async def pull_secrets(self, namespace: str, service_account: str) -> Sequence[str] | None:
        """Give the names of a ServiceAccount's pull secrets."""
        found: Sequence[str] | None = await self.once.get(
            ("ServiceAccount", namespace, service_account),
            lambda: self.lookup.pull_secrets(namespace, service_account),
        )
        return found
