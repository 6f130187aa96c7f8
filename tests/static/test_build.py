"""The build as a program: its list of modules, its errors, and the last step with the libraries that are in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from static import build, libraries
from static.build import (
    CRYPT,
    HASHED,
    RELOCATED,
    ROOT,
    build_executable,
    check_machine,
    check_modules,
    find_fault,
    list_own_modules,
    main,
    parse_options,
    place,
    provide_executable,
    update_modules,
)
from static.commands import BuildError
from static.libraries import Toolchain, find_toolchain, read_sources
from static.verify import Finding
from tests.conftest import report_missing
from tests.servers.errors import ServerMissing
from tests.static.compiler import COMPILER, expect_compiler
from tests.static.programs import make_program

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of modules.txt in its place."""
    path = Path(shutil.copy(build.MODULES, tmp_path))
    monkeypatch.setattr(build, "MODULES", path)
    return path


def test_the_committed_list_is_up_to_date() -> None:
    check_modules()


def test_own_modules_are_those_of_one_half() -> None:
    names = list_own_modules()
    assert names == sorted(set(names))
    assert "vault_secrets_webhook.vaultenv.__main__" in names
    assert "vault_secrets_webhook" in names
    for half in build.WEBHOOK_HALF:
        assert not [name for name in names if name.startswith(f"vault_secrets_webhook.{half}")]


def test_a_list_that_is_out_of_date(modules: Path) -> None:
    text = modules.read_text()
    changed = text.replace("vault_secrets_webhook.errors\n", "vault_secrets_webhook.gone\n")
    assert changed != text
    modules.write_text(changed)
    with pytest.raises(BuildError, match=r"--list \(added \['.*\.errors'\], gone \['.*\.gone'\]\)"):
        check_modules()
    update_modules()
    check_modules()
    assert modules.read_text() == text


def test_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAULT_ENV_PYTHON", "VAULT_ENV_OPENSSL", "VAULT_ENV_AUTHORITIES"):
        monkeypatch.delenv(name, raising=False)
    options = parse_options([])
    assert (options.python, options.openssl, options.authorities) == (None, None, None)
    assert options.output == ROOT / "build" / "vault-env"
    monkeypatch.setenv("VAULT_ENV_PYTHON", "/one")
    monkeypatch.setenv("VAULT_ENV_OPENSSL", "")
    monkeypatch.setenv("VAULT_ENV_AUTHORITIES", "/three")
    options = parse_options(["--authorities", "/four"])
    assert (options.python, options.openssl, options.authorities) == ("/one", None, "/four")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_where_the_result_goes(tmp_path: Path) -> None:
    built = tmp_path / "built"
    built.write_bytes(b"new")
    (tmp_path / "built-licenses.txt").write_bytes(b"licences")
    output = tmp_path / "new folder" / "deeper" / "vault-env"
    for _ in range(2):
        place(built, output)
        assert output.read_bytes() == b"new"
        assert output.stat().st_mode & 0o7777 == 0o755
        assert output.with_name("vault-env-licenses.txt").read_bytes() == b"licences"
        assert sorted(path.name for path in output.parent.iterdir()) == ["vault-env", "vault-env-licenses.txt"]
    with pytest.raises(BuildError, match="is a folder: name a file"):
        place(built, tmp_path)
    with pytest.raises(OSError, match="missing"):
        place(tmp_path / "missing", output)
    assert output.read_bytes() == b"new"
    assert sorted(path.name for path in output.parent.iterdir()) == ["vault-env", "vault-env-licenses.txt"]


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for the executable in the cache, with a compiler that is none."""
    path = tmp_path / "cache" / "vault-env"
    path.parent.mkdir()
    path.write_bytes(b"executable")
    path.with_name("vault-env-licenses.txt").write_bytes(b"licences")
    monkeypatch.setattr(build, "find_toolchain", lambda: Toolchain(["none"], "none", 1))
    monkeypatch.setattr(build, "provide_executable", lambda *_: path)
    return path


@pytest.mark.usefixtures("built")
def test_what_fails_the_checks_is_not_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "vault-env"
    output.write_bytes(b"before")
    finding = partial(Finding, "size", found="9 MiB", wanted="8 MiB", remedy="leave something out")
    monkeypatch.setattr(build, "verify", lambda *_, **__: [finding(is_fine=False)])
    assert main(["--output", str(output)]) == 1
    assert "FAILED  size: found 9 MiB; wanted 8 MiB" in capsys.readouterr().err
    assert output.read_bytes() == b"before"
    monkeypatch.setattr(build, "verify", lambda *_, **__: [finding(is_fine=True)])
    assert main(["--output", str(output)]) == 0
    assert output.read_bytes() == b"executable"


def test_errors_of_the_machine_are_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill_up(*_: object) -> None:
        raise OSError(28, "No space left on device", "/cache")

    monkeypatch.setattr(build, "find_toolchain", fill_up)
    assert main([]) == 1
    assert capsys.readouterr().err == "build: [Errno 28] No space left on device: '/cache'\n"


def test_an_interruption_is_no_error_to_be_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "find_toolchain", interrupt)
    assert main([]) == 130
    assert capsys.readouterr() == ("", "")


def run_build(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "static" / "build.py"), *arguments]
    return subprocess.run(
        command, cwd="/", env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True, check=False
    )


def test_as_a_program_from_another_folder(tmp_path: Path) -> None:
    ran = run_build(CC="false", XDG_CACHE_HOME=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "build: false is no C compiler that works: install gcc, or name one by CC\n"
    assert list(tmp_path.iterdir()) == []


def test_tools_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path / "make", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="not on this machine: perl, ar, ranlib; install them"):
        check_machine(Toolchain(["cc"], "", 1), tmp_path)


def test_a_compiler_that_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cannot make a static executable that runs here"):
        check_machine(Toolchain(["false"], "", 1), tmp_path)


def test_probes(tmp_path: Path) -> None:
    expect_compiler(
        ["-static-pie", "-x", "c", "-o", "/dev/null", os.devnull, "-Wl,--defsym=main=0"], "a static C library"
    )
    toolchain = Toolchain([COMPILER], "", 1)
    assert find_fault(toolchain, tmp_path, RELOCATED) == ""
    assert "failed with status 1" in find_fault(toolchain, tmp_path, "int main(void) { return 1; }")
    assert "no_such_header" in find_fault(toolchain, tmp_path, "#include <no_such_header.h>")
    assert "no-such-library" in find_fault(toolchain, tmp_path, HASHED, "-lno-such-library", *CRYPT)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def toolchain() -> Toolchain:
    try:
        return find_toolchain()
    except BuildError as error:
        report_missing(ServerMissing(str(error)))


@pytest.fixture
def executable(toolchain: Toolchain) -> Path:
    """The executable of this tree, from the cache or built now."""
    try:
        return provide_executable(toolchain, read_sources())
    except BuildError as error:
        report_missing(ServerMissing(str(error)))


@pytest.mark.servers
@pytest.mark.usefixtures("umask")
def test_the_last_step_gives_the_same_bytes(
    executable: Path, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere, in another language and time zone, for another number of processors and under another umask."""
    result, work = tmp_path / "some result", tmp_path / "some work"
    result.mkdir()
    work.mkdir()
    for name, value in (("TZ", "Asia/Tokyo"), ("LC_ALL", "C.UTF-8"), ("CFLAGS", "-O0"), ("PYTHONHASHSEED", "7")):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    build_executable(toolchain._replace(jobs=1), read_sources(), result, work)
    assert (result / "vault-env").read_bytes() == executable.read_bytes()
    assert (result / "vault-env").stat().st_mode & 0o7777 == 0o755


@pytest.mark.servers
def test_with_nothing_changed_nothing_is_compiled(
    executable: Path, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler is asked who it is."""
    real = shutil.which(toolchain.compiler[0])
    log = tmp_path / "asked"
    text = f'#!/bin/sh\nlast() {{ shift $(($# - 1)); echo "$1"; }}\nlast "$@" >> {log}\nexec {real} "$@"\n'
    make_program(tmp_path / "bin" / Path(toolchain.compiler[0]).name, text)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(libraries, "run", pytest.fail)
    monkeypatch.setattr(build, "run", pytest.fail)
    again = find_toolchain()
    assert provide_executable(again, read_sources()) == executable
    questions = {line.partition("=")[0] for line in log.read_text().splitlines()}
    assert questions == {"-dumpmachine", "--version", "-print-prog-name", "-print-file-name"}
