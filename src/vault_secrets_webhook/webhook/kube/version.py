"""Which version of Kubernetes the API server has, as far as mutations depend on it.

`GET /version` is allowed to everybody (ClusterRole `system:public-info-viewer`). The answer is kept for some minutes: a
cluster is upgraded while we run, and its API servers one after the other. Nodes are never newer than the API server,
and at most three versions older (https://kubernetes.io/releases/version-skew-policy/); of these nothing is known here.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec

from .client import Call, decode_answer
from .errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.textlog import Log

    from .client import Answer, Client

    Version = tuple[int, int]

VERSION = Call("GET", "/version", "the version of the API server", retries=False)
# Seconds. A failure is kept, too: every pod would wait for another one.
KEPT, FAILURE_KEPT = 300.0, 15.0
PATIENCE = 2.0  # a pod can do without the answer
# `minor` of a provider's build may end in a sign: `35+`.
NUMBER = re.compile(r"[0-9]{1,9}")


class Info(msgspec.Struct, frozen=True):
    """What is used of the answer, `version.Info` of k8s.io/apimachinery."""

    major: str
    minor: str


DECODER = msgspec.json.Decoder(Info)


class VersionCache:
    """Tells the version of a cluster, asking for it at most every few minutes and once at a time."""

    def __init__(self, client: Client, log: Log, now: Callable[[], float] | None = None) -> None:
        """`now` gives seconds, by default the event loop's time (it is there for tests)."""
        self.client = client
        self.log = log
        self.now = now
        self.version: Version | None = None
        self.good_until = 0.0
        self.is_known = False
        self.lock = asyncio.Lock()

    async def server_version(self) -> Version | None:
        """Give the version as `(1, 35)`, None when it cannot be found out just now."""
        if self.is_fresh():
            return self.version
        async with self.lock:
            if not self.is_fresh():  # another review asked meanwhile
                await self.renew()
        return self.version

    def is_fresh(self) -> bool:
        return self.is_known and self.time() < self.good_until

    def time(self) -> float:
        return asyncio.get_running_loop().time() if self.now is None else self.now()

    async def renew(self) -> None:
        """Ask. What was known before stays when there is no answer."""
        kept = KEPT
        try:
            async with asyncio.timeout(PATIENCE):
                self.version = read_version(await self.client.send(VERSION))
        except (KubernetesError, TimeoutError) as error:
            kept = FAILURE_KEPT
            reason = str(error) or f"no answer within {PATIENCE:.0f} seconds"
            self.log.warning("the version of the API server cannot be found out", error=reason)
        self.is_known = True
        self.good_until = self.time() + kept


def read_version(answer: Answer) -> Version:
    """Read the answer. Raises KubernetesError for one that is none."""
    info = decode_answer(answer, DECODER, VERSION.what)
    major, minor = NUMBER.match(info.major), NUMBER.match(info.minor)
    if major is None or minor is None:
        raise KubernetesError(f"cannot understand {VERSION.what}: it has no numbers")
    return int(major[0]), int(minor[0])
