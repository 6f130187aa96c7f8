"""Makes modules.txt into C and assembler: every frozen module's code, and the tables that the interpreter finds it by.

Run by the interpreter that was built for this, because the code must be of its version. What the compiler needs and the
program does not is left out: docstrings and assertions (optimization level 2), `from __future__` statements, whose
effect is there already, and the blocks under `if TYPE_CHECKING`.
"""

from __future__ import annotations
import __future__

import argparse
import ast
import marshal
from pathlib import Path
from typing import NamedTuple

OURS = "vault_secrets_webhook"
ROOTS = "_vaultenv_roots"
BUILTIN = "builtin: "
# Modules that the interpreter imports before it can import others, and where their source is.
BOOTSTRAP = {"_frozen_importlib": "importlib._bootstrap", "_frozen_importlib_external": "_frozen_importlib_external"}
STAND_INS = Path(__file__).parent / "frozen"
# Built-in modules whose function does not have the usual name (Modules/config.c.in), or that need none.
INITIALIZERS = {"marshal": "PyMarshal_Init", "_warnings": "_PyWarnings_Init", "builtins": "NULL", "sys": "NULL"}


class Module(NamedTuple):
    """A module to be frozen: its name, its code as marshal writes it, and whether it is a package."""

    name: str
    code: bytes
    is_package: bool


def read_list(path: Path) -> tuple[list[str], list[str]]:
    """Read modules.txt: the frozen modules and the built-in ones."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    builtin = [line.removeprefix(BUILTIN) for line in lines if line.startswith(BUILTIN)]
    return [line for line in lines if not line.startswith(BUILTIN)], builtin


class Stripper(ast.NodeTransformer):
    """Leaves out what has no effect at run time."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        return None if node.module == "__future__" else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return node


def compile_module(name: str, source: bytes) -> bytes:
    tree = ast.parse(source)
    statements = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    flags = 0
    for alias in (alias for statement in statements for alias in statement.names):
        flags |= getattr(__future__, alias.name).compiler_flag
    tree = Stripper().visit(tree)
    for node in ast.walk(tree):
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined] # a block that has become empty
    code = compile(ast.fix_missing_locations(tree), f"<frozen {name}>", "exec", flags, dont_inherit=True, optimize=2)
    return marshal.dumps(code)


def read_module(name: str, library: Path, source: Path, certificates: bytes) -> Module:
    """Compile a module of ours, of the standard library, or the one with the certificate authorities."""
    if name == ROOTS:
        return Module(name, compile_module(name, f"CERTIFICATES = {certificates!r}\n".encode()), is_package=False)
    top = source if name.partition(".")[0] == OURS else STAND_INS if (STAND_INS / f"{name}.py").exists() else library
    place = top.joinpath(*BOOTSTRAP.get(name, name).split("."))
    is_package = place.is_dir()
    file = place / "__init__.py" if is_package else place.with_suffix(".py")
    return Module(name, compile_module(name, file.read_bytes()), is_package)


def write_code(modules: list[Module], folder: Path) -> None:
    """Write the code of all modules into one file, and the assembler that includes it."""
    lines = ['.section .rodata.frozen,"a"']
    offset = 0
    for index, module in enumerate(modules):
        lines += [f".globl frozen_{index}", f"frozen_{index}:", f'.incbin "frozen.bin", {offset}, {len(module.code)}']
        offset += len(module.code)
    (folder / "frozen.bin").write_bytes(b"".join(module.code for module in modules))
    (folder / "code.S").write_text("\n".join([*lines, '.section .note.GNU-stack,"",@progbits', ""]))


def write_tables(modules: list[Module], builtin: list[str], folder: Path) -> None:
    """Write the interpreter's tables of modules. Their names are in sections of their own, for verify.py to read."""
    lines = ["#include <Python.h>", "#include <internal/pycore_import.h>", ""]
    rows: dict[bool, list[str]] = {True: [], False: []}
    for index, module in enumerate(modules):
        lines += [f"extern const unsigned char frozen_{index}[];", declare(f"name_{index}", module.name, "names")]
        row = f"    {{.name = name_{index}, .code = frozen_{index}, .size = {len(module.code)}, .is_package = {int(module.is_package)}}},"
        rows[module.name in BOOTSTRAP].append(row)
    for table, is_bootstrap in (("bootstrap", True), ("program", False)):
        lines += [f"static const struct _frozen {table}[] = {{", *rows[is_bootstrap], "    {0},", "};"]
    lines += [
        "static const struct _frozen none[] = {{0}};",
        "static const struct _module_alias aliases[] = {",
        *(f'    {{"{name}", "{origin}"}},' for name, origin in BOOTSTRAP.items() if name != origin),
        "    {0},",
        "};",
        "const struct _frozen *_PyImport_FrozenBootstrap = bootstrap;",
        "const struct _frozen *_PyImport_FrozenStdlib = none;",
        "const struct _frozen *_PyImport_FrozenTest = none;",
        "const struct _frozen *PyImport_FrozenModules = program;",
        "const struct _module_alias *_PyImport_FrozenAliases = aliases;",
        "",
    ]
    functions = [INITIALIZERS.get(name, f"PyInit_{name}") for name in builtin]
    lines += [f"extern PyObject *{function}(void);" for function in functions if function != "NULL"]
    lines += [declare(f"builtin_{index}", name, "builtins") for index, name in enumerate(builtin)]
    lines += ["struct _inittab _PyImport_Inittab[] = {"]
    lines += [f"    {{builtin_{index}, {function}}}," for index, function in enumerate(functions)]
    (folder / "tables.c").write_text("\n".join([*lines, "    {0},", "};", ""]))


def declare(variable: str, text: str, section: str) -> str:
    return f'static const char {variable}[] __attribute__((section(".vaultenv.{section}"), aligned(1))) = "{text}";'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("list", "library", "source", "certificates", "folder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    frozen, builtin = read_list(options.list)
    certificates = options.certificates.read_bytes()
    modules = [read_module(name, options.library, options.source, certificates) for name in frozen]
    write_code(modules, options.folder)
    write_tables(modules, builtin, options.folder)


if __name__ == "__main__":
    main()
