"""What `make demo` and `make test` say on a machine that lacks something. Nothing is downloaded here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def install(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a copy of what `make` needs, on a machine whose user is not root."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "path").mkdir()
    install(tmp_path / "path" / "id", "echo 1000")
    return tmp_path


def make(tree: Path, target: str, python: str) -> tuple[int, str]:
    environ = {"PATH": f"{tree / 'path'}:{os.environ['PATH']}", "HOME": str(tree)}
    ended = subprocess.run(
        ["make", "-C", str(tree), target, f"PYTHON={python}"],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not (tree / ".venv").exists()
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("target", ["demo", "test"])
def test_python_that_is_too_old(tree: Path, target: str) -> None:
    install(tree / "path" / "old", "exit 1")  # to the question whether it is new enough
    code, errors = make(tree, target, "old")
    assert code != 0
    assert "Python 3.11 or newer is needed; none of these is: old.\n" in errors


def test_python_without_ensurepip(tree: Path) -> None:
    install(tree / "path" / "py", f'case "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"')
    code, errors = make(tree, "demo", "py")
    assert code != 0
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt-get install python{version}-venv, then run make again." in errors


def test_help_lists_every_target(tree: Path) -> None:
    ended = subprocess.run(["make", "-C", str(tree)], capture_output=True, text=True, check=True, timeout=60)
    for target in ("demo", "test", "lint", "types", "unit", "servers", "bench", "lock", "clean", "help"):
        assert f"  make {target} " in ended.stdout
