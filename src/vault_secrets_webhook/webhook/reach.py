"""Finds out once whether the API server can be reached: before that, reviews had better go to another replica.

Once only: an API server that is away later sends no reviews either, and a webhook that is not ready because of it would
come back last.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .kube.client import UNAUTHORIZED
from .kube.errors import KubernetesError
from .kube.version import VERSION

if TYPE_CHECKING:
    from vault_secrets_webhook.textlog import Log

    from .kube.client import Client

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
PATIENCE = 5.0  # seconds for one answer


class ClusterReach:
    """`find_obstacle` tells why the cluster counts as unreachable, and gives an empty text after the first answer."""

    def __init__(self, client: Client, log: Log) -> None:
        self.client = client
        self.log = log
        self.obstacle = "the API server was not asked yet"

    def find_obstacle(self) -> str:
        """Tell why reviews must not be sent here yet."""
        return self.obstacle

    async def run(self) -> None:
        """Ask until there is an answer."""
        pause = FIRST_PAUSE
        while reason := await self.ask():
            if not self.obstacle.endswith(reason):
                self.log.warning("not ready: the API server was not reached yet", error=reason)
            self.obstacle = f"the API server was not reached yet: {reason}"
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        self.obstacle = ""

    async def ask(self) -> str:
        """Ask once: why there was no answer, or an empty text. That something is forbidden is an answer, too."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.client.send(VERSION)
        except TimeoutError:
            return f"no answer within {PATIENCE:.0f} seconds"
        except KubernetesError as error:
            return str(error) if error.status in (None, UNAUTHORIZED) else ""
        return ""
