"""What is left out of frozen code changes nothing that it does; the tables name what is there."""

from __future__ import annotations

import ast
import marshal
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from static.build import MODULES, SOURCE, own_files
from static.freeze import Module, compile_module, read_list, read_module, write_code, write_tables

LIBRARY = Path(os.__file__).parent


def run_module(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "module"}
    exec(marshal.loads(compile_module("module", source.encode())), namespace)
    return namespace


BLOCKS = [
    pytest.param("if TYPE_CHECKING:\n    answer = 1\nelse:\n    answer = 2", 2, id="else"),
    pytest.param("if TYPE_CHECKING:\n    answer = 1\nelif True:\n    answer = 3", 3, id="elif"),
    pytest.param("if not TYPE_CHECKING:\n    answer = 4", 4, id="another condition"),
    pytest.param("answer = 5\nif TYPE_CHECKING:\n    import nowhere", 5, id="no else"),
    pytest.param("def f():\n    if TYPE_CHECKING:\n        import x\nanswer = f()", None, id="an empty function"),
    pytest.param("async def f():\n    if TYPE_CHECKING:\n        import x\nanswer = 6", 6, id="an empty coroutine"),
    pytest.param(
        "class C:\n    if TYPE_CHECKING:\n        x = 1\nanswer = hasattr(C, 'x')", False, id="an empty class"
    ),
    pytest.param("answer = 7\nif answer:\n    if TYPE_CHECKING:\n        answer = 8", 7, id="an empty block"),
    pytest.param("for answer in (1, 9):\n    if TYPE_CHECKING:\n        answer = 8", 9, id="an empty loop"),
    pytest.param(
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    if TYPE_CHECKING:\n        import x\nanswer = 10",
        10,
        id="an empty handler",
    ),
    pytest.param(
        "match 1:\n    case 1:\n        if TYPE_CHECKING:\n            import x\nanswer = 11", 11, id="an empty case"
    ),
    pytest.param(
        "def f():\n    if TYPE_CHECKING:\n        import x\n    else:\n        return 12\nanswer = f()",
        12,
        id="in a function",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BLOCKS)
def test_blocks_for_the_type_checker(text: str, expected: object) -> None:
    assert run_module(f"TYPE_CHECKING = False\n{text}\n")["answer"] == expected


def test_annotations_stay_unread() -> None:
    """The statement is left out, its effect is not."""
    found = run_module("from __future__ import annotations\ndef f(x: nowhere): pass\nanswer = f.__annotations__\n")
    assert found["answer"] == {"x": "nowhere"}
    assert "annotations" not in found
    with pytest.raises(NameError):
        run_module("# from __future__ import annotations\ndef f(x: nowhere): pass\n")


def test_docstrings_and_assertions_are_left_out() -> None:
    found = run_module('"""Module."""\nassert False\ndef f():\n    """Function."""\n    assert False\nanswer = f()\n')
    assert (found.get("__doc__"), found["f"].__doc__, found["answer"]) == (None, None, None)


def collect(code: types.CodeType) -> list[tuple[str, bytes, tuple[str, ...]]]:
    """Every code object within one, but for lines and constants."""
    inner = [one for constant in code.co_consts if isinstance(constant, types.CodeType) for one in collect(constant)]
    return [(code.co_qualname, code.co_code, code.co_names), *inner]


@pytest.mark.parametrize("name", ["bisect", "heapq", "posixpath", "string", "textwrap", "types", "json.decoder"])
def test_nothing_to_leave_out(name: str) -> None:
    """The standard library has no such blocks, so its code is what the compiler alone makes of it."""
    module = read_module(name, LIBRARY, SOURCE, b"")
    source = LIBRARY.joinpath(*name.split(".")).with_suffix(".py").read_bytes()
    assert b"TYPE_CHECKING" not in source
    alone = compile(source, f"<frozen {name}>", "exec", dont_inherit=True, optimize=2)
    assert collect(marshal.loads(module.code)) == collect(alone)


def test_our_modules_define_what_they_do_without() -> None:
    """The same functions and classes, but for those that only the type checker reads; and nothing of `typing`."""
    for path in own_files():
        source = (SOURCE / path).read_bytes()
        unread = {
            one.name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for one in node.body
            if isinstance(one, ast.ClassDef | ast.FunctionDef)
        }
        stripped = collect(marshal.loads(compile_module(path.stem, source)))
        whole = collect(compile(source, f"<frozen {path.stem}>", "exec", dont_inherit=True, optimize=2))
        expected = [name for name, *_ in whole if name.partition(".")[0] not in unread]
        assert [name for name, *_ in stripped] == expected, path
        assert not any("typing" in names for *_, names in stripped), path


def test_the_list(tmp_path: Path) -> None:
    path = tmp_path / "modules.txt"
    path.write_text("# comment\n\nfirst\nfirst.second\n\nbuiltin: third\n")
    assert read_list(path) == (["first", "first.second"], ["third"])


def test_the_committed_list_names_each_module_once() -> None:
    frozen, builtin = read_list(MODULES)
    assert len({*frozen, *builtin}) == len(frozen) + len(builtin)
    assert {"_frozen_importlib", "_frozen_importlib_external", "vault_secrets_webhook.vaultenv.__main__"} <= {*frozen}


def test_where_modules_are_read() -> None:
    assert read_module("vault_secrets_webhook.vaultenv", LIBRARY, SOURCE, b"").is_package
    assert not read_module("vault_secrets_webhook.errors", LIBRARY, SOURCE, b"").is_package
    assert not read_module("_frozen_importlib", LIBRARY, SOURCE, b"").is_package
    stand_in = marshal.loads(read_module("stat", LIBRARY, SOURCE, b"").code)
    assert "S_IMODE" not in stand_in.co_names
    roots: dict[str, bytes] = {}
    exec(marshal.loads(read_module("_vaultenv_roots", LIBRARY, SOURCE, b"\x30\x00").code), roots)
    assert roots["CERTIFICATES"] == b"\x30\x00"


MODULES_OF_TEST = [
    Module("_frozen_importlib", b"one", False),
    Module("top", b"second", True),
    Module("top.x", b"3", False),
]


def test_code_as_assembler(tmp_path: Path) -> None:
    write_code(MODULES_OF_TEST, tmp_path)
    assert (tmp_path / "frozen.bin").read_bytes() == b"onesecond3"
    lines = (tmp_path / "code.S").read_text().splitlines()
    assert [line for line in lines if "incbin" in line] == [
        '.incbin "frozen.bin", 0, 3',
        '.incbin "frozen.bin", 3, 6',
        '.incbin "frozen.bin", 9, 1',
    ]
    assert '.section .note.GNU-stack,"",@progbits' in lines, "else the stack would be executable"


def test_tables(tmp_path: Path) -> None:
    write_tables(MODULES_OF_TEST, ["posix", "sys", "marshal"], tmp_path)
    lines = (tmp_path / "tables.c").read_text().splitlines()
    start, end = (lines.index(f"static const struct _frozen {name}[] = {{") for name in ("bootstrap", "program"))
    assert [line for line in lines[start:end] if ".name" in line] == [
        "    {.name = name_0, .code = frozen_0, .size = 3, .is_package = 0},"
    ]
    assert [line for line in lines[end:] if ".name" in line] == [
        "    {.name = name_1, .code = frozen_1, .size = 6, .is_package = 1},",
        "    {.name = name_2, .code = frozen_2, .size = 1, .is_package = 0},",
    ]
    assert [line for line in lines if line.startswith("    {builtin_")] == [
        "    {builtin_0, PyInit_posix},",
        "    {builtin_1, NULL},",
        "    {builtin_2, PyMarshal_Init},",
    ]
    assert '    {"_frozen_importlib", "importlib._bootstrap"},' in lines


def test_the_code_depends_on_nothing_but_the_source() -> None:
    """Neither on the order in which this process keeps sets nor on what it has imported."""
    program = (
        "import sys; from pathlib import Path; from static.freeze import read_list, read_module;"
        "frozen, _ = read_list(Path('static/modules.txt'));"
        "names = [name for name in frozen if name.startswith('vault_secrets_webhook')];"
        "sys.stdout.buffer.write(b''.join(read_module(name, Path(), Path('src'), b'').code for name in names))"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=MODULES.parents[1],
            env={"PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(made) == 1
    assert made != {b""}
