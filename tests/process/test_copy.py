"""`vault-env copy` as a process. What an interpreter runs has no executable to copy, so a file stands in for it."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.process.runner import can_mount, run

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(__file__).parents[2] / "src"
USER = 65534
IS_ROOT = os.geteuid() == 0
# Starts what stands in for the executable: `copy` of the module, with the file that follows as what is running.
SCRIPT = """
import os, sys
sys.path.insert(0, sys.argv[1])
from vault_secrets_webhook.vaultenv import copying
if sys.argv[2] != str(os.geteuid()):  # when all is imported: not every interpreter can be read by everybody
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
sys.exit(copying.run(sys.argv[4:], sys.argv[3], "vault-env"))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may look into, unlike those of pytest."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def source(form: str, place: Path, request: pytest.FixtureRequest) -> Path:
    """What is to be copied: the executable, or what stands in for it."""
    path = place / "source"
    if form == "static":
        shutil.copy(request.getfixturevalue("executable"), path)
    else:
        path.write_bytes(os.urandom(1 << 20))
    path.chmod(0o755)
    return path


def command(form: str, source: Path, *arguments: object, user: int | None = None) -> list[str]:
    if form == "static":
        become = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        return [*become, str(source), "copy", *map(str, arguments)]
    words = [SOURCES, os.geteuid() if user is None else user, source, *arguments]
    return [sys.executable, "-I", "-S", "-c", SCRIPT, *map(str, words)]


def copy(form: str, source: Path, *arguments: object, user: int | None = None) -> tuple[int, str]:
    """The exit code, and what was printed."""
    ended = subprocess.run(
        command(form, source, *arguments, user=user),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        umask=0o077,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_copy_can_be_read_and_executed_by_all(form: str, source: Path, tmp_path: Path) -> None:
    assert copy(form, source, f"{tmp_path}/", "tls/", tmp_path / "secrets") == (0, "")
    assert (tmp_path / "vault-env").read_bytes() == source.read_bytes()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("vault-env", "tls", "secrets")]
    assert modes == [0o755] * 3


@pytest.mark.forms("static")
def test_copy_works_and_can_copy_itself(executable: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    for running, target in ((executable, first), (first / "vault-env", second), (second / "vault-env", second)):
        assert subprocess.run([running, "copy", target], capture_output=True, check=True, timeout=60).stdout == b""
    seen = subprocess.run([second / "vault-env", "echo", "ran"], capture_output=True, check=True, timeout=60, env={})
    assert (seen.stdout, seen.stderr) == (b"ran\n", b"")
    assert (second / "vault-env").read_bytes() == executable.read_bytes()


@pytest.mark.skipif(not IS_ROOT or shutil.which("setpriv") is None, reason="only root can become somebody else")
def test_copy_by_any_user(form: str, source: Path, place: Path) -> None:
    volume = place / "vault"
    volume.mkdir()
    volume.chmod(0o777)  # as an emptyDir is
    assert copy(form, source, volume, "tls", user=USER) == (0, "")
    assert [(path.name, path.stat().st_uid) for path in sorted(volume.iterdir())] == [
        ("tls", USER),
        ("vault-env", USER),
    ]
    volume.chmod(0o755)
    code, printed = copy(form, source, volume, user=USER)
    assert code == 1
    assert printed.startswith(f"vault-env copy: {volume}: Permission denied: user {USER} may not write there")


@pytest.mark.skipif(not can_mount(), reason="a file system cannot be mounted here")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("size=256k", "No space left on device: the volume needs more space (sizeLimit)"),
        ("ro", "Read-only file system: mount the volume without readOnly here"),
        ("nr_inodes=1", "No space left on device: the volume needs more space (sizeLimit)"),
    ],
)
def test_volume_that_takes_no_copy(form: str, source: Path, tmp_path: Path, options: str, message: str) -> None:
    volume = tmp_path / "vault"
    volume.mkdir()
    script = (
        f"mount -t tmpfs -o {options} none {shlex.quote(str(volume))} || exit 99\n"
        f"{shlex.join(command(form, source, volume))}; code=$?\n"
        f"ls -A {shlex.quote(str(volume))}; exit $code"
    )
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"vault-env copy: {volume}: {message}\n"


@pytest.mark.forms("static")
@pytest.mark.skipif(not can_mount(), reason="a file system cannot be mounted here")
def test_copy_in_a_container_with_nothing_else(source: Path, place: Path) -> None:
    """No shell, no loader, no library; without /proc it says so."""
    (place / "vault").mkdir()
    (place / "proc").mkdir()
    words = ["unshare", "--mount", "sh", "-c"]
    bare = ["chroot", str(place), f"/{source.name}", "copy", "/vault"]
    seen = subprocess.run([*words, shlex.join(bare)], capture_output=True, text=True, check=False, timeout=60)
    assert (seen.returncode, seen.stdout) == (1, "")
    assert seen.stderr.startswith("vault-env copy: /proc/self/exe: No such file or directory: ")
    script = f"mount -t proc none {shlex.quote(str(place / 'proc'))} && exec {shlex.join(bare)}"
    seen = subprocess.run([*words, script], capture_output=True, text=True, check=False, timeout=60)
    assert (seen.returncode, seen.stdout, seen.stderr) == (0, "", "")
    assert (place / "vault" / "vault-env").read_bytes() == source.read_bytes()


@pytest.mark.forms("interpreter")
def test_interpreter_is_not_copied(tmp_path: Path) -> None:
    seen = run({}, "copy", str(tmp_path))
    assert (seen.code, seen.output, list(tmp_path.iterdir())) == (1, b"", [])
    assert seen.log.startswith("vault-env copy: this vault-env is run by a Python interpreter")
    assert seen.log.count("\n") == 1


def test_usage() -> None:
    assert run({}, "copy") == (1, b"", "usage: vault-env copy DIR [MOUNT_POINT ...]\n")


def test_command_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text('#!/bin/sh\necho "ran $1"\n')
    (tmp_path / "copy").chmod(0o755)
    assert run({"PATH": str(tmp_path)}, "--", "copy", "x") == (0, b"ran x\n", "")
