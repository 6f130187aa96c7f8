"""Resolving names of registries: as the system does, and in nobody else's threads."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from tests.unit.webhook.looking import looking
from tests.unit.webhook.serving import in_loop, until
from vault_secrets_webhook.webhook.registry import names
from vault_secrets_webhook.webhook.registry.names import NameResolver, write_address


@in_loop
async def test_names_are_resolved_as_the_system_does() -> None:
    resolver = NameResolver()
    found = await resolver.resolve("localhost", 443)
    assert {(one["host"], one["port"], one["hostname"]) for one in found} <= {
        (host, 443, "localhost") for host in ("127.0.0.1", "::1")
    }
    assert found
    with pytest.raises(OSError, match=r"."):
        await resolver.resolve("nowhere.invalid", 443)
    await resolver.close()


@in_loop
async def test_a_silent_name_server_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    silent, threads = threading.Event(), []

    def look_up(*_: object) -> list[object]:
        threads.append(threading.current_thread().name)
        silent.wait()
        return []

    monkeypatch.setattr(names, "look_up", look_up)
    resolver = NameResolver()
    waiting = [asyncio.create_task(resolver.resolve(f"{number}.example")) for number in range(names.THREADS * 8)]
    await until(lambda: len(threads) == names.THREADS)
    # The loop's own threads are free, whoever else resolves in them.
    assert await asyncio.get_running_loop().run_in_executor(None, lambda: 1) == 1
    assert all(name.startswith("registry-names") for name in threads)
    await resolver.close()
    silent.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert len(threads) == names.THREADS  # what had not begun was given up


@in_loop
async def test_registries_are_looked_up_in_these_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def look_up(*_: object) -> list[object]:
        threads.append(threading.current_thread().name)
        raise OSError

    monkeypatch.setattr(names, "look_up", look_up)
    async with looking() as setting:
        await setting.fail(image="registry.example/app")
    assert threads
    assert all(name.startswith("registry-names") for name in threads)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (("192.0.2.1", 443), "192.0.2.1"),
        (("2001:db8::1", 443, 0, 0), "2001:db8::1"),
        (("fe80::1", 443, 0, 2), "fe80::1%2"),
        (("fe80::1%eth0", 443, 0, 2), "fe80::1%eth0"),
    ],
)
def test_address(place: tuple[object, ...], expected: str) -> None:
    assert write_address(place) == expected
    assert names.NUMERIC & socket.AI_NUMERICHOST
