"""Executables with one fault each, made here: every check finds its own fault, and none that is not there."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from static import verify as module
from static.verify import CHECKS, STARTS, Finding, Limits, main, verify
from tests.servers.process import poll
from tests.static.compiler import expect_compiler, report_missing, run_compiler

ROOT = Path(__file__).parents[2]
EXECUTABLE = ROOT / "build" / "vault-env"

SOURCE = r"""
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef STORAGE
#define STORAGE static const
#endif
#ifndef NAMES
#define NAMES "alpha\0beta.gamma\0_frozen_importlib"
#endif
#ifndef BUILTINS
#define BUILTINS "posix\0_io"
#endif
#ifndef CODE
#define CODE "<frozen alpha>\0<frozen alpha>\0<frozen beta.gamma>\0<frozen %s>" \
    "<frozen importlib._bootstrap><frozen _frozen_importlib>"
#endif
#ifndef TEXT
#define TEXT "nothing"
#endif

#ifndef WITHOUT_NAMES
__attribute__((used, section(".vaultenv.names"))) STORAGE char names[] = NAMES;
#endif
__attribute__((used, section(".vaultenv.builtins"))) static const char builtins[] = BUILTINS;
__attribute__((used)) static const char code[] = CODE;
__attribute__((used)) static const char text[] = TEXT;

#ifdef ADDRESS_IN_CODE
__asm__(".pushsection .text; .quad names; .popsection");
#endif

int main(int count, char **arguments)
{
    if (count != 2 || strcmp(arguments[1], "/bin/true") != 0) {
        return 64;
    }
#ifdef SPIN
    while (clock() < CLOCKS_PER_SEC / 20) { }
#endif
#ifdef FILL
    memset(malloc(FILL << 20), 1, FILL << 20);
#endif
#ifdef WAIT
    pause();
#endif
#ifdef SAY
    write(2, SAY, sizeof SAY - 1);
    return 3;
#endif
    return 0;
}
"""
MODULES = """
# Why they are there.
alpha
beta.gamma

importlib._bootstrap
builtin: _io
builtin: posix
"""
STATIC_PIE = ["-Os", "-fPIE", "-static-pie", "-s", "-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"]


class Workshop(NamedTuple):
    """A folder with the source of the stand-in and the list of its modules."""

    folder: Path

    @property
    def modules(self) -> Path:
        return self.folder / "modules.txt"

    def build(self, *flags: str, without: str = "") -> Path:
        path = self.folder / f"stand-in-{hash((flags, without)):x}"
        if not path.exists():
            kept = [flag for flag in STATIC_PIE if flag != without]
            run_compiler([*kept, *flags, "-o", str(path), str(self.folder / "stand-in.c")])
        return path

    def write(self, data: bytes) -> Path:
        path = self.folder / "written"
        path.write_bytes(data)
        path.chmod(0o755)
        return path


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("verify")
    source = folder / "stand-in.c"
    source.write_text(SOURCE)
    (folder / "modules.txt").write_text(MODULES)
    expect_compiler([*STATIC_PIE, "-o", str(folder / "probe"), str(source)], "the C library for static linking")
    return Workshop(folder)


@pytest.fixture(scope="module")
def fine(workshop: Workshop) -> bytes:
    return workshop.build().read_bytes()


def list_failed(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.found for finding in findings if not finding.is_fine}


def test_fine(workshop: Workshop) -> None:
    findings = verify(workshop.build(), workshop.modules)
    assert list_failed(findings) == {}
    assert [finding.check for finding in findings] == [row.name for row in CHECKS + STARTS]


PROBLEMS = {
    "dynamic": (["-pie"], "-static-pie", {"interpreter": "/lib", "libraries": "NEEDED"}),
    "runpath": (["-Wl,-rpath,/opt/lib"], "", {"libraries": "RUNPATH"}),
    "rpath": (["-Wl,--disable-new-dtags,-rpath,/opt/lib"], "", {"libraries": "RPATH"}),
    "fixed addresses": (["-static", "-no-pie"], "-static-pie", {"type": "a program of fixed addresses"}),
    "executable stack": (["-Wl,-z,execstack"], "", {"stack": "an executable one"}),
    "no RELRO": (["-Wl,-z,norelro"], "", {"relocated data": "no segment GNU_RELRO"}),
    "lazy": (["-Wl,-z,lazy"], "", {"relocated data": "a table of addresses that stays writable"}),
    "address in code": (["-DADDRESS_IN_CODE", "-Wl,-z,notext"], "", {"relocated code": "TEXTREL"}),
    "symbols": ([], "-s", {"symbols": ".symtab"}),
    "debug information": (["-g", "-ffile-prefix-map={folder}=/home/me"], "-s", {"symbols": ".debug_", "paths": "'/"}),
    "frozen module": (
        [r'-DNAMES="alpha\0zeta\0_frozen_importlib"'],
        "",
        {"frozen modules": "not in the list: zeta; in the list only: beta.gamma"},
    ),
    "frozen twice": (
        [r'-DNAMES="alpha\0beta.gamma\0importlib._bootstrap\0alpha"'],
        "",
        {"frozen modules": "not in the list: alpha"},
    ),
    "none frozen": (["-DWITHOUT_NAMES"], "", {"frozen modules": "no section .vaultenv.names"}),
    "frozen modules may change": (
        ["-DSTORAGE=static"],
        "",
        {"frozen modules": "a section .vaultenv.names that is not read-only"},
    ),
    "frozen code": (
        [r'-DCODE="<frozen alpha>\0<frozen beta.gamma>\0<frozen site>"'],
        "",
        {"frozen code": "not in the list: site; in the list only: _frozen_importlib"},
    ),
    "built-in module": ([r'-DBUILTINS="posix\0_io\0_ctypes"'], "", {"built-in modules": "not in the list: _ctypes"}),
    "path": (['-DTEXT="x/home/me/src"'], "", {"paths": "'/home/me/src' at byte "}),
    "words of the compiler": (
        ['-DTEXT="import * only allowed at module level"'],
        "",
        {"compiler of Python": "'import * only"},
    ),
}


@pytest.mark.parametrize(("flags", "without", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems(workshop: Workshop, flags: list[str], without: str, expected: dict[str, str]) -> None:
    flags = [flag.format(folder=workshop.folder) for flag in flags]
    failed = list_failed(verify(workshop.build(*flags, without=without), workshop.modules, is_started=False))
    assert failed.keys() == expected.keys()
    for check, found in expected.items():
        assert found in failed[check]


def test_forbidden_folder(workshop: Workshop) -> None:
    path = workshop.build('-DTEXT="/opt/build/python/main.c"')
    assert list_failed(verify(path, workshop.modules, is_started=False)) == {}
    failed = list_failed(verify(path, workshop.modules, forbidden=["/opt/build", "/opt/other"], is_started=False))
    assert failed.keys() == {"paths"}


def test_size(workshop: Workshop) -> None:
    size = workshop.build().stat().st_size / 2**20
    for limit, failed in ((size, {}), (size * 0.99, {"size": f"{size:.2f} MiB"})):
        assert list_failed(verify(workshop.build(), workshop.modules, Limits(size=limit), is_started=False)) == failed


def test_committed_limits() -> None:
    """They are a promise of the documentation."""
    assert Limits() == (8, 15, 16)


def change_segments(data: bytes, kind: int, flags: int, kind_after: int) -> bytes:
    """Give an ELF file whose segments of a kind have more flags, and another kind."""
    changed = bytearray(data)
    start, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    for offset in range(start, start + size * count, size):
        before = struct.unpack_from("<II", data, offset)
        if before[0] == kind:
            struct.pack_into("<II", changed, offset, kind_after, before[1] | flags)
    return bytes(changed)


def test_writable_code(workshop: Workshop, fine: bytes) -> None:
    path = workshop.write(change_segments(fine, module.LOAD, module.WRITABLE | module.EXECUTABLE, module.LOAD))
    failed = list_failed(verify(path, workshop.modules, is_started=False))
    assert failed.keys() == {"writable code"}
    assert failed["writable code"].endswith(" segments")


def test_stack_is_not_told(workshop: Workshop, fine: bytes) -> None:
    path = workshop.write(change_segments(fine, module.GNU_STACK, 0, 0))
    failed = list_failed(verify(path, workshop.modules, is_started=False))
    assert failed == {"stack": "no segment GNU_STACK, which means an executable one"}


def test_shared_object(workshop: Workshop, fine: bytes) -> None:
    """Only a flag tells a program from a library."""
    flag = struct.pack("<QQ", module.FLAGS_1, module.DF_1_PIE | module.DF_1_NOW)
    assert fine.count(flag) == 1
    path = workshop.write(fine.replace(flag, struct.pack("<QQ", module.FLAGS_1, module.DF_1_NOW)))
    failed = list_failed(verify(path, workshop.modules, is_started=False))
    assert failed == {"type": "a shared object that is not marked as a program"}


def test_other_machine(workshop: Workshop, fine: bytes) -> None:
    path = workshop.write(fine[:18] + struct.pack("<H", 40) + fine[20:])  # ARM of 32 bits
    assert list_failed(verify(path, workshop.modules, is_started=False)) == {"machine": "machine 40"}
    failed = list_failed(verify(path, workshop.modules))
    assert failed.keys() == {"machine", "start", "memory"}
    assert failed["start"].startswith("an executable for another machine than this")


def test_slow_start(workshop: Workshop) -> None:
    failed = list_failed(verify(workshop.build("-DSPIN"), workshop.modules))
    assert failed.keys() == {"start"}
    assert float(failed["start"].split()[0]) >= 49


def test_large_memory(workshop: Workshop) -> None:
    failed = list_failed(verify(workshop.build("-DFILL=24", without="-Os"), workshop.modules, Limits(start=1000)))
    assert failed.keys() == {"memory"}
    assert 24 <= float(failed["memory"].split()[-2]) < 27


def test_start_that_fails(workshop: Workshop) -> None:
    failed = list_failed(verify(workshop.build('-DSAY="no luck\\n"'), workshop.modules))
    assert failed.keys() == {"start", "memory"}
    assert failed["start"] == "no start: no luck; it ended with 3 (a negative number is a signal)"


def test_file_without_the_right_to_start(workshop: Workshop, fine: bytes) -> None:
    path = workshop.write(fine)
    path.chmod(0o644)
    failed = list_failed(verify(path, workshop.modules))
    assert failed.keys() == {"start", "memory"}
    assert "Permission denied" in failed["start"]


def test_start_without_an_end(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUN_SECONDS", 0.5)
    path = workshop.build("-DWAIT")
    failed = list_failed(verify(path, workshop.modules))
    assert failed.keys() == {"start", "memory"}
    assert failed["start"] == "no end of 30 starts after 0.5 s"
    poll(lambda: not list_processes(path), what="the processes that were killed gone")


def list_processes(path: Path) -> list[str]:
    """Give what runs of an executable; what has ended but was not waited for has no command line."""
    running = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes()
        except OSError:
            continue
        if command.split(b"\0")[0] == bytes(path):
            running.append(file.parent.name)
    return running


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"", "an empty file", id="empty"),
        pytest.param(b"#!/bin/sh\n", "no ELF file", id="script"),
        pytest.param(b"\x7fEL", "no ELF file", id="three bytes"),
        pytest.param(b"\x7fELF", "an ELF file that is not of 64 bits and little-endian", id="four bytes"),
        pytest.param(b"\x7fELF\1\1\1" + bytes(100), "an ELF file that is not of 64 bits", id="32 bits"),
        pytest.param(b"\x7fELF\2\2\1" + bytes(100), "an ELF file that is not of 64 bits", id="big-endian"),
        pytest.param(
            b"\x7fELF\2\1\1" + bytes(50), "a file that is cut off: its parts reach to byte 64 of 57", id="cut"
        ),
    ],
)
def test_no_executable(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    (finding,) = verify(path)
    assert (finding.check, finding.is_fine) == ("file", False)
    assert finding.found.startswith(found)


def test_file_out_of_reach(tmp_path: Path) -> None:
    for path, found in ((tmp_path / "missing", "No such file"), (tmp_path, "Is a directory")):
        (finding,) = verify(path)
        assert found in finding.found


@given(st.floats(0, 1, exclude_max=True))
def test_any_cut(workshop: Workshop, fine: bytes, part: float) -> None:
    (finding,) = verify(workshop.write(fine[: int(len(fine) * part)]), workshop.modules)
    assert not finding.is_fine


@given(st.dictionaries(st.integers(0, 63), st.integers(0, 255), min_size=1), st.binary(max_size=200))
def test_any_header(workshop: Workshop, header: dict[int, int], rest: bytes) -> None:
    """Whatever the header says, there is an answer."""
    data = bytearray(struct.pack("<4s12xHHIQQQIHHHHHH", b"\x7fELF", 3, 62, 1, 0, 64, 64, 0, 64, 56, 2, 64, 1, 0) + rest)
    data[4:6] = b"\2\1"
    for offset, value in header.items():
        data[offset] = value
    assert list_failed(verify(workshop.write(bytes(data)), workshop.modules, is_started=False))


def test_list_out_of_reach(workshop: Workshop) -> None:
    failed = list_failed(verify(workshop.build(), workshop.folder / "missing.txt", is_started=False))
    assert failed.keys() == {"frozen modules", "frozen code", "built-in modules"}
    assert all(found.startswith("no list to compare with: ") for found in failed.values())


def test_report(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(workshop.build()), "--list", str(workshop.modules)]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CHECKS + STARTS)
    assert all(line.startswith("ok ") for line in lines)

    assert main([*arguments, "--max-size", "0.125", "--no-start"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CHECKS)
    (line,) = (line for line in lines if not line.startswith("ok "))
    size = workshop.build().stat().st_size / 2**20
    assert line == (
        f"FAILED  size: found {size:.2f} MiB; wanted at most 0.125 MiB; find what has grown, or change Limits and say why"
    )


@pytest.mark.parametrize("option", ["--max-start=0", "--max-memory=0", "--forbid=/opt/build"])
def test_options(workshop: Workshop, option: str) -> None:
    path = workshop.build('-DTEXT="/opt/build/python/main.c"')
    assert main([str(path), "--list", str(workshop.modules)]) == 0
    assert main([str(path), "--list", str(workshop.modules), option]) == 1


def test_script(workshop: Workshop, tmp_path: Path) -> None:
    """It needs nothing but the standard library, and runs from anywhere."""
    command = [sys.executable, "-I", "-S", str(ROOT / "static" / "verify.py"), str(workshop.build()), "--list"]
    result = subprocess.run(
        [*command, str(workshop.modules)], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_vault_env() -> None:
    if not EXECUTABLE.exists():
        report_missing(f"there is no {EXECUTABLE.relative_to(ROOT)}: run `make vault-env`")
    assert [str(finding) for finding in verify(EXECUTABLE) if not finding.is_fine] == []
