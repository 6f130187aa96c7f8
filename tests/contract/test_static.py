"""What the static executable is built from: the modules that our half imports anywhere, and the codecs that it names.

Whatever is not here is not frozen, so that a new import needs a line here and one in the build.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "src" / "vault_secrets_webhook"
PARTS = ("errors.py", "goparse.py", "textlog.py", "gotemplate", "inject", "vault", "vaultenv", "wire")

PYTHON_MODULES = {"__future__", "os", "stat"}
C_MODULES = {
    *("_bisect", "_hashlib", "_json", "_signal", "_socket", "_ssl", "_struct", "_thread", "binascii", "errno"),
    *("itertools", "math", "resource", "sys", "time"),
}
STATIC_ONLY = {"_vaultenv_openssl", "_vaultenv_roots"}  # and `_vaultenv_process`, by `__import__`
# Who imports what the executable has not, each where ImportError is taken for an answer.
ELSEWHERE = {
    "ctypes": {"gotemplate/crypto/bcrypt.py", "gotemplate/crypto/libcrypto.py", "vaultenv/launch.py"},
    "_crypt": {"gotemplate/crypto/bcrypt.py"},
    "hashlib": {"gotemplate/crypto/digest.py"},
}
CODECS = {"utf-8", "latin-1", "ascii"}  # those that `str` and `bytes` know without the package `encodings`


def list_trees() -> Iterator[tuple[str, ast.Module]]:
    for part in PARTS:
        for path in [PACKAGE / part, *(PACKAGE / part).rglob("*.py")]:
            if path.is_file():
                yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text())


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """All below a node but what only the type checker reads."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from walk(child)


def find_imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []


def test_imports_anywhere() -> None:
    importers: dict[str, set[str]] = {}
    for path, tree in list_trees():
        for name in (name for node in walk(tree) for name in find_imported(node)):
            if not name.startswith("vault_secrets_webhook"):
                importers.setdefault(name, set()).add(path)
    elsewhere = {name: importers.pop(name, set()) for name in ELSEWHERE}
    assert elsewhere == ELSEWHERE
    assert set(importers) == PYTHON_MODULES | C_MODULES | STATIC_ONLY


def test_codecs() -> None:
    named = {
        argument.value
        for _, tree in list_trees()
        for node in walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"encode", "decode"}
        for argument in node.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value
    }
    assert named <= CODECS


def test_no_file_is_opened_as_text() -> None:
    """The streams for text look for an incremental codec, and cost more than what they give here."""
    opened = [
        ast.unparse(node)
        for _, tree in list_trees()
        for node in walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    assert all("'rb'" in call for call in opened)
    assert opened
