"""`vault-env copy`: the whole executable or none, for every user, and what is said when it cannot be."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.vaultenv import copying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 4096  # four times what is copied at once


@pytest.fixture(autouse=True)
def strict_umask() -> Iterator[None]:
    """Of a container that hides what it makes."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "source").write_bytes(CONTENT)
    return str(tmp_path / "source")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "vault").mkdir()
    return tmp_path / "vault"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("end", ["", "/", "/."])
def test_copy(source: str, volume: Path, end: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert copying.run([f"{volume}{end}"], source, "vault-env") == 0
    assert names_in(volume) == ["vault-env"]
    assert (volume / "vault-env").read_bytes() == CONTENT
    assert mode_of(volume / "vault-env") == 0o755
    assert capfd.readouterr() == ("", "")


def test_what_is_there_is_replaced_in_one_step(source: str, volume: Path) -> None:
    """Who runs or reads the old one is not disturbed."""
    (volume / "vault-env").write_bytes(b"old")
    with (volume / "vault-env").open("rb") as old:
        assert copying.run([str(volume)], source, "vault-env") == 0
        assert old.read() == b"old"
    assert (volume / "vault-env").read_bytes() == CONTENT


def test_link_is_replaced_and_not_followed(source: str, volume: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    (volume / "vault-env").symlink_to(tmp_path / "other")
    (volume / f".vault-env.{os.getpid()}").symlink_to(tmp_path / "other")
    assert copying.run([str(volume)], source, "vault-env") == 0
    assert (tmp_path / "other").read_bytes() == b"other"
    assert not (volume / "vault-env").is_symlink()


def test_remains_of_a_killed_copy_are_no_obstacle(source: str, volume: Path) -> None:
    (volume / f".vault-env.{os.getpid()}").write_bytes(b"half")
    assert copying.run([str(volume)], source, "vault-env") == 0
    assert names_in(volume) == ["vault-env"]
    assert (volume / "vault-env").read_bytes() == CONTENT


def test_mount_points(source: str, volume: Path, tmp_path: Path) -> None:
    (volume / "there").mkdir(mode=0o700)
    points = ["tls/", "a/b", str(tmp_path / "absolute" / "c"), str(volume / "secrets"), "there", ""]
    assert copying.run([str(volume), *points], source, "vault-env") == 0
    made = [volume / "tls", volume / "a", volume / "a" / "b", tmp_path / "absolute" / "c", volume / "secrets"]
    assert [mode_of(path) for path in made] == [0o755] * 5
    assert mode_of(volume / "there") == 0o700  # not ours


def test_group_of_the_volume_is_kept(source: str, volume: Path) -> None:
    """A volume with fsGroup has folders that give their group to what is made in them."""
    volume.chmod(0o2775)
    assert copying.run([str(volume), "tls"], source, "vault-env") == 0
    assert mode_of(volume / "tls") == 0o2755


def fail_at(
    monkeypatch: pytest.MonkeyPatch, name: str, number: int, when: Callable[..., bool] = lambda *_: True
) -> None:
    """Let a system call fail."""
    call = getattr(os, name)

    def fail(*arguments: object) -> object:
        if when(*arguments):
            raise OSError(number, os.strerror(number))
        return call(*arguments)

    monkeypatch.setattr(os, name, fail)


def is_written(_path: object, flags: int, *_: object) -> bool:
    return bool(flags & os.O_WRONLY)


FULL = r"VOLUME: No space left on device: the volume needs more space \(sizeLimit\)"
REFUSED = rf"VOLUME: Permission denied: user {os.geteuid()} may not write there: give the volume an fsGroup"
CALLS: list[tuple[str, int, Callable[..., bool], str]] = [
    ("write", errno.ENOSPC, lambda descriptor, _: descriptor > 2, FULL),
    ("write", errno.EDQUOT, lambda descriptor, _: descriptor > 2, "VOLUME: Disk quota exceeded: the volume needs more"),
    ("fsync", errno.ENOSPC, lambda _: True, FULL),
    ("fsync", errno.EIO, lambda _: True, "VOLUME: Input/output error$"),
    ("fchmod", errno.EPERM, lambda *_: True, r"VOLUME: Operation not permitted: user \d+ may not write there"),
    ("open", errno.EACCES, is_written, REFUSED),
    ("open", errno.EROFS, is_written, "VOLUME: Read-only file system: mount the volume without readOnly here"),
    ("open", errno.ENOSPC, is_written, FULL),
    (
        "open",
        errno.EACCES,
        lambda *call: not is_written(*call),
        "SOURCE: Permission denied: .* let this user read vault-env",
    ),
    ("read", errno.EIO, lambda *_: True, "SOURCE: Input/output error: it cannot be read"),
    ("rename", errno.EACCES, lambda *_: True, "VOLUME/vault-env: Permission denied: user"),
    ("stat", errno.EACCES, lambda *_: True, REFUSED),
    ("mkdir", errno.ENOSPC, lambda *_: True, "VOLUME/tls: No space left on device: the volume needs more space"),
]


@pytest.mark.parametrize(("call", "number", "when", "message"), CALLS)
def test_failing_system_call(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    source: str,
    volume: Path,
    call: str,
    number: int,
    when: Callable[..., bool],
    message: str,
) -> None:
    (volume / "vault-env").write_bytes(b"old")
    with monkeypatch.context() as patches:
        fail_at(patches, call, number, when)
        assert copying.run([str(volume), "tls"], source, "vault-env") == 1
    output, errors = capfd.readouterr()
    message = message.replace("VOLUME", re.escape(str(volume))).replace("SOURCE", re.escape(source))
    assert re.match(f"vault-env copy: {message}", errors.rstrip("\n"))
    assert (output, errors.count("\n")) == ("", 1)
    assert names_in(volume) == ["vault-env"]
    assert (volume / "vault-env").read_bytes() == (CONTENT if call == "mkdir" else b"old")


def test_interrupted_copy_leaves_nothing(monkeypatch: pytest.MonkeyPatch, source: str, volume: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        copying.run([str(volume)], source, "vault-env")
    assert names_in(volume) == []


def test_what_cannot_be_removed_is_not_what_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], source: str, volume: Path
) -> None:
    fail_at(monkeypatch, "fsync", errno.ENOSPC)
    fail_at(monkeypatch, "unlink", errno.EROFS)
    assert copying.run([str(volume)], source, "vault-env") == 1
    assert "No space left on device" in capfd.readouterr().err


PLACES: list[tuple[str, list[str], str]] = [
    ("missing", ["gone"], "gone: No such file or directory: mount a volume there, or create the folder"),
    ("a file", ["source"], "source: Not a directory: name a folder"),
    ("below a file", ["source/x"], "source/x: Not a directory: name a folder"),
    ("the target is a folder", ["taken"], "taken/vault-env: Is a directory: remove that folder"),
    ("mount point is a file", ["vault", "../source"], "vault/../source: File exists: remove that file"),
    ("mount point below a file", ["vault", "vault-env/x"], "vault/vault-env: File exists: remove that file"),
    ("strange name", ["a\x1b[2J\n"], r'"a\x1b[2J\n": No such file or directory: mount a volume there'),
]


@pytest.mark.parametrize(("arguments", "message"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
@pytest.mark.usefixtures("volume", "source")
def test_wrong_place(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "taken" / "vault-env").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert copying.run(arguments, "source", "vault-env") == 1
    output, errors = capfd.readouterr()
    assert errors.startswith(f"vault-env copy: {message}")
    assert (output, errors.count("\n")) == ("", 1)
    assert names_in(tmp_path / "taken") == ["vault-env"]


@pytest.mark.parametrize("arguments", [[], [""], ["-h"], ["--force", "/vault"]])
def test_usage(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert copying.run(arguments, "/gone", "vault-env") == 1
    assert capfd.readouterr() == ("", "usage: vault-env copy DIR [MOUNT_POINT ...]\n")


def test_proc_is_not_mounted(volume: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert copying.run([str(volume)], "/gone/self/exe", "vault-env") == 1
    message = "vault-env copy: /gone/self/exe: No such file or directory: vault-env finds itself there, so /proc must"
    assert capfd.readouterr().err.startswith(message)


def test_interpreter_is_not_copied(volume: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert copying.run([str(volume)], None, "vault-env") == 1
    assert "run by a Python interpreter and has no executable to copy" in capfd.readouterr().err
    assert names_in(volume) == []


def test_errors_are_lost_where_nobody_hears_them(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(monkeypatch, "write", errno.EBADF)
    assert copying.run([], "/gone", "vault-env") == 1
