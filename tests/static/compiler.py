"""The machine's compiler of C, for tests of what is built by one."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPILER = os.environ.get("CC", "cc")


def expect_compiler(arguments: Sequence[str], needed: str) -> None:
    """Skip the test if there is no compiler, or it fails at what tries whether `needed` is there; where `CI` is set, fail."""
    if shutil.which(COMPILER) is None:
        report_missing(f"there is no compiler {COMPILER}: install gcc, or set CC")
    if subprocess.run([COMPILER, *arguments], check=False, capture_output=True).returncode:
        report_missing(f"{COMPILER} finds not all of what this needs: {needed}. Install what is missing")


def report_missing(problem: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(problem, pytrace=False)
    pytest.skip(problem)


def run_compiler(arguments: Sequence[str]) -> None:
    result = subprocess.run([COMPILER, *arguments], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
