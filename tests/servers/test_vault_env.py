"""How the tests find the static vault-env, and what they say where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import vault_env
from tests.servers.errors import ServerMissing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever other tests of this process have found, or will find."""
    monkeypatch.delenv(vault_env.VARIABLE, raising=False)
    vault_env.ask_once.cache_clear()
    yield
    vault_env.ask_once.cache_clear()


def test_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "executable"
    path.write_text("#!/bin/sh\n")
    monkeypatch.setenv(vault_env.VARIABLE, str(path))
    with pytest.raises(ServerMissing, match=f"{vault_env.VARIABLE} is set to .*, which is no executable file"):
        vault_env.find_or_build_vault_env()
    path.chmod(0o755)
    vault_env.ask_once.cache_clear()
    assert vault_env.find_or_build_vault_env() == path


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "a-compiler-that-is-not-there")
    with pytest.raises(
        ServerMissing, match=r"run `make vault-env`, or put its path into .*; a-compiler-that-is-not-there is no C"
    ):
        vault_env.find_or_build_vault_env()


def test_build_that_failed_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fail() -> Path:
        calls.append(1)
        raise ServerMissing("no compiler")

    monkeypatch.setattr(vault_env, "build", fail)
    for _ in range(3):
        with pytest.raises(ServerMissing, match="no compiler"):
            vault_env.find_or_build_vault_env()
    assert len(calls) == 1
