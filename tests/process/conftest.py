"""What the process tests share: the vault-env that they run, a Vault that answers as told, and certificates.

Every test of a module that uses `runner` runs twice: `interpreter` and `static`. `@pytest.mark.forms("static")`, or
`pytestmark` for a module, says that it is about one of them only.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.conftest import report_missing
from tests.fakes.certificates import Authority
from tests.fakes.server import FakeServer
from tests.fakes.vault import auth, kv1, kv2, serve_paths
from tests.process.runner import COMMAND, INTERPRETED, run, run_with_entries, start, take_ignored_signals
from tests.servers.errors import ServerMissing
from tests.servers.vault_env import find_or_build_vault_env

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a module has that starts vault-env.
STARTERS = (COMMAND, run, run_with_entries, start)
# The static executable has to be built, as a server may have to be.
FORMS = {"interpreter": pytest.param("interpreter"), "static": pytest.param("static", marks=pytest.mark.servers)}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "forms(*names): run with these of `interpreter` and `static` only")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that start vault-env with each of the two."""
    marker = metafunc.definition.get_closest_marker("forms")
    if marker is not None or any(value is starter for value in vars(metafunc.module).values() for starter in STARTERS):
        names = marker.args if marker is not None else tuple(FORMS)
        metafunc.parametrize("form", [FORMS[name] for name in names], indirect=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what has to be built before the clock of the first test runs (pytest-timeout)."""
    forms = [item.callspec.params.get("form") for item in session.items if hasattr(item, "callspec")]
    if "static" in forms:
        with suppress(ServerMissing):
            find_or_build_vault_env()


@pytest.fixture(autouse=True)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which vault-env the test runs; set before the test's other fixtures are made."""
    name: str = getattr(request, "param", "interpreter")
    monkeypatch.setattr(COMMAND, "words", (str(provide_executable()),) if name == "static" else INTERPRETED)
    return name


def provide_executable() -> Path:
    try:
        return find_or_build_vault_env()
    except ServerMissing as error:
        report_missing(error)


@pytest.fixture
def executable(form: str) -> Path:
    """The static vault-env as a file, for tests about it alone."""
    assert form == "static", "mark the test by forms('static')"
    return provide_executable()


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
