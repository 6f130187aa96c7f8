"""What the process tests share: a Vault that answers as told, and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.server import FakeServer
from tests.fakes.vault import auth, kv1, kv2, serve_paths
from tests.process.runner import take_ignored_signals

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def default_signals() -> None:
    """Of the processes that the tests start."""
    take_ignored_signals()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


PATHS = {
    "secret/data/app": kv2({"user": "app-user", "password": "app-password"}),
    "kv/plain": kv1({"n": 1.5, "map": {"a": [1]}, "none": None}),
    "auth/kubernetes/login": auth(),
}


@pytest.fixture
def vault() -> Iterator[FakeServer]:
    """A Vault with the secrets of PATHS; a test may put other answers in its place."""
    with FakeServer(serve_paths(PATHS)) as server:
        yield server


@pytest.fixture
def environ(vault: FakeServer) -> dict[str, str]:
    """What an application of that Vault is started with."""
    return {"VAULT_ADDR": vault.address, "VAULT_TOKEN": "the-token", "VAULT_CLIENT_TIMEOUT": "5s"}
