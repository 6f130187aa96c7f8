"""Logins, kept: one for each identity and lifetime, however many objects ask, and revoked when nobody needs it.

A token is used until two thirds of its life are over. The webhook's own then makes place for a new one; that of a
ServiceAccount of some namespace goes as soon as nobody has used it for a moment. It is revoked if it can be, once the
last reader has let go of it, and not if a lease hangs on it: a database password that was just written into a Secret
would end with it.

Knows nothing of how a login is made. All of it belongs to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from vault_secrets_webhook.vault.api import Auth

    from .access import Access

    LogIn = Callable[[Access], Awaitable[Auth]]
    Revoke = Callable[[Access, Auth], Coroutine[None, None, None]]

MOST_TOKENS = 256
USED_LIFE = 2 / 3
JITTER = 0.1  # so that the replicas do not log in at the same moment for ever
LONGEST_USE = 3600.0  # seconds that a token without an end is used for
IDLE = 10.0  # seconds that the token of a ServiceAccount is kept for another object of its namespace
ORPHANED = 5.0  # the same for one that is new: those who asked for it may have given up
FAREWELL = 5.0  # seconds that shutting down takes for revoking


class Token:
    """A token in use. `has_leases` is set by who reads with it; `is_dead` says that the server does not know it."""

    __slots__ = ("access", "auth", "has_leases", "is_dead", "is_retired", "life", "timer", "users")

    def __init__(self, access: Access, auth: Auth) -> None:
        self.access = access
        self.auth = auth
        self.users = 0
        self.has_leases = False
        self.is_dead = False
        self.is_retired = False
        self.life: asyncio.TimerHandle | None = None
        self.timer: asyncio.TimerHandle | None = None

    def may_be_revoked(self) -> bool:
        """Tell whether revoking is possible, and hurts nobody."""
        return not (self.has_leases or self.is_dead or self.auth.is_batch)

    def stop_timer(self) -> None:
        """Do not let it go for being idle, for the time being."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Tokens:
    """The tokens that are in use or ready for it, by access."""

    def __init__(self, log_in: LogIn, revoke: Revoke, *, size: int = MOST_TOKENS, idle: float = IDLE) -> None:
        self.log_in = log_in
        self.revoke = revoke
        self.size = size
        self.idle = idle
        self.kept: dict[Access, Token] = {}
        self.under_way: dict[Access, asyncio.Task[Token]] = {}
        self.ending: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def hold(self, access: Access) -> AsyncIterator[Token]:
        """Give a token that is not revoked as long as it is held. Raises what the login raises."""
        token = await self.find(access)
        token.users += 1
        token.stop_timer()
        try:
            yield token
        finally:
            token.users -= 1
            self.settle(token)

    async def find(self, access: Access) -> Token:
        """Give the token that is kept, or log in; all who ask meanwhile get that one, or its error."""
        if (token := self.kept.pop(access, None)) is not None:
            self.kept[access] = token  # the one used last is the last
            return token
        task = self.under_way.get(access)
        if task is None:
            task = self.under_way[access] = asyncio.create_task(self.begin(access))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)  # whoever gives up does not take it away from the others

    async def begin(self, access: Access) -> Token:
        """Log in, and keep the token for as long as it is good."""
        try:
            token = Token(access, await self.log_in(access))
        finally:
            del self.under_way[access]
        life = (token.auth.seconds * USED_LIFE) or LONGEST_USE
        seconds = min(life, LONGEST_USE) * random.uniform(1 - JITTER, 1)  # noqa: S311 - spreads load, keeps no secret
        token.life = asyncio.get_running_loop().call_later(seconds, self.retire, token)
        self.kept[access] = token
        while len(self.kept) > self.size:
            self.retire(next(iter(self.kept.values())))
        self.watch(token, max(self.idle, ORPHANED))
        return token

    def settle(self, token: Token) -> None:
        """Do what is to be done when nobody holds a token."""
        if token.users:
            return
        if token.is_retired:
            token.stop_timer()
            self.end(token)
        else:
            self.watch(token, self.idle)

    def watch(self, token: Token, seconds: float) -> None:
        """See to it that the token of somebody else than the webhook goes when nobody uses it for so long."""
        token.stop_timer()
        if token.access.account is not None:
            token.timer = asyncio.get_running_loop().call_later(seconds, self.retire, token)

    def retire(self, token: Token) -> None:
        """Take a token out of use; it ends when the last one who holds it lets go."""
        if token.is_retired:
            return
        token.is_retired = True
        if token.life is not None:
            token.life.cancel()
        if self.kept.get(token.access) is token:
            del self.kept[token.access]
        self.settle(token)

    def discard(self, token: Token) -> None:
        """Take a token out of use that the server does not know any more."""
        token.is_dead = True
        self.retire(token)

    def end(self, token: Token) -> None:
        """Revoke a token that nobody holds any more, if that may be."""
        if token.may_be_revoked():
            token.is_dead = True  # never twice
            task = asyncio.create_task(self.revoke(token.access, token.auth))
            self.ending.add(task)
            task.add_done_callback(self.ending.discard)

    async def close(self, seconds: float = FAREWELL) -> None:
        """Take all tokens out of use, and wait until they are revoked, but not for long."""
        if self.under_way:  # a login that is given up would leave a token behind that nobody knows
            await asyncio.wait(self.under_way.values(), timeout=seconds)
        for token in list(self.kept.values()):
            self.retire(token)
        if self.ending:
            await asyncio.wait(self.ending, timeout=seconds)
