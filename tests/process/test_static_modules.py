"""What the executable has of modules is all that our code imports, and of each of its stand-ins all that is used.

A module that is missing shows at run time only, in the one container that needs it.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from static.build import MODULES, ONLY_WITH_INTERPRETER, SOURCE, STATIC, list_own_modules, own_files
from static.freeze import STAND_INS, read_list

if TYPE_CHECKING:
    from collections.abc import Iterator

FROZEN, BUILTIN = read_list(MODULES)
KNOWN = {*FROZEN, *BUILTIN}
# Imported where there is an interpreter; each importer has an answer to its absence.
ONLY_INTERPRETED = {
    "ctypes": "built-in modules of ours stand for it: _vaultenv_process and _vaultenv_openssl",
    "_crypt": "_vaultenv_openssl has crypt",
    "hashlib": "_hashlib is there, with all digests that are asked for",
    **{".".join(path.with_suffix("").parts): "_vaultenv_openssl" for path in ONLY_WITH_INTERPRETER},
}
# Statements that the build leaves out.
WITHOUT_EFFECT = {"__future__"}


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """All below a node but what only the type checker reads, which the build leaves out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from walk(other)
            continue
        yield child
        yield from walk(child)


def read_trees() -> dict[str, tuple[Path, ast.Module]]:
    """Every module of ours in the executable, by its name."""
    trees = {}
    for file in own_files():
        parts = file.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = (file, ast.parse((SOURCE / file).read_text()))
    return trees


TREES = read_trees()


def resolve(node: ast.ImportFrom, file: Path) -> str:
    """Give the absolute name of the module that a `from` names."""
    if not node.level:
        return node.module or ""
    package = file.parts[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def list_imports(file: Path, tree: ast.Module) -> Iterator[str]:
    """Give what a module imports anywhere, also the modules that are taken out of packages."""
    for node in walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve(node, file)
            yield module
            for alias in node.names:
                if is_module(f"{module}.{alias.name}"):
                    yield f"{module}.{alias.name}"


def is_module(name: str) -> bool:
    path = SOURCE.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.mark.parametrize("name", list_own_modules())
def test_every_import_is_there(name: str) -> None:
    missing = set(list_imports(*TREES[name])) - KNOWN - ONLY_INTERPRETED.keys() - WITHOUT_EFFECT
    assert not missing, f"{name} imports what static/modules.txt has not"


def test_what_is_there_is_imported_by_somebody() -> None:
    """By us, by a stand-in, or by the interpreter itself."""
    imported = {imported for file, tree in TREES.values() for imported in list_imports(file, tree)}
    for path in STAND_INS.glob("*.py"):
        imported |= set(list_imports(Path(path.name), ast.parse(path.read_text())))
    by_interpreter = {"_frozen_importlib", "_frozen_importlib_external", "encodings", "io", "builtins", "sys"}
    by_interpreter |= {"_imp", "_io", "_thread", "_warnings", "_weakref", "marshal", "posix", "time", "_abc", "_signal"}
    others = KNOWN - set(list_own_modules()) - {"_vaultenv_process"}  # which is imported by `__import__`
    assert others - imported - by_interpreter == set()


def test_only_interpreted_modules_are_imported_by_somebody() -> None:
    """The list above says nothing that is not so."""
    imported = {imported for file, tree in TREES.values() for imported in list_imports(file, tree)}
    assert ONLY_INTERPRETED.keys() - imported <= {"vault_secrets_webhook.gotemplate.crypto.libcrypto"}


def run_stand_in(name: str) -> dict[str, object]:
    """Run a stand-in by this interpreter; its names."""
    names: dict[str, object] = {}
    exec(compile((STAND_INS / f"{name}.py").read_text(), name, "exec"), names)
    return names


def find_used(tree: ast.Module, module: str) -> Iterator[str]:
    """Give the attributes of a module that a file uses, `path.join` for `os.path.join`."""
    for node in walk(tree):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if dotted.startswith(f"{module}.") and dotted.replace(".", "").replace("_", "").isalnum():
                yield dotted.removeprefix(f"{module}.")
        elif isinstance(node, ast.ImportFrom) and node.module == module and not node.level:
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("module", ["os", "stat"])
def test_stand_in_has_all_that_is_used(module: str) -> None:
    names = run_stand_in(module)
    used = {attribute for _, tree in TREES.values() for attribute in find_used(tree, module)}
    assert used
    for attribute in sorted(used):
        head, *rest = attribute.split(".")
        assert head in names, f"static/frozen/{module}.py has no {head}"
        for part in rest[:1] if head == "path" else ():
            assert hasattr(names[head], part), f"static/frozen/os.py has no path.{part}"


def test_standard_streams_take_nothing() -> None:
    """So that no traceback of the interpreter gets out, whatever it holds; files are opened as ever."""
    names = run_stand_in("io")
    streams = [names["open"](2, "wb"), names["TextIOWrapper"](object(), "utf-8")]  # type: ignore[operator]
    for stream in streams:
        assert stream.write("a secret") == len("a secret")
        stream.flush()
        assert not stream.isatty()
        assert "fileno" not in dir(stream)
    with names["open"](STATIC / "modules.txt", "rb") as file:  # type: ignore[operator]
        assert file.read(1) == b"#"
