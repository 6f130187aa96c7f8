"""What the libraries are compiled with and from: compilers that are none, sources that are none, and what changes an entry."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from static import libraries
from static.build import MODULES
from static.cache import hash_inputs
from static.commands import BuildError
from static.freeze import read_list
from static.libraries import (
    EXTENSIONS,
    Sources,
    Toolchain,
    build_environ,
    build_openssl,
    build_python,
    check_version,
    find_toolchain,
    provide_openssl,
    provide_python,
)
from static.sources import VERSIONS
from tests.static.programs import make_program

if TYPE_CHECKING:
    from collections.abc import Callable

TOOLCHAIN = Toolchain(["cc", "-m64"], "some compiler", 2)
ANSWERS = """#!/bin/sh
for last; do :; done
case "$last" in
-dumpmachine) echo x86_64-linux-gnu ;;
--version) echo "${LC_ALL:-translated} compiler" ;;
-print-prog-name=*) echo true ;;
-print-file-name=libc.a) echo "$LIBC" ;;
-print-file-name=*) echo "${last#*=}" ;;
*) echo "compiled" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that answers questions and compiles nothing."""
    libc = tmp_path / "libc.a"
    libc.write_text("one version")
    monkeypatch.setenv("LIBC", str(libc))
    return make_program(tmp_path / "bin" / "compiler", ANSWERS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no-such-compiler", "no-such-compiler is no C compiler that works"),
        ("/no/such/compiler -O2", "/no/such/compiler is no C compiler that works"),
        ("false", "false is no C compiler that works"),
        ("true", "true is no C compiler that works"),
        ("'cc", "CC cannot be read as a command: No closing quotation"),
    ],
)
def test_no_compiler(monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    monkeypatch.setenv("CC", value)
    with pytest.raises(BuildError, match=message):
        find_toolchain()


def test_a_file_that_may_not_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cc").write_text("")
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    with pytest.raises(BuildError, match="is no C compiler that works"):
        find_toolchain()


def test_a_relative_compiler_is_found_from_other_folders(compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(compiler.parents[1])
    monkeypatch.setenv("CC", "bin/compiler -m64 '-DWITH SPACE'")
    toolchain = find_toolchain()
    assert toolchain.compiler == [str(compiler), "-m64", "-DWITH SPACE"]
    environ = build_environ(toolchain)
    assert environ["CC"] == "compiler -m64 '-DWITH SPACE'", "no path, which would get into the result"
    assert environ["PATH"] == f"{compiler.parent}{os.pathsep}{os.environ['PATH']}"
    assert 1 <= toolchain.jobs <= (os.cpu_count() or 1)


def test_what_makes_another_toolchain(compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", str(compiler))
    before = find_toolchain().identity
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    assert find_toolchain().identity == before, "not the language of its answers"
    Path(os.environ["LIBC"]).write_text("with a fault mended")
    mended = find_toolchain().identity
    assert mended != before, "a new C library does"
    compiler.write_text(ANSWERS.replace("} compiler", "} newer compiler"))
    newer = find_toolchain().identity
    assert newer not in {before, mended}, "so does a new compiler"
    monkeypatch.setenv("CC", f"{compiler} -O0")
    assert find_toolchain().identity not in {before, mended, newer}, "and so do options"


def test_the_environment_of_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CFLAGS", "LDFLAGS", "CPATH", "LIBRARY_PATH", "MAKEFLAGS", "PERL5LIB", "PYTHONPATH", "TZ", "LC_ALL"):
        monkeypatch.setenv(name, "changed")
    environ = build_environ(TOOLCHAIN)
    assert set(environ) <= {"PATH", "HOME", "TMPDIR", "LC_ALL", "TZ", "CC", "SOURCE_DATE_EPOCH"}
    assert "changed" not in environ.values()
    assert int(environ["SOURCE_DATE_EPOCH"]) > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('#define PY_VERSION      	"3.11.2"', None),
        ('#define PY_VERSION "3.11.15+"', None),
        ('#define PY_VERSION "3.13.5"', r"CPython 3\.13 is not supported, only 3\.11"),
        ('#define PY_VERSION "3.1.0"', r"CPython 3\.1 is not supported"),
        ("", "CPython of an unknown version is not supported"),
    ],
)
def test_versions_of_cpython(text: str, message: str | None) -> None:
    if message is None:
        check_version(text)
        return
    with pytest.raises(BuildError, match=message):
        check_version(text)


def test_the_wrong_folder(tmp_path: Path) -> None:
    given, work = tmp_path / "given", tmp_path / "work"
    given.mkdir()
    work.mkdir()
    with pytest.raises(BuildError, match=r"/given is no source of OpenSSL 3: it has no file VERSION\.dat"):
        build_openssl(TOOLCHAIN, str(given), tmp_path, work)
    with pytest.raises(BuildError, match=r"/given is no source of CPython: it has no file patchlevel\.h"):
        build_python(TOOLCHAIN, str(given), tmp_path, tmp_path, work)


def test_a_machine_of_another_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(BuildError, match="riscv64 are not supported, only x86_64, aarch64"):
        build_openssl(TOOLCHAIN, None, tmp_path, tmp_path)


def test_what_makes_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that goes into a library, and the libraries below it."""
    given = tmp_path / "given"
    given.mkdir()
    versions = Path(shutil.copy(VERSIONS, tmp_path))

    def note(kind: str, key: str, _: Callable[[Path, Path], None]) -> Path:
        return Path(f"{kind}-{key}")

    def ask(toolchain: Toolchain = TOOLCHAIN, source: Path | None = None) -> tuple[str, str]:
        sources = Sources(str(source) if source else None, str(source) if source else None)
        openssl = provide_openssl(toolchain, sources)
        return openssl.name, provide_python(toolchain, sources, openssl).name

    monkeypatch.setattr(libraries, "provide", note)
    seen = [ask(), ask(TOOLCHAIN._replace(identity="another")), ask(source=given)]
    (given / "file").write_text("")
    seen.append(ask(source=given))
    monkeypatch.setattr(libraries, "VERSIONS", versions)
    assert ask() == seen[0]
    versions.write_text("date = 0\n")
    seen.append(ask())
    for position in (0, 1):
        names = [row[position] for row in seen]
        assert len(set(names)) == len(names)
    assert ask() == ask(TOOLCHAIN._replace(jobs=64)), "the number of jobs does not count"


def test_every_extension_is_frozen_in_or_for_the_build() -> None:
    """What is compiled and not listed would make the build slower and nothing better."""
    _, builtin = read_list(MODULES)
    assert set(EXTENSIONS) - set(builtin) == {"unicodedata"}


def test_a_hash_of_missing_files_is_none_of_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = hash_inputs(tmp_path / "file")
    (tmp_path / "file").unlink()
    assert hash_inputs(tmp_path / "file") != before
