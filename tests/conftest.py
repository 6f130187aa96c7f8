"""The fixtures that all tests share: real servers, and a secret to look for."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.errors import ServerMissing
from tests.servers.kubernetes import ApiServer
from tests.servers.openbao import OpenBao

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

S = TypeVar("S")

# How long an example takes says more about the machine than about us.
settings.register_profile("untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Whatever requests one of these needs a server.
_SERVER_FIXTURES = frozenset({"api_server", "fresh_openbao", "openbao", "openbao_tls"})


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that requests a server, directly or through another fixture."""
    for item in items:
        if not _SERVER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)


@pytest.fixture
def canary() -> str:
    """A secret that no other test knows, so that wherever it turns up this test put it there."""
    return f"canary-{secrets.token_hex(16)}"


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """An OpenBao over plain HTTP, shared: use paths, mounts and names of your own, and do not seal it."""
    with _start(OpenBao) as server:
        yield server


@pytest.fixture(scope="session")
def openbao_tls() -> Iterator[OpenBao]:
    """An OpenBao over TLS, shared like `openbao`."""
    with _start(lambda: OpenBao(tls=True)) as server:
        yield server


@pytest.fixture
def fresh_openbao() -> Iterator[OpenBao]:
    """An OpenBao of the test's own, over plain HTTP, to seal or to stop."""
    with _start(OpenBao) as server:
        yield server


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """A kube-apiserver with its etcd, shared: use namespaces of your own."""
    with _start(ApiServer) as server:
        yield server


def _start(start: Callable[[], S]) -> S:
    try:
        return start()
    except ServerMissing as error:
        report_missing(error)


def report_missing(error: ServerMissing) -> NoReturn:
    """Skip the test; where `CI` is set, fail it."""
    if os.environ.get("CI"):
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))
