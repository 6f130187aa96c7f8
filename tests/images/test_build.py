"""The command line of the builder, as far as it goes without packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from images.build import EARLIEST, find_epoch, main, read_version
from images.errors import ImageError
from images.vault_env_image import fill_executable
from tests.images.test_elf import make_elf
from vault_secrets_webhook import __version__

ROOT = Path(__file__).parents[2]


def test_the_version_is_that_of_the_package() -> None:
    assert read_version() == __version__


def test_only_the_standard_library_is_needed(tmp_path: Path) -> None:
    """As in the build stage of a Dockerfile: no environment of ours, not even the package itself."""
    code = "import sys; import images.build; print(*{name.partition('.')[0] for name in sys.modules})"
    ended = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(ended.stdout.split()) - sys.stdlib_module_names <= {"__main__", "images"}


@pytest.mark.parametrize("arguments", [["no-such-image"], ["--tree", "folder"], ["--no-such-option"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: python3 -m images.build" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="the architecture is asked of dpkg")
def test_a_missing_executable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vault-env", "--vault-env", str(tmp_path / "none"), "--output", str(tmp_path)]) == 1
    assert f"images: {tmp_path}/none is missing: `make vault-env` builds it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"#!/bin/sh\n", "no ELF file"),
        (make_elf("/lib64/ld.so", ("libc.so.6",)), "linked dynamically"),
        (make_elf(None, ("libc.so.6",)), "linked dynamically"),
    ],
)
def test_an_executable_that_could_not_run_in_the_image(tmp_path: Path, data: bytes, message: str) -> None:
    executable = tmp_path / "vault-env"
    executable.write_bytes(data)
    with pytest.raises(ImageError, match=message):
        fill_executable(executable)


def test_licences_go_with_the_executable(tmp_path: Path) -> None:
    executable = tmp_path / "vault-env"
    executable.write_bytes(make_elf())
    with pytest.raises(ImageError, match=r"vault-env-licenses\.txt is missing: `make vault-env` writes it"):
        fill_executable(executable)
    (tmp_path / "vault-env-licenses.txt").write_text("who made it")
    assert dict(fill_executable(executable))["usr/share/doc/vault-env/copyright"].data == b"who made it"


def test_the_folder_of_the_executable_serves_as_an_image_volume(tmp_path: Path) -> None:
    executable = tmp_path / "vault-env"
    executable.write_bytes(make_elf())
    (tmp_path / "vault-env-licenses.txt").write_text("who made it")
    found = dict(fill_executable(executable))
    assert found["usr/local/bin/vault-env"].mode == 0o755
    assert found["usr/local/bin/vault-env"].data == make_elf()
    assert found["usr/local/bin/secret-init"].same_as == "usr/local/bin/vault-env"
    assert found["usr/local/bin/secret-init"].mode == 0o755
    for folder in ("usr/local/bin/tls", "usr/local/bin/secrets"):
        assert found[folder].is_folder
        assert found[folder].mode == 0o755


@pytest.mark.parametrize(
    ("given", "expected"), [("1700000000", 1_700_000_000), ("0", EARLIEST)], ids=["given", "before there were wheels"]
)
def test_the_time_of_everything(monkeypatch: pytest.MonkeyPatch, given: str, expected: int) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    assert find_epoch() == expected


def test_the_time_of_the_last_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr("images.build.PROJECT", tmp_path)
    assert find_epoch() == EARLIEST  # no repository
    identity = ["-c", "user.name=me", "-c", "user.email=me@example.invalid"]
    for words in (["init", "--quiet"], [*identity, "commit", "--quiet", "--allow-empty", "--message=one"]):
        subprocess.run(
            ["git", *words],
            cwd=tmp_path,
            check=True,
            env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_DATE": "@1234567890 +0000"},
        )
    assert find_epoch() == 1_234_567_890


def test_a_time_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ImageError, match="SOURCE_DATE_EPOCH is yesterday"):
        find_epoch()
