"""Becoming the command: arguments, exit codes, signals, descriptors, and the same process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import Reply, Silence
from tests.fakes.vault import kv1
from tests.process.runner import COMMAND, PATH, finish, run, start, take_ignored_signals
from tests.servers.process import poll
from vault_secrets_webhook import __version__

if TYPE_CHECKING:
    from tests.fakes.server import Asked, FakeServer

REFERENCE = {"A": "vault:secret/data/app#user"}


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (("printf", "%s|", "a b", "", "--", "$HOME", "-x"), b"a b||--|$HOME|-x|"),
        (("--", "printf", "%s|", "--version"), b"--version|"),
        (("--", "--", "x"), None),
        (("/bin/echo", "größe", os.fsdecode(b"\xff\xfe")), b"gr\xc3\xb6\xc3\x9fe \xff\xfe\n"),
    ],
)
@pytest.mark.parametrize(
    "locale", [{}, {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}]
)
def test_arguments(command: tuple[str, ...], output: bytes | None, locale: dict[str, str]) -> None:
    seen = run(locale, *command)
    if output is None:
        assert (seen.code, seen.output) == (127, b"")
        assert "--: command not found" in seen.log
    else:
        assert (seen.code, seen.output, seen.log) == (0, output, "")


def test_version() -> None:
    assert run({}, "--version") == (0, f"vault-env {__version__}\n".encode(), "")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(option: str) -> None:
    seen = run({}, option)
    assert (seen.code, seen.log) == (0, "")
    assert seen.output.startswith(b"usage: vault-env [--] COMMAND")
    assert seen.output.count(b"\n") == 1


@pytest.mark.parametrize("option", ["--version", "--help"])
@pytest.mark.parametrize(("stream", "code"), [(">&-", 0), (">/dev/full", 1)])
def test_answer_that_nobody_can_read(option: str, stream: str, code: int) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {stream}', "sh", *COMMAND, option], capture_output=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (code, b"")


@pytest.mark.parametrize("command", [(), ("--",)], ids=["nothing", "dashes"])
def test_no_command(command: tuple[str, ...]) -> None:
    ended = subprocess.run([*COMMAND, *command], env={}, capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"no command is given" in ended.stderr
    assert b"usage: vault-env [--] COMMAND" in ended.stderr


@pytest.mark.parametrize("code", [0, 1, 7, 127])
def test_exit_code_is_the_command_s(code: int) -> None:
    assert run({}, "sh", "-c", f"exit {code}").code == code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files: list[tuple[str, bytes, int]] = [
        ("plain", b"#!/bin/sh\n", 0o644),
        ("script", b"#!/bin/sh\necho ran\n", 0o755),
        ("no-interpreter", b"#!/gone/interpreter\n", 0o755),
        ("no-line", b"echo ran\n", 0o755),
        ("foreign", b"\x7fELF\x02\x01\x01" + bytes(100), 0o755),
        ("empty", b"", 0o755),
    ]
    for name, content, mode in files:
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)
    (tmp_path / "folder").mkdir()
    return tmp_path


NOT_STARTED: list[tuple[str, int, str]] = [
    ("nothing-of-this-name", 127, "nothing-of-this-name: command not found in PATH"),
    ("", 127, "the command is empty"),
    ("./gone", 127, "./gone: No such file or directory"),
    ("script/x", 127, "Not a directory"),
    ("./plain", 126, "./plain: permission denied: the file is not executable"),
    ("plain", 126, "plain: permission denied"),
    ("./folder", 126, "./folder: is a directory"),
    ("./no-interpreter", 126, "the interpreter of its #! line, or its dynamic loader, is not in the container"),
    ("./no-line", 126, "neither a program for this machine nor a script with a #! line"),
    ("./foreign", 126, "neither a program for this machine nor a script with a #! line"),
    ("./empty", 126, "neither a program for this machine nor a script with a #! line"),
]


@pytest.mark.parametrize(("command", "code", "message"), NOT_STARTED)
def test_command_that_cannot_be_started(folder: Path, command: str, code: int, message: str) -> None:
    seen = run({"PATH": f"/usr/bin:{folder}"}, command, cwd=str(folder))
    assert (seen.code, seen.output) == (code, b"")
    assert message in seen.log
    assert seen.log.count("\n") == 1


def test_command_is_looked_for_before_vault_is_asked(vault: FakeServer, environ: dict[str, str]) -> None:
    assert run(environ | REFERENCE, "nothing-of-this-name").code == 127
    assert vault.asked == []


def test_script_and_path_of_the_container(folder: Path) -> None:
    assert run({"PATH": str(folder)}, "script").output == b"ran\n"
    assert run({"PATH": ""}, "script", cwd=str(folder)).output == b"ran\n"


@pytest.mark.parametrize("has_reference", [False, True])
def test_same_process(environ: dict[str, str], has_reference: bool) -> None:
    process = start({**environ, **(REFERENCE if has_reference else {})}, "sh", "-c", "echo $$ $PPID")
    assert finish(process).output.split() == [str(process.pid).encode(), str(os.getpid()).encode()]


def read_status(output: bytes) -> dict[str, int]:
    """The signal sets of /proc/PID/status as numbers, without glibc's own signals, which its posix_spawn ignores."""
    fields = [line.split(":") for line in output.decode().splitlines()]
    own = bit(32, 33)
    return {name: int(value, 16) & ~own for name, value in fields if name in {"SigBlk", "SigIgn", "SigCgt", "SigPnd"}}


@pytest.mark.parametrize("has_reference", [False, True])
def test_signals_are_as_a_fresh_process_has_them(environ: dict[str, str], has_reference: bool) -> None:
    seen = run({**environ, **(REFERENCE if has_reference else {})}, "cat", "/proc/self/status")
    assert read_status(seen.output) == {"SigBlk": 0, "SigIgn": 0, "SigCgt": 0, "SigPnd": 0}


def bit(*numbers: int) -> int:
    return sum(1 << (number - 1) for number in numbers)


@pytest.mark.parametrize("has_reference", [False, True])
def test_signals_that_were_ignored_or_blocked_stay_so(environ: dict[str, str], has_reference: bool) -> None:
    """SIGPIPE and SIGXFSZ were not: the interpreter of `prepare` ignores them itself."""
    ignored, blocked = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1), (signal.SIGUSR2, signal.SIGTERM)
    words = [*COMMAND, "cat", "/proc/self/status"]
    prepare = f"import os, signal, sys; [signal.signal(n, signal.SIG_IGN) for n in {[*map(int, ignored)]}]; "
    prepare += "[signal.signal(n, signal.SIG_DFL) for n in (signal.SIGPIPE, signal.SIGXFSZ)]; "
    prepare += f"signal.pthread_sigmask(signal.SIG_BLOCK, {[*map(int, blocked)]}); os.execv(sys.argv[1], sys.argv[1:])"
    ended = subprocess.run(
        [sys.executable, "-c", prepare, *words],
        env={"PATH": PATH, **environ, **(REFERENCE if has_reference else {})},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert read_status(ended.stdout) == {"SigBlk": bit(*blocked), "SigIgn": bit(*ignored), "SigCgt": 0, "SigPnd": 0}


@pytest.mark.forms("static")
@pytest.mark.parametrize("ignored", [(), (signal.SIGPIPE,), (signal.SIGXFSZ,), (signal.SIGPIPE, signal.SIGXFSZ)])
def test_executable_knows_all_that_was_ignored(executable: Path, ignored: tuple[signal.Signals, ...]) -> None:
    prepare = "import os, signal, sys; [signal.signal(n, signal.SIG_DFL) for n in (signal.SIGPIPE, signal.SIGXFSZ)]; "
    prepare += (
        f"[signal.signal(n, signal.SIG_IGN) for n in {[*map(int, ignored)]}]; os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = [sys.executable, "-c", prepare, str(executable), "cat", "/proc/self/status"]
    ended = subprocess.run(words, env={"PATH": PATH}, capture_output=True, check=True, timeout=60)
    assert read_status(ended.stdout)["SigIgn"] == bit(*ignored)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signal_ends_the_wait_for_vault(vault: FakeServer, environ: dict[str, str], number: int) -> None:
    vault.answer = lambda _: Silence()
    process = start({**environ, **REFERENCE, "B": "vault:secret/data/b#x", "VAULT_CLIENT_TIMEOUT": "10m"}, "true")
    poll(lambda: len(vault.asked) == 2, what="both requests")
    process.send_signal(number)
    assert finish(process).code == 128 + number


NEW_NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
has_namespaces = subprocess.run([*NEW_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_namespaces, reason="needs unshare and PID namespaces of one's own")
@pytest.mark.parametrize("waits", ["for Vault", "for the delay"])
def test_signal_ends_the_wait_of_pid_1(vault: FakeServer, environ: dict[str, str], waits: str) -> None:
    """The kernel gives PID 1 no signal that it does not ask for."""
    given = {"VAULT_ENV_DELAY": "10m"} if waits == "for the delay" else REFERENCE
    vault.answer = lambda _: Silence()
    process = subprocess.Popen(
        [*NEW_NAMESPACE, *COMMAND, "true"],
        env={"PATH": PATH, **environ, **given, "VAULT_CLIENT_TIMEOUT": "10m", "VAULT_LOG_LEVEL": "debug"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    first = int(poll(children.read_text, what="PID 1").split()[0])
    poll(
        lambda: "SigBlk:\t0000000000004007" in Path(f"/proc/{first}/status").read_text(), what="its watch over signals"
    )
    if waits == "for Vault":
        poll(lambda: vault.asked, what="the request")
    os.kill(first, signal.SIGTERM)
    assert finish(process).code == 143


WITHOUT_THREADS = """
import sys
from vault_secrets_webhook.vaultenv import __main__, launch, parallel
def refuse(*arguments):
    raise RuntimeError
launch.start_new_thread = parallel.start_new_thread = refuse
sys.exit(__main__.run(["true"]))
"""


@pytest.mark.forms("interpreter")  # which is told to refuse; see test_static_container.py for the executable
def test_signal_ends_the_wait_where_no_more_threads_are_allowed(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = lambda _: Silence()
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_THREADS],
        env={"PATH": PATH, **environ, **REFERENCE, "B": "vault:secret/data/b#x", "VAULT_CLIENT_TIMEOUT": "10m"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    poll(lambda: vault.asked, what="the first request")

    def is_ended() -> bool:
        process.terminate()
        return process.poll() is not None

    poll(is_ended, what="the end")
    assert finish(process).code == 143


def test_signal_ends_the_delay(environ: dict[str, str]) -> None:
    process = start({**environ, **REFERENCE, "VAULT_ENV_DELAY": "10m", "VAULT_REVOKE_TOKEN": "false"}, "true")
    assert process.stderr is not None
    assert b"secrets are injected" in process.stderr.readline()
    process.terminate()
    assert finish(process).code == 143


def test_ignored_signal_does_not_end_the_wait(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = lambda _: Silence()
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", ignoring, *COMMAND, "true"],
        env={"PATH": PATH, **environ, **REFERENCE, "VAULT_CLIENT_TIMEOUT": "10m"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    poll(lambda: vault.asked, what="the request")
    process.send_signal(signal.SIGHUP)
    process.terminate()
    assert finish(process).code == 143


LIST_DESCRIPTORS = """
import os
def is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:
        return False
print(*filter(is_open, range(1024)))
"""


@pytest.mark.parametrize("has_reference", [False, True])
def test_no_descriptor_leaks(environ: dict[str, str], has_reference: bool) -> None:
    command = (sys.executable, "-I", "-S", "-c", LIST_DESCRIPTORS)
    assert run({**environ, **(REFERENCE if has_reference else {})}, *command).output == b"0 1 2\n"


def test_descriptor_of_the_parent_is_handed_on(environ: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        script = f"import os; os.write({file.fileno()}, b'hello')"
        subprocess.run(
            [*COMMAND, sys.executable, "-I", "-S", "-c", script],
            env={"PATH": PATH, **environ, **REFERENCE},
            pass_fds=[file.fileno()],
            check=True,
            timeout=60,
        )
    assert (tmp_path / "file").read_text() == "hello"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_standard_streams_may_be_closed(environ: dict[str, str], closed: int, tmp_path: Path) -> None:
    result = tmp_path / "result"
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", *COMMAND, "sh", "-c", f'echo "$A" > {result}'],
        env={"PATH": PATH, **environ, **REFERENCE},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, result.read_text()) == (0, "app-user\n")


@pytest.mark.parametrize("closed", [(0,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams_are_no_connection_and_stay_closed(
    vault: FakeServer, environ: dict[str, str], closed: tuple[int, ...], tmp_path: Path
) -> None:
    """What is written to standard error must not go to Vault. While it waits for it, its streams lead nowhere."""
    go_on = threading.Event()

    def answer(asked: Asked) -> Reply:
        assert go_on.wait(60)
        return Reply(200, kv1({"user": asked.path}))

    vault.answer = answer
    result = tmp_path / "result"
    script = f"{LIST_DESCRIPTORS.replace('print(*', 'there = list(')}open({str(result)!r}, 'w').write(str(there))"
    closing = " ".join(f"{number}>&-" for number in closed)
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" {closing}', "sh", *COMMAND, sys.executable, "-I", "-S", "-c", script],
        env={"PATH": PATH, **environ, **REFERENCE, "VAULT_LOG_LEVEL": "debug", "VAULT_CLIENT_TIMEOUT": "60s"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        poll(lambda: vault.asked, what="the request")
        assert {Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in closed} == {Path("/dev/null")}
    finally:
        go_on.set()
    assert process.wait(60) == 0
    assert result.read_text() == str([number for number in (0, 1, 2) if number not in closed])


def test_processes_of_the_tests_do_not_depend_on_who_started_them() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        assert read_status(run({}, "cat", "/proc/self/status").output)["SigIgn"] == bit(signal.SIGUSR1)
        take_ignored_signals()
        assert read_status(run({}, "cat", "/proc/self/status").output)["SigIgn"] == 0
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_delay(environ: dict[str, str]) -> None:
    before = time.monotonic()
    assert run({**environ, **REFERENCE, "VAULT_ENV_DELAY": "300ms"}, "true").code == 0
    assert time.monotonic() - before >= 0.3
