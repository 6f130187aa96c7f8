"""Finding the command, and what the kernel would not take. What execve does is for the process tests."""

from __future__ import annotations

import errno
import os
import resource
import signal
from typing import TYPE_CHECKING

import pytest

from tests.fakes.native import Executed, Execution, FakeProcess
from vault_secrets_webhook.errors import Error, LaunchError
from vault_secrets_webhook.vaultenv import launch
from vault_secrets_webhook.vaultenv.launch import check_sizes, explain, find_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST = 32 * os.sysconf("SC_PAGE_SIZE") - 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`one/tool` and `two/tool` can be executed, `plain/tool` cannot, `folders/tool` is a directory."""
    for name in ("one", "two", "plain", "folders/tool"):
        (tmp_path / name).mkdir(parents=True)
    for name, mode in (("one/tool", 0o755), ("two/tool", 0o700), ("plain/tool", 0o644), ("here", 0o755)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    monkeypatch.chdir(tmp_path)
    return tmp_path


FOUND: list[tuple[str, str, str | None, str]] = [
    ("first of several", "tool", "one:two", "one/tool"),
    ("behind a missing folder", "tool", "gone:two", "two/tool"),
    ("behind one that cannot be executed", "tool", "plain:two", "two/tool"),
    ("behind a directory", "tool", "folders:two", "two/tool"),
    ("empty part is the working directory", "here", "one::two", "./here"),
    ("empty PATH is the working directory", "here", "", "./here"),
    ("with a slash PATH is not asked", "two/tool", "one", "two/tool"),
    ("no PATH at all", "sh", None, "sh"),
]


@pytest.mark.parametrize(("command", "path", "expected"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
@pytest.mark.usefixtures("folder")
def test_found(command: str, path: str | None, expected: str) -> None:
    found = find_command(command, path)
    assert found == expected if path is not None else found.endswith(f"bin/{expected}")


NOT_FOUND: list[tuple[str, str, str, int, str]] = [
    ("nowhere", "nothing", "one:two", 127, "nothing: command not found in PATH"),
    ("empty", "", "one:two", 127, "the command is empty"),
    ("no such path", "./gone", "one", 127, r"\./gone: No such file or directory"),
    ("file as a folder", "here/tool", "one", 127, "here/tool: Not a directory"),
    ("cannot be executed", "tool", "plain", 126, "plain/tool: permission denied"),
    ("path that cannot be executed", "plain/tool", "", 126, "plain/tool: permission denied"),
    ("directory", "./one", "", 126, r"\./one: is a directory"),
    ("directory in PATH", "tool", "folders", 126, "folders/tool: is a directory"),
]


@pytest.mark.parametrize(
    ("command", "path", "code", "message"), [row[1:] for row in NOT_FOUND], ids=[row[0] for row in NOT_FOUND]
)
@pytest.mark.usefixtures("folder")
def test_not_found(command: str, path: str, code: int, message: str) -> None:
    with pytest.raises(LaunchError, match=message) as raised:
        find_command(command, path)
    assert raised.value.exit_code == code


def test_folder_that_may_not_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(LaunchError) as raised:
        find_command("/locked/tool", None)
    assert raised.value.exit_code == 126


def test_longest_variable() -> None:
    check_sizes("x", [], [b"A=" + b"x" * (LONGEST - 2)])
    with pytest.raises(Error, match=rf"^PASSWORD: {LONGEST + 1} bytes, but the kernel takes at most {LONGEST} for a"):
        check_sizes("x", [], [b"B=1", b"PASSWORD=".ljust(LONGEST + 1, b"x")])


def test_nul_names_the_variable() -> None:
    with pytest.raises(Error, match=r"^PASSWORD: the value has a NUL byte in it") as raised:
        check_sizes("x", [], [b"PASSWORD=hunter2\0hunter2"])
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("stack", "limit"),
    [
        (8 * 1024 * 1024, 2 * 1024 * 1024),
        (resource.RLIM_INFINITY, 6 * 1024 * 1024),
        (1024 * 1024 * 1024, 6 * 1024 * 1024),
        (64 * 1024, 128 * 1024),
    ],
)
def test_total(stack: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (stack, stack))
    assert launch.total_limit() == limit
    entries = [b"V%d=" % number + b"x" * 50_000 for number in range(limit // 50_012)]
    check_sizes("x", [], entries)
    with pytest.raises(Error, match=rf"the kernel takes at most {limit}; the largest variable is LARGE with 60006"):
        check_sizes("x", [], [*entries, b"LARGE=" + b"x" * 60_000])


def test_pointers_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many short strings, the pointers to them are the larger part."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    check_sizes("x", [], [b"A="] * (128 * 1024 // 11 - 1))
    with pytest.raises(Error, match="the kernel takes at most 131072"):
        check_sizes("x", [], [b"A="] * (128 * 1024 // 11 + 1))


def test_path_and_arguments_count() -> None:
    long = "x" * 100_000
    with pytest.raises(Error, match="the kernel takes at most"):
        check_sizes(long, [long.encode()] * 60, [])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "the interpreter of its #! line, or its dynamic loader, is not in the container"),
        (errno.ENOEXEC, "neither a program for this machine nor a script"),
        (errno.E2BIG, "Argument list too long"),
    ],
)
def test_why_the_kernel_refused(number: int, words: str) -> None:
    assert words in explain(OSError(number, os.strerror(number)))


@pytest.fixture
def dispositions() -> Iterator[None]:
    """Of all signals that a `SignalWatch` has to do with; given back behind the test."""
    numbers = (*launch.IGNORED_BY_PYTHON, *launch.ENDING_SIGNALS)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


HELD = (signal.SIGPIPE, signal.SIGXFSZ)


@pytest.mark.parametrize("ignored", [(), (signal.SIGPIPE,), (signal.SIGXFSZ,), HELD])
@pytest.mark.usefixtures("dispositions")
def test_what_the_executable_was_started_with_is_given_back(
    monkeypatch: pytest.MonkeyPatch, ignored: tuple[signal.Signals, ...]
) -> None:
    for number in HELD:
        signal.signal(number, signal.SIG_IGN)  # as the executable does at its start
    monkeypatch.setattr(launch, "process", FakeProcess(ignored=ignored))
    launch.SignalWatch().restore()
    assert tuple(number for number in HELD if signal.getsignal(number) is signal.SIG_IGN) == ignored
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


@pytest.mark.usefixtures("dispositions")
def test_interpreter_makes_them_default() -> None:
    for number in HELD:
        signal.signal(number, signal.SIG_IGN)
    launch.SignalWatch().restore()
    assert [signal.getsignal(number) for number in HELD] == [signal.SIG_DFL] * 2


@pytest.mark.parametrize("entries", [[b"A=1", b"B="], [b"NO_SIGN", b"", b"A=1", b"A=2"]])
@pytest.mark.usefixtures("dispositions")
def test_executable_asks_the_kernel_itself(monkeypatch: pytest.MonkeyPatch, entries: list[bytes]) -> None:
    process = FakeProcess()
    monkeypatch.setattr(launch, "process", process)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("a dictionary is made"))
    with pytest.raises(Executed):
        launch.execute("/bin/t\udcff", [b"t", b"x"], entries, launch.SignalWatch())
    assert process.executed == [Execution(b"/bin/t\xff", [b"t", b"x"], entries)]


@pytest.mark.usefixtures("dispositions")
def test_executable_tells_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = OSError(errno.ENOEXEC, os.strerror(errno.ENOEXEC))
    monkeypatch.setattr(launch, "process", FakeProcess(failure=failure))
    with pytest.raises(LaunchError, match=r"^/x: cannot be started: neither a program for this machine") as raised:
        launch.execute("/x", [b"x"], [], launch.SignalWatch())
    assert raised.value.exit_code == 126
