"""The life of tokens: one login for many, one revocation for each, and none where it would hurt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.vault.api import Auth
from vault_secrets_webhook.webhook.vaultaccess import tokens as lives
from vault_secrets_webhook.webhook.vaultaccess.access import Access, Account, Connection
from vault_secrets_webhook.webhook.vaultaccess.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from vault_secrets_webhook.wire.jsontext import JSON

CONNECTION = Connection("VAULT_", (("VAULT_ADDR", "https://v"),))
NEVER = 3600.0


def make_access(role: str = "default", account: Account | None = None) -> Access:
    return Access(CONNECTION, is_own=True, method="jwt", mount="kubernetes", role=role, account=account)


OWN, OTHER = make_access(), make_access("other")
TENANT = make_access(account=Account("shop", "app"))


class Server:
    """Counts logins and revocations. `life` is the lease of a token, `failures` what the next logins raise."""

    def __init__(self, life: str = "3600", kind: str = "service") -> None:
        self.logins: list[Access] = []
        self.revoked: list[str] = []
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fields: dict[str, JSON] = {"lease_duration": life, "token_type": kind}

    async def log_in(self, access: Access) -> Auth:
        self.logins.append(access)
        number = len(self.logins)
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return Auth(f"token-{number}", self.fields)

    async def revoke(self, _: Access, auth: Auth) -> None:
        self.revoked.append(auth.token)


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody tells when it becomes true
            await asyncio.sleep(0)


async def use(tokens: Tokens, access: Access = OWN) -> str:
    async with tokens.hold(access) as token:
        return token.auth.token


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(work)


def test_one_login_serves_many_and_ends_at_shutdown() -> None:
    async def work() -> None:
        server = Server()
        tokens = Tokens(server.log_in, server.revoke)
        assert [await use(tokens) for _ in range(5)] == ["token-1"] * 5
        assert server.revoked == []
        await tokens.close()
        assert (len(server.logins), server.revoked) == (1, ["token-1"])

    run(work())


def test_those_who_ask_meanwhile_wait_for_the_same_login() -> None:
    async def work() -> None:
        server = Server()
        server.gate.clear()
        tokens = Tokens(server.log_in, server.revoke)
        waiting = [asyncio.create_task(use(tokens)) for _ in range(5)]
        await wait_for(lambda: bool(server.logins))
        waiting[0].cancel()  # whoever gives up does not take it away from the others
        server.gate.set()
        assert await asyncio.gather(*waiting[1:]) == ["token-1"] * 4
        assert len(server.logins) == 1

    run(work())


def test_a_failed_login_is_told_to_all_who_wait_and_then_forgotten() -> None:
    async def work() -> None:
        server = Server()
        server.gate.clear()
        server.failures = [ValueError("no")]
        tokens = Tokens(server.log_in, server.revoke)
        waiting = [asyncio.create_task(use(tokens)) for _ in range(3)]
        await wait_for(lambda: bool(server.logins))
        server.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(result) for result in results] == ["no"] * 3
        assert await use(tokens) == "token-2"

    run(work())


def test_each_identity_has_its_own() -> None:
    async def work() -> None:
        server = Server()
        tokens = Tokens(server.log_in, server.revoke, idle=NEVER)
        assert {await use(tokens, one) for one in (OWN, OTHER, TENANT)} == {"token-1", "token-2", "token-3"}
        await tokens.close()
        assert sorted(server.revoked) == ["token-1", "token-2", "token-3"]

    run(work())


def test_the_token_of_a_tenant_goes_when_nobody_uses_it() -> None:
    async def work() -> None:
        server = Server()
        tokens = Tokens(server.log_in, server.revoke, idle=0)
        async with tokens.hold(TENANT) as token:
            await asyncio.sleep(0)
            assert (token.is_retired, server.revoked) == (False, [])
        await wait_for(lambda: server.revoked == ["token-1"])
        assert await use(tokens, TENANT) == "token-2"

    run(work())


def test_a_token_at_the_end_of_its_life_is_replaced_but_not_under_those_who_use_it() -> None:
    async def work() -> None:
        server = Server(life="1")
        tokens = Tokens(server.log_in, server.revoke)
        async with tokens.hold(OWN) as token:
            tokens.retire(token)
            server.fields["lease_duration"] = "3600"
            assert await use(tokens) == "token-2"
            assert server.revoked == []
        await wait_for(lambda: server.revoked == ["token-1"])
        assert await use(tokens) == "token-2"

    run(work())


def test_a_token_retires_by_itself() -> None:
    async def work() -> None:
        server = Server(life="1")
        tokens = Tokens(server.log_in, server.revoke)
        await use(tokens)
        async with asyncio.timeout(10):
            while not server.revoked:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        assert tokens.kept == {}

    run(work())


KEPT = ["leases", "batch", "dead"]


@pytest.mark.parametrize("why", KEPT)
def test_what_must_not_be_revoked(why: str) -> None:
    async def work() -> None:
        server = Server(kind="batch" if why == "batch" else "service")
        tokens = Tokens(server.log_in, server.revoke)
        async with tokens.hold(OWN) as token:
            token.has_leases = why == "leases"
            if why == "dead":
                tokens.discard(token)
        assert await use(tokens) == ("token-2" if why == "dead" else "token-1")
        server.revoked.clear()
        await tokens.close()
        assert server.revoked == (["token-2"] if why == "dead" else [])

    run(work())


def test_their_number_is_bounded() -> None:
    async def work() -> None:
        server = Server()
        tokens = Tokens(server.log_in, server.revoke, size=2)
        for role in ("a", "b", "a", "c"):
            await use(tokens, make_access(role))
        await wait_for(lambda: server.revoked == ["token-2"])  # of b, which was not used the longest
        assert [access.role for access in tokens.kept] == ["a", "c"]

    run(work())


def test_a_login_that_everybody_has_given_up_leaves_no_token_of_a_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "ORPHANED", 0)

    async def work() -> None:
        server = Server()
        server.gate.clear()
        tokens = Tokens(server.log_in, server.revoke, idle=0)
        waiting = asyncio.create_task(use(tokens, TENANT))
        await wait_for(lambda: bool(server.logins))
        waiting.cancel()
        server.gate.set()
        await wait_for(lambda: server.revoked == ["token-1"])
        assert tokens.kept == {}

    run(work())


def test_the_webhooks_own_token_is_kept_though_nobody_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "ORPHANED", 0)

    async def work() -> None:
        server = Server()
        tokens = Tokens(server.log_in, server.revoke, idle=0)
        await use(tokens, OWN)
        await use(tokens, TENANT)
        await wait_for(lambda: server.revoked == ["token-2"])
        assert await use(tokens, OWN) == "token-1"

    run(work())


def test_a_token_that_is_used_again_in_time_stays() -> None:
    async def work() -> None:
        server = Server()
        tokens = Tokens(server.log_in, server.revoke, idle=0)
        async with tokens.hold(TENANT):
            pass
        async with tokens.hold(TENANT) as token:
            for _ in range(10):
                await asyncio.sleep(0)
            assert (token.auth.token, token.is_retired) == ("token-1", False)

    run(work())


def test_the_end_of_a_discarded_token_leaves_its_successor_alone() -> None:
    async def work() -> None:
        server = Server()
        tokens = Tokens(server.log_in, server.revoke)
        async with tokens.hold(OWN) as first, tokens.hold(OWN) as same:
            assert first is same
            tokens.discard(first)
            assert await use(tokens) == "token-2"
            tokens.discard(same)
        assert await use(tokens) == "token-2"
        assert server.revoked == []

    run(work())


def test_shutting_down_waits_for_a_login_under_way() -> None:
    async def work() -> None:
        server = Server()
        server.gate.clear()
        tokens = Tokens(server.log_in, server.revoke)
        waiting = asyncio.create_task(use(tokens))
        await wait_for(lambda: bool(server.logins))
        waiting.cancel()
        closing = asyncio.create_task(tokens.close())
        await asyncio.sleep(0)
        server.gate.set()
        await closing
        assert server.revoked == ["token-1"]

    run(work())


def test_a_token_without_an_end_is_used_for_a_limited_time() -> None:
    async def work() -> None:
        server = Server(life="0")
        tokens = Tokens(server.log_in, server.revoke)
        async with tokens.hold(OWN) as token:
            assert token.life is not None
            left = token.life.when() - asyncio.get_running_loop().time()
        assert lives.LONGEST_USE / 2 < left <= lives.LONGEST_USE
        await tokens.close()

    run(work())
