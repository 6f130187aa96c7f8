"""What the arguments ask for, and the ends that nobody planned. Starting a command is for the process tests."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.fakes.native import FakeProcess
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.vaultenv import __main__ as program
from vault_secrets_webhook.vaultenv import copying, environ, launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def dispositions() -> Iterator[None]:
    """Give back what `SignalWatch` changes."""
    numbers = (*launch.IGNORED_BY_PYTHON, *launch.ENDING_SIGNALS)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def executable(monkeypatch: pytest.MonkeyPatch) -> FakeProcess:
    process = FakeProcess([b"PATH=/usr/bin:/bin", b"A=1", b"NO_SIGN"])
    for module in (program, environ, launch):
        monkeypatch.setattr(module, "process", process)
    return process


def test_executable_starts_a_command(executable: FakeProcess) -> None:
    program.run(["sh", "-c", "x"])
    (execution,) = executable.executed
    assert execution.argv == [b"sh", b"-c", b"x"]
    assert execution.entries == [b"PATH=/usr/bin:/bin", b"A=1", b"NO_SIGN"]


@pytest.mark.usefixtures("executable")
def test_executable_copies_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "running").write_bytes(b"ELF")
    monkeypatch.setattr(copying, "RUNNING", str(tmp_path / "running"))
    assert program.run(["copy", str(tmp_path), "tls"]) == 0
    assert (tmp_path / "vault-env").read_bytes() == b"ELF"
    assert (tmp_path / "tls").is_dir()


def test_command_of_the_name_is_started_behind_dashes(
    executable: FakeProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "copy").write_text("#!/bin/sh\n")
    (tmp_path / "copy").chmod(0o755)
    executable.started_with = [f"PATH={tmp_path}".encode()]
    monkeypatch.setattr(copying, "run", lambda *_: pytest.fail("it is copied"))
    program.run(["--", "copy", "x"])
    assert executable.executed[0].path == os.fsencode(tmp_path / "copy")


def test_help_names_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert program.run(["--help"]) == 0
    assert "copy DIR [MOUNT_POINT ...]" in capfd.readouterr().out


ENDS: list[tuple[str, type[BaseException], int, str]] = [
    ("signal before the watch", KeyboardInterrupt, 130, ""),
    ("out of memory", MemoryError, 1, "there is not enough memory: the container's memory limit is too low"),
    ("what nobody thought of", ValueError, 1, 'msg="internal error" app=vault-env kind=ValueError place=test_end'),
    ("no Exception at all", GeneratorExit, 1, "vault-env: internal error: GeneratorExit"),
]


@pytest.mark.parametrize(("kind", "code", "line"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_end(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    kind: type[BaseException],
    code: int,
    line: str,
) -> None:
    def fail(*_: object) -> int:
        raise kind("hunter2")

    monkeypatch.setattr(program, "start", fail)
    assert program.run(["true"]) == code
    output, errors = capfd.readouterr()
    assert line in errors
    assert (output, errors.count("\n")) == ("", bool(line))
    assert "hunter2" not in errors


def test_fault_that_cannot_be_logged(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(program, "start", fail)
    monkeypatch.setattr(Log, "error", fail)
    assert program.run(["true"]) == 1
    assert capfd.readouterr().err == "vault-env: internal error: MemoryError\n"
