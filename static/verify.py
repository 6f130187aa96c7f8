"""Reads the executable that the build left, and tells whether it is what we promise: `python3 static/verify.py FILE`.

One line a check, whatever the others found; the exit status is 1 if one failed. The ELF file is read here and by
nothing else, neither binutils nor the code that built it: what made a mistake is no judge of it. The last checks start
the executable as a container does that needs no secret, in an empty environment.

Sources: System V ABI, chapters 4 and 5; elf(5); wait4(2) for processor time and memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import signal
import struct
import sys
from collections import Counter
from functools import cached_property, partial
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STATIC = Path(__file__).resolve().parent
MODULES = STATIC / "modules.txt"
BUILTIN = "builtin: "
# Two modules that the interpreter knows by other names than the library does; a list may have either.
SAME = {
    "importlib._bootstrap": "_frozen_importlib",
    "importlib._bootstrap_external": "_frozen_importlib_external",
}
MIB = 1 << 20

MACHINES = {62: "x86_64", 183: "aarch64"}
FIXED, SHARED = 2, 3
# Of segments.
LOAD, DYNAMIC, INTERP, GNU_STACK, GNU_RELRO = 1, 2, 3, 0x6474E551, 0x6474E552
EXECUTABLE, WRITABLE = 1, 2
# Of sections.
SYMBOLS, NO_BITS = 2, 8
SECTION_WRITABLE, ALLOCATED = 1, 2
# Of the dynamic section.
TEXTREL, BIND_NOW, FLAGS, FLAGS_1 = 22, 24, 30, 0x6FFFFFFB
LIBRARY_TAGS = {1: "NEEDED", 15: "RPATH", 29: "RUNPATH"}
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 4, 8, 1, 0x08000000

# Folders that only the machine has on which the executable was built.
FOREIGN = (b"/home/", b"/root/", b"/tmp/")
# What the tokenizer, the parser, the symbol table and the compiler of Python say.
COMPILER_WORDS = (
    b"unterminated string literal",
    b"Perhaps you forgot a comma",
    b"import * only allowed at module level",
    b"'yield' outside function",
)

RUNS, RUN_SECONDS = 30, 60
COMMAND = "/bin/true"
# Run by an interpreter of its own: a process starts with the peak memory of the one that started it.
PROBE = """
import os, sys
times, peaks = [], []
for _ in range(int(sys.argv[1])):
    pid = os.posix_spawn(sys.argv[2], sys.argv[2:], {})
    _, status, usage = os.wait4(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(f"it ended with {code} (a negative number is a signal)")
    times.append(usage.ru_utime + usage.ru_stime)
    peaks.append(usage.ru_maxrss)
print(min(times) * 1e3, max(peaks) / 1024)
"""


class Limits(NamedTuple):
    """The budget: MiB of the file, milliseconds of processor time of a start, MiB of peak memory."""

    size: float = 8
    start: float = 15
    memory: float = 16


class Finding(NamedTuple):
    """What a check found. As text it is a line of the report."""

    check: str
    is_fine: bool
    found: str
    wanted: str
    remedy: str

    def __str__(self) -> str:
        if self.is_fine:
            return f"ok      {self.check}: {self.found}"
        return f"FAILED  {self.check}: found {self.found}; wanted {self.wanted}; {self.remedy}"


class ElfError(Exception):
    """A file is no ELF file that can be read. The text continues `found`."""


class Part(NamedTuple):
    """What a row of the program headers (a segment) or of the section headers tells of."""

    kind: int
    flags: int
    content: bytes


class Elf:
    """A 64-bit little-endian ELF file. Raises ElfError."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        if data[:4] != b"\x7fELF":
            raise ElfError("no ELF file" if data else "an empty file")
        if data[4:6] != b"\x02\x01":
            raise ElfError("an ELF file that is not of 64 bits and little-endian")
        header = self.unpack("<HHIQQQIHHHHHH", 16)
        self.type, self.machine = header[0], header[1]
        rows = [self.unpack("<IIQQQQQQ", header[4] + index * header[8]) for index in range(header[9])]
        self.segments = [Part(row[0], row[1], self.cut(row[2], row[5])) for row in rows]
        self.sections = self.read_sections(header[5], *header[10:])
        self.dynamic = self.read_dynamic()

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack(layout, self.cut(offset, struct.calcsize(layout)))

    def cut(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.data):
            raise ElfError(f"a file that is cut off: its parts reach to byte {offset + size} of {len(self.data)}")
        return self.data[offset : offset + size]

    def read_sections(self, start: int, row_size: int, count: int, names_index: int) -> dict[str, Part]:
        rows = [self.unpack("<IIQQQQIIQQ", start + index * row_size) for index in range(count)]
        if names_index >= count:
            return {}
        names = self.cut(rows[names_index][4], rows[names_index][5])
        sections = {}
        for name, kind, flags, _, offset, size, *_ in rows:
            text = names[name:].partition(b"\0")[0].decode(errors="replace")
            sections[text] = Part(kind, flags, b"" if kind == NO_BITS else self.cut(offset, size))
        return sections

    def read_dynamic(self) -> dict[int, int]:
        """Give the dynamic section's last value for each tag."""
        content = b"".join(segment.content for segment in self.segments if segment.kind == DYNAMIC)
        return dict(struct.iter_unpack("<QQ", content[: len(content) // 16 * 16]))

    def select(self, kind: int) -> list[Part]:
        return [segment for segment in self.segments if segment.kind == kind]


class Subject:
    """The executable and what it is held against."""

    def __init__(self, path: Path, data: bytes, modules: Path, limits: Limits, foreign: Sequence[bytes]) -> None:
        self.path = path
        self.elf = Elf(data)
        self.modules = modules
        self.limits = limits
        self.foreign = foreign

    @cached_property
    def usage(self) -> tuple[float, float] | str:
        """Milliseconds of the quickest start and MiB of the largest, or why it does not start."""
        if MACHINES.get(self.elf.machine) != platform.machine():
            return f"an executable for another machine than this ({platform.machine()})"
        command = [sys.executable, "-I", "-S", "-c", PROBE, str(RUNS), str(self.path.resolve()), COMMAND]
        with Popen(
            command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, errors="replace", start_new_session=True
        ) as process:
            try:
                output, _ = process.communicate(timeout=RUN_SECONDS)
            except TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return f"no end of {RUNS} starts after {RUN_SECONDS} s"
        lines = output.splitlines()
        if process.returncode:
            return "no start: " + "; ".join(lines[-3:])
        milliseconds, peak = lines[-1].split()
        return float(milliseconds), float(peak)


# Whether it is fine, and what was found.
Result = tuple[bool, str]


def look_at_machine(subject: Subject) -> Result:
    machine = subject.elf.machine
    return machine in MACHINES, MACHINES.get(machine, f"machine {machine}")


def look_at_type(subject: Subject) -> Result:
    if subject.elf.type != SHARED:
        return False, "a program of fixed addresses" if subject.elf.type == FIXED else "no program"
    is_fine = bool(subject.elf.dynamic.get(FLAGS_1, 0) & DF_1_PIE)
    return is_fine, "position-independent" if is_fine else "a shared object that is not marked as a program"


def look_at_interpreter(subject: Subject) -> Result:
    found = [segment.content.rstrip(b"\0").decode(errors="replace") for segment in subject.elf.select(INTERP)]
    return not found, ", ".join(found) or "none"


def look_at_libraries(subject: Subject) -> Result:
    found = [name for tag, name in LIBRARY_TAGS.items() if tag in subject.elf.dynamic]
    return not found, ", ".join(found) or "none"


def look_at_relro(subject: Subject) -> Result:
    tags = subject.elf.dynamic
    if not subject.elf.select(GNU_RELRO):
        return False, "no segment GNU_RELRO"
    is_bound = BIND_NOW in tags or tags.get(FLAGS, 0) & DF_BIND_NOW or tags.get(FLAGS_1, 0) & DF_1_NOW
    if tags and not is_bound:
        return False, "a table of addresses that stays writable (no BIND_NOW)"
    return True, "read-only once it is relocated"


def look_at_stack(subject: Subject) -> Result:
    segments = subject.elf.select(GNU_STACK)
    if not segments:
        return False, "no segment GNU_STACK, which means an executable one"
    is_fine = not any(segment.flags & EXECUTABLE for segment in segments)
    return is_fine, "not executable" if is_fine else "an executable one"


def look_at_segments(subject: Subject) -> Result:
    both = WRITABLE | EXECUTABLE
    count = sum(segment.flags & both == both for segment in subject.elf.select(LOAD))
    return not count, f"{count or 'no'} segment{'s' * (count != 1)}"


def look_at_text(subject: Subject) -> Result:
    tags = subject.elf.dynamic
    is_fine = TEXTREL not in tags and not tags.get(FLAGS, 0) & DF_TEXTREL
    return is_fine, "none" if is_fine else "TEXTREL"


def look_at_symbols(subject: Subject) -> Result:
    found = [
        name
        for name, section in subject.elf.sections.items()
        if section.kind == SYMBOLS or name.startswith((".debug_", ".zdebug_"))
    ]
    return not found, ", ".join(found) or "none"


def look_at_size(subject: Subject) -> Result:
    size = len(subject.elf.data) / MIB
    return size <= subject.limits.size, f"{size:.2f} MiB"


def look_at_names(subject: Subject, *, name: str, is_builtin: bool) -> Result:
    """Read a section that has the names of modules, which the interpreter's table of them refers to."""
    section = subject.elf.sections.get(name)
    if section is None:
        return False, f"no section {name}"
    if section.flags & (ALLOCATED | SECTION_WRITABLE) != ALLOCATED:
        return False, f"a section {name} that is not read-only data of the program"
    texts = [text.decode(errors="replace") for text in section.content.split(b"\0") if text]
    return compare(subject, texts, is_builtin=is_builtin)


def look_at_code(subject: Subject) -> Result:
    """Search for what all code that was frozen carries: where it comes from."""
    names = [name.decode() for name in re.findall(rb"<frozen ([\w.]+)>", subject.elf.data)]
    return compare(subject, sorted({SAME.get(name, name) for name in names}), is_builtin=False)


def compare(subject: Subject, names: Sequence[str], *, is_builtin: bool) -> Result:
    try:
        listed = read_list(subject.modules, is_builtin=is_builtin)
    except (OSError, UnicodeDecodeError) as error:
        return False, f"no list to compare with: {error}"
    found, wanted = (Counter(SAME.get(name, name) for name in one) for one in (names, listed))
    parts = {"not in the list": found - wanted, "in the list only": wanted - found}
    problems = [f"{what}: {', '.join(sorted(rest.elements()))}" for what, rest in parts.items() if rest]
    return not problems, "; ".join(problems) or f"{len(names)} as listed"


def read_list(path: Path, *, is_builtin: bool) -> list[str]:
    """Read a list of modules: one name a line, those in C behind `builtin: `; `#` begins a line that says why."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    names = [line for line in lines if line and not line.startswith("#") and line.startswith(BUILTIN) == is_builtin]
    return [line.removeprefix(BUILTIN).strip() for line in names]


def look_at_paths(subject: Subject) -> Result:
    return search(subject, subject.foreign)


def search(subject: Subject, words: Sequence[bytes]) -> Result:
    data, found = subject.elf.data, []
    for word in words:
        place = data.find(word)
        if place >= 0:
            text = data[place : place + 60].partition(b"\0")[0]
            found.append(f"{text.decode('ascii', 'backslashreplace')!r} at byte {place}")
    return not found, ", ".join(found) or "none"


def look_at_start(subject: Subject) -> Result:
    if isinstance(subject.usage, str):
        return False, subject.usage
    return subject.usage[0] <= subject.limits.start, f"{subject.usage[0]:.1f} ms at the quickest of {RUNS} starts"


def look_at_memory(subject: Subject) -> Result:
    if isinstance(subject.usage, str):
        return False, subject.usage
    return subject.usage[1] <= subject.limits.memory, f"not more than {subject.usage[1]:.1f} MiB"


class Check(NamedTuple):
    """A row of CHECKS. `wanted` may name limits."""

    name: str
    wanted: str
    remedy: str
    look: Callable[[Subject], Result]


LISTED = "those of the list, each once", "leave them out, or change the list if they are meant to be there"
look_at_frozen = partial(look_at_names, name=".vaultenv.names", is_builtin=False)
look_at_builtin = partial(look_at_names, name=".vaultenv.builtins", is_builtin=True)
look_at_compiler = partial(search, words=COMPILER_WORDS)
CHECKS = (
    Check("machine", "x86_64 or aarch64", "build it for one of these", look_at_machine),
    Check("type", "a position-independent program", "link it with -static-pie", look_at_type),
    Check("interpreter", "none", "link it with -static-pie", look_at_interpreter),
    Check("libraries", "none", "link these statically, without -rpath", look_at_libraries),
    Check("relocated data", "them read-only", "link it with -Wl,-z,relro,-z,now", look_at_relro),
    Check("stack", "one that is not executable", "link it with -Wl,-z,noexecstack", look_at_stack),
    Check("writable code", "no segment that is writable and executable", "link it without -Wl,-N", look_at_segments),
    Check("relocated code", "none", "compile all of it with -fPIE, and link it with -Wl,-z,text", look_at_text),
    Check("symbols", "none", "link it with -s", look_at_symbols),
    Check("size", "at most {limits.size:g} MiB", "find what has grown, or change Limits and say why", look_at_size),
    Check("frozen modules", *LISTED, look_at_frozen),
    Check("frozen code", *LISTED, look_at_code),
    Check("built-in modules", *LISTED, look_at_builtin),
    Check("paths", "none of the machine that built it", "build it with -ffile-prefix-map", look_at_paths),
    Check("compiler of Python", "none of its messages", "find what calls it and wrap that (native/)", look_at_compiler),
)
STARTS = (
    Check("start", "at most {limits.start:g} ms of processor time", "find what else it imports", look_at_start),
    Check("memory", "at most {limits.memory:g} MiB", "find what else it imports or unpacks", look_at_memory),
)


def verify(
    path: Path,
    modules: Path = MODULES,
    limits: Limits = Limits(),  # noqa: B008 - it cannot be changed
    *,
    forbidden: Sequence[str | Path] = (),
    is_started: bool = True,
) -> list[Finding]:
    """Run all checks on an executable. `forbidden` are further folders whose names it must not hold.

    With `is_started` false it is not started, which is for another machine's.
    """
    try:
        foreign = (*FOREIGN, *(os.fsencode(folder) for folder in forbidden))
        subject = Subject(path, path.read_bytes(), modules, limits, foreign)
    except (ElfError, OSError) as error:
        return [Finding("file", False, str(error), "an executable", "run `make vault-env`")]  # noqa: FBT003 - the class
    checks = CHECKS + STARTS if is_started else CHECKS
    return [Finding(row.name, *row.look(subject), row.wanted.format(limits=limits), row.remedy) for row in checks]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is found; returns the exit status."""
    parser = argparse.ArgumentParser(prog="static/verify.py", description="Tell whether vault-env is what we promise.")
    parser.add_argument("path", metavar="FILE", type=Path, help="the executable")
    parser.add_argument(
        "--list", metavar="FILE", type=Path, default=MODULES, help="modules that it may have (%(default)s)"
    )
    for name, default in Limits()._asdict().items():
        unit = "MS" if name == "start" else "MIB"
        parser.add_argument(f"--max-{name}", metavar=unit, type=float, default=default, help="(%(default)s)")
    parser.add_argument("--forbid", metavar="FOLDER", action="append", default=[], help="a folder it must not name")
    parser.add_argument("--no-start", action="store_true", help="do not start it: it is another machine's")
    options = parser.parse_args(arguments)
    limits = Limits(options.max_size, options.max_start, options.max_memory)
    findings = verify(options.path, options.list, limits, forbidden=options.forbid, is_started=not options.no_start)
    for finding in findings:
        print(finding)
    return 0 if all(finding.is_fine for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
