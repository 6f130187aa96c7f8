"""The executable is no interpreter for others: nothing that it is given, and nothing beside it, runs as Python.

Somebody who has got into a container without a shell must gain no scripting language by vault-env. Whatever could run
here would leave a mark.
"""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import report_missing
from tests.process.runner import COMMAND, PATH, run
from tests.process.shared_library import build_marking_library
from tests.servers.errors import ServerMissing

if TYPE_CHECKING:
    from tests.fakes.certificates import Authority

pytestmark = pytest.mark.forms("static")

REFERENCES = {"A": "vault:secret/data/app#user", "B": "vault:secret/data/app#${.user | upper | sha256sum | trunc 0}"}
# What the interpreter imports by itself, what vault-env does, and what stands for a whole program.
MODULES = [
    "__main__",
    "_frozen_importlib_external",
    "_json",
    "_socket",
    "_ssl",
    "_vaultenv_openssl",
    "_vaultenv_process",
    "_vaultenv_roots",
    "abc",
    "codecs",
    "encodings",
    "encodings/utf_8",
    "importlib/_bootstrap",
    "importlib/_bootstrap_external",
    "io",
    "math",
    "os",
    "posixpath",
    "resource",
    "runpy",
    "site",
    "sitecustomize",
    "stat",
    "usercustomize",
    "vault_secrets_webhook",
    "vault_secrets_webhook/vaultenv/__main__",
]


class Trap:
    """A folder with Python files, each of which leaves a mark when it is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "trap"
        self.mark = folder / "mark"
        self.code = f"import posix; posix.close(posix.open({str(self.mark)!r}, posix.O_CREAT | posix.O_WRONLY))\n"
        for module in MODULES:
            for name in (f"{module}.py", f"{module}/__init__.py"):
                self.write(name, self.code)
                self.write(f"lib/python3.11/{name}", self.code)
        self.script = self.write("script.py", self.code)
        self.script.chmod(0o755)
        self.archive = self.write("archive.zip", "")
        self.archive.write_bytes(self.zip())

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def zip(self) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for module in MODULES:
                archive.writestr(f"{module}.py", self.code)
        return buffer.getvalue()

    @property
    def is_sprung(self) -> bool:
        return self.mark.exists()


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def test_trap_works(trap: Trap) -> None:
    """An interpreter does step into it."""
    subprocess.run([sys.executable, str(trap.script)], capture_output=True, check=True)
    assert trap.is_sprung
    trap.mark.unlink()
    environ = {"PYTHONPATH": str(trap.folder), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-S", "-c", "import resource"], env=environ, capture_output=True, check=False)
    assert trap.is_sprung  # by `encodings` already


# Arguments as an interpreter takes them -> the exit code; `CODE` is a program.
ARGUMENTS: list[tuple[tuple[str, ...], int]] = [
    (("-c", "CODE"), 127),
    (("-cCODE",), 127),
    (("-I", "-S", "-c", "CODE"), 127),
    (("--", "-c", "CODE"), 127),
    (("-m", "runpy"), 127),
    (("-m", "http.server"), 127),
    (("-X", "importtime", "-c", "CODE"), 127),
    (("-W", "error", "script.py"), 127),
    (("--check-hash-based-pycs", "always", "script.py"), 127),
    (("--version", "script.py"), 127),
    (("-",), 127),
    (("-i",), 127),
    (("-V",), 127),
    (("-x", "script.py"), 127),
    (("script.py",), 127),
    (("./script.py",), 126),
    (("./archive.zip",), 126),
    ((".",), 126),
    (("--",), 1),
    ((), 1),
]


@pytest.mark.parametrize(("arguments", "code"), ARGUMENTS)
@pytest.mark.parametrize("name", ["vault-env", "python3", ""])
def test_arguments(executable: Path, trap: Trap, arguments: tuple[str, ...], code: int, name: str) -> None:
    """By any name of its own: programs such as busybox and the interpreter's launchers look at that."""
    ended = subprocess.run(
        [name, *(word.replace("CODE", trap.code) for word in arguments)],
        executable=executable,
        input=trap.code.encode(),
        env={"PATH": PATH},
        cwd=trap.folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, trap.is_sprung) == (code, b"", False)
    assert ended.stderr.count(b" level=ERROR ") == ended.stderr.count(b"\n") == 1


def test_no_argument_at_all(executable: Path, trap: Trap) -> None:
    """Not even a name of its own."""
    script = (
        "import ctypes, sys; none = (ctypes.c_char_p * 1)(); ctypes.CDLL(None).execve(sys.argv[1].encode(), none, none)"
    )
    words = [sys.executable, "-I", "-S", "-c", script, str(executable)]
    ended = subprocess.run(words, input=trap.code.encode(), capture_output=True, check=False, cwd=trap.folder)
    assert (ended.returncode, ended.stdout, trap.is_sprung) == (1, b"", False)
    assert b"no command is given" in ended.stderr


def test_link_named_as_an_interpreter(executable: Path, trap: Trap) -> None:
    link = trap.folder / "python3"
    link.symlink_to(executable)
    for words in ([str(trap.script)], ["-c", trap.code]):
        ended = subprocess.run([link, *words], capture_output=True, check=False, cwd=trap.folder, env={"PATH": PATH})
        assert ended.returncode in {126, 127}
    (trap.folder / "hashbang").write_text(f"#!{link} -c\n{trap.code}")
    (trap.folder / "hashbang").chmod(0o755)
    ended = subprocess.run(["./hashbang"], capture_output=True, check=False, cwd=trap.folder, env={"PATH": PATH})
    assert (ended.returncode, ended.stdout, trap.is_sprung) == (127, b"", False)


# What CPython reads of its environment, with what would do the most harm, and for glibc and OpenSSL as well.
VARIABLES = {
    "PYTHONBREAKPOINT": "script.main",
    "PYTHONCASEOK": "1",
    "PYTHONCOERCECLOCALE": "warn",
    "PYTHONDEBUG": "9",
    "PYTHONDEVMODE": "1",
    "PYTHONDUMPREFS": "1",
    "PYTHONDUMPREFSFILE": "{0}/refs",
    "PYTHONEXECUTABLE": "{0}/python3",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONHASHSEED": "nonsense",
    "PYTHONHOME": "{0}",
    "PYTHONINSPECT": "1",
    "PYTHONINTMAXSTRDIGITS": "1",
    "PYTHONIOENCODING": "evil:evil",
    "PYTHONMALLOC": "nonsense",
    "PYTHONMALLOCSTATS": "1",
    "PYTHONNODEBUGRANGES": "1",
    "PYTHONOPTIMIZE": "nonsense",
    "PYTHONPATH": "{0}:{0}/archive.zip",
    "PYTHONPLATLIBDIR": "{0}",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONPYCACHEPREFIX": "{0}/cache",
    "PYTHONSTARTUP": "{0}/script.py",
    "PYTHONTRACEMALLOC": "nonsense",
    "PYTHONUNBUFFERED": "1",
    "PYTHONUSERBASE": "{0}",
    "PYTHONUTF8": "nonsense",
    "PYTHONVERBOSE": "9",
    "PYTHONWARNDEFAULTENCODING": "1",
    "PYTHONWARNINGS": "error::script.Warning,error",
}


@pytest.mark.parametrize("names", [*([name] for name in VARIABLES), list(VARIABLES)], ids=lambda names: names[-1])
def test_variables_are_the_application_s(trap: Trap, environ: dict[str, str], names: list[str]) -> None:
    given = {name: VARIABLES[name].format(trap.folder) for name in names}
    seen = run({**environ, **REFERENCES, **given}, cwd=str(trap.folder))
    assert seen.environ == {"PATH": PATH, "A": "app-user", "B": "", **given}
    assert "secrets are injected" in seen.log
    assert seen.log.count("\n") == 1
    assert not trap.is_sprung
    assert not {"refs", "cache"} & {path.name for path in trap.folder.iterdir()}


@pytest.mark.parametrize("name", ["pyvenv.cfg", "vault-env._pth", "python._pth", "python311._pth", "pybuilddir.txt"])
def test_files_beside_the_executable(
    executable: Path, trap: Trap, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    copy = trap.folder / "bin" / "vault-env"
    trap.write(f"bin/{name}", f"home = {trap.folder}\n" if name == "pyvenv.cfg" else f"{trap.folder}\nimport site\n")
    trap.write("bin/site.py", trap.code)
    trap.write("bin/python311.zip", "").write_bytes(trap.zip())
    shutil.copy(executable, copy)
    monkeypatch.setattr(COMMAND, "words", (str(copy),))
    assert run({**environ, **REFERENCES}, cwd=str(trap.folder)).environ["A"] == "app-user"
    assert not trap.is_sprung


def test_archive_behind_the_executable(
    executable: Path, trap: Trap, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that is given such a file imports from it."""
    both = trap.folder / "both"
    both.write_bytes(executable.read_bytes() + trap.zip())
    both.chmod(0o755)
    subprocess.run([sys.executable, str(both)], capture_output=True, check=False, cwd=trap.folder)
    assert trap.is_sprung
    trap.mark.unlink()
    monkeypatch.setattr(COMMAND, "words", (str(both),))
    assert run({**environ, **REFERENCES, "PYTHONPATH": str(both)}).environ["A"] == "app-user"
    assert not trap.is_sprung


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler makes the library that should not be loaded")
def test_no_library_of_the_container_is_loaded(trap: Trap, vault: object, authority: Authority, tmp_path: Path) -> None:
    """Not for the loader, character sets and locales of libc, nor for OpenSSL: there is nothing that could load one."""
    library = build_marking_library(trap.folder / "evil.so", trap.mark)
    subprocess.run(["true"], env={"PATH": PATH, "LD_PRELOAD": str(library)}, check=True)
    assert trap.is_sprung
    trap.mark.unlink()
    gconv = trap.write(
        "gconv/gconv-modules", "module INTERNAL UTF-8// ../evil 1\nmodule UTF-8// INTERNAL ../evil 1\n"
    ).parent
    settings = trap.write(
        "openssl.cnf",
        "openssl_conf = a\n[a]\nproviders = b\nengines = e\n[b]\nevil = c\n"
        f"[c]\nmodule = {library}\nactivate = 1\n[e]\nevil = f\n[f]\ndynamic_path = {library}\ninit = 1\n",
    )
    loaders = {"LD_PRELOAD": str(library), "LD_AUDIT": str(library), "LD_LIBRARY_PATH": str(trap.folder)}
    places = {"GCONV_PATH": str(gconv), "LOCPATH": str(trap.folder), "LC_ALL": "evil", "CHARSET": "evil"}
    openssl = {"OPENSSL_CONF": str(settings), "OPENSSL_MODULES": str(trap.folder), "OPENSSL_ENGINES": str(trap.folder)}
    tls = authority.issue(f"evil-{tmp_path.name}", "127.0.0.1")[0]
    given = {
        "VAULT_ADDR": "https://127.0.0.1:1",
        "VAULT_CACERT": str(tls),
        "VAULT_TOKEN": "x",
        "VAULT_MAX_RETRIES": "0",
    }
    seen = run({**given, **REFERENCES, **loaders, **places, **openssl}, "true")
    assert seen.code == 1
    assert "refuses the connection" in seen.log
    assert run({**loaders, **places, **openssl}, "--version").code == 0
    assert not trap.is_sprung


# What the executable itself may look at, wherever it runs: the time zone, and what tells where hosts are.
FILES = {
    *("/proc/self/exe", "/dev/null", "/etc/localtime"),
    *("/etc/nsswitch.conf", "/etc/host.conf", "/etc/resolv.conf", "/etc/hosts", "/", "/etc/services"),
}


def expect_tracing() -> None:
    """Skip the test where no process may be traced; with `CI` set, fail it."""
    if shutil.which("strace") is None:
        report_missing(ServerMissing("strace is not on this machine (apt-get install strace)"))
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode != 0:
        report_missing(ServerMissing("strace may not trace a process here"))


def test_no_other_file_is_looked_at(executable: Path, trap: Trap, environ: dict[str, str]) -> None:
    """Between its own start and that of the application; no folder is searched for modules."""
    expect_tracing()
    given = {**environ, **REFERENCES, "VAULT_ADDR": environ["VAULT_ADDR"].replace("127.0.0.1", "localhost")}
    trace = trap.folder / "trace"
    words = ["strace", "-f", "-e", "trace=%file", "-o", str(trace), str(executable), "/bin/true"]
    subprocess.run(words, env={"PATH": PATH, **given}, capture_output=True, check=True, cwd=trap.folder)
    calls = re.findall(r'^\d+ +(\w+)\((?:AT_FDCWD, )?"([^"]*)"', trace.read_text(), re.MULTILINE)
    last = next(index for index, call in enumerate(calls) if call == ("execve", "/bin/true"))
    assert calls[0] == ("execve", str(executable))
    assert {path for _, path in calls[1:last]} - {"/bin/true"} <= FILES


def log_lines_only(log: str) -> bool:
    """Tell whether all that was written is our own: log lines, and what main.c has to say without Python."""
    return all(line.startswith(("time=", "vault-env: ")) for line in log.splitlines())


@pytest.mark.parametrize("mebibytes", [2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 64, 128])
def test_python_itself_says_nothing(executable: Path, environ: dict[str, str], canary: str, mebibytes: float) -> None:
    """However little memory there is beside the file, and wherever it ends: no traceback, which may show a value."""
    most = executable.stat().st_size + int(mebibytes * (1 << 20))
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (most, most))
    big = {f"V{number}": f"{canary} ${{vault:secret/data/app#user}} {'x' * 10_000}" for number in range(20)}
    big |= {f"T{number}": "vault:secret/data/app#${repeat 100000 .user | sha256sum}" for number in range(20)}
    ended = subprocess.run(
        [*COMMAND, "/bin/true"],
        env={**environ, **REFERENCES, **big},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=limit,
    )
    assert ended.returncode in {0, 1, 127}, (ended.returncode, ended.stderr)
    assert ended.stdout == ""
    assert log_lines_only(ended.stderr) or ended.returncode == 127, ended.stderr  # 127: the application's loader
    assert canary not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_frozen_modules_have_no_source(executable: Path) -> None:
    """What is in the file is code without its text, its documentation and the folders of who built it."""
    content = executable.read_bytes()
    assert b"Start the command, answer or copy; the exit code." not in content
    assert os.fsencode(Path(__file__).parents[2]) not in content
