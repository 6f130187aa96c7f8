"""Who may import whom: the contracts of import-linter in pyproject.toml, and that vault-env needs no third party."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "vault_secrets_webhook"
# The half that runs in the container: what `vaultenv` may import.
CONTAINER_HALF = ("errors.py", "goparse.py", "textlog.py", "wire", "vault", "inject", "vaultenv")

STATIC_ONLY = {"_vaultenv_roots"}  # what the static executable has besides, and others do without


def test_contracts_are_kept() -> None:
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    ended = subprocess.run(
        [sys.executable, "-c", script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


def list_modules() -> list[Path]:
    return sorted(
        path for name in CONTAINER_HALF for path in [PACKAGE / name, *(PACKAGE / name).rglob("*.py")] if path.is_file()
    )


def list_imported(path: Path) -> set[str]:
    """Top-level names that a module imports, here or there, for the interpreter or for the type checker."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", list_modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_container_half_needs_the_standard_library_alone(path: Path) -> None:
    assert list_imported(path) - {"vault_secrets_webhook"} <= sys.stdlib_module_names | STATIC_ONLY


def test_all_modules_are_looked_at() -> None:
    assert {path.relative_to(PACKAGE).parts[0] for path in list_modules()} == set(CONTAINER_HALF)
