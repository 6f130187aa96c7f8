"""Compiles OpenSSL and CPython into static libraries, each cached under the hash of all that goes into it.

Both are built inside their own source folders, so that no path of this machine gets into what the compiler writes.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from static.sources import VERSIONS, BuildError, provide_source, read_versions, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Position-independent and hardened; each function by itself, so that the linker can leave out what nothing calls; without
# tables for C++ exceptions, which nothing throws.
FLAGS = ["-fPIE", "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]
FLAGS += ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"]

# OpenSSL for a TLS client of version 1.2 and newer, and for what templates can ask of it: RSA, DSA, elliptic curves,
# AES, SHA-1, SHA-2, MD5, HMAC, scrypt. `no-err` leaves out the texts of errors, not their names, which Python has.
# `no-autoload-config`: a file /etc/ssl/openssl.cnf in the container changes nothing.
OPENSSL_WITHOUT = """
    afalgeng aria autoerrinit autoload-config bf blake2 camellia cast cmp cms comp ct des dso dtls ec2m engine err
    filenames gost idea legacy md4 mdc2 module multiblock nextprotoneg ocb ocsp pinshared psk rc2 rc4 rfc3779 rmd160
    secure-memory seed shared siphash siv sm2 sm3 sm4 srp srtp ssl-trace ssl3 tests tls1 tls1_1 ts whirlpool
""".split()  # noqa: SIM905 - this can be read
OPENSSL_TARGETS = {"x86_64": "linux-x86_64", "aarch64": "linux-aarch64"}
OPENSSL_LEVEL = "-Os"

# Small, but for the objects in which a start spends its time: they make up nine tenths of what -O2 gives all of it, and a
# sixth of its size (see README.md).
PYTHON_LEVEL, HOT_LEVEL = "-Os", "-O2"
HOT_OBJECTS = """
    Objects/call.o Objects/codeobject.o Objects/descrobject.o Objects/dictobject.o Objects/funcobject.o
    Objects/object.o Objects/obmalloc.o Objects/tupleobject.o Objects/typeobject.o Objects/unicodeobject.o
    Modules/gcmodule.o Python/ceval.o Python/frame.o Python/getargs.o Python/marshal.o Python/pyhash.o Python/specialize.o
""".split()  # noqa: SIM905 - this can be read
PYTHON_OPTIONS = ["--without-ensurepip", "--without-doc-strings", "--disable-test-modules", "--with-dbmliborder="]
# Extension modules, with what they are made from. `unicodedata` is for the build's own interpreter only.
EXTENSIONS = {
    "_bisect": "_bisectmodule.c",
    "_hashlib": "_hashopenssl.c -I{openssl}/include -L{openssl} -lssl -lcrypto",
    "_json": "_json.c",
    "_socket": "socketmodule.c",
    "_ssl": "_ssl.c -I{openssl}/include -L{openssl} -lssl -lcrypto",
    "_struct": "_struct.c",
    "binascii": "binascii.c",
    "math": "mathmodule.c",
    "resource": "resource.c",
    "unicodedata": "unicodedata.c",
}


class Toolchain(NamedTuple):
    """The C compiler to use, with what identifies it, and how many jobs may run at once."""

    compiler: list[str]
    identity: str
    jobs: int


class Sources(NamedTuple):
    """What the caller gave instead of the pinned versions; None stands for these."""

    python: str | None = None
    openssl: str | None = None
    authorities: str | None = None


def find_toolchain() -> Toolchain:
    """Raises BuildError when there is no C compiler."""
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    try:
        asked = [ask(*compiler, question) for question in ("--version", "-dumpmachine")]
    except (OSError, subprocess.CalledProcessError):
        raise BuildError(f"{compiler[0]} is no C compiler that works: install gcc, or name one by CC") from None
    return Toolchain(compiler, "".join([*compiler, *asked]), os.cpu_count() or 1)


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def cache_root() -> Path:
    """Give the folder, outside of the tree, for what is built once."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "vault-secrets-webhook" / "static"


def hash_inputs(*inputs: str | bytes | Path | None) -> str:
    """Hash texts, files and folders (names and contents)."""
    digest = hashlib.sha256()
    for one in inputs:
        if isinstance(one, Path):
            for path in [one] if one.is_file() else sorted(path for path in one.rglob("*") if path.is_file()):
                digest.update(
                    path.relative_to(one.parent).as_posix().encode()
                    + b"\0"
                    + hashlib.sha256(path.read_bytes()).digest()
                )
        else:
            digest.update(repr(one).encode() + b"\0")
    return digest.hexdigest()[:16]


def provide(name: str, build: Callable[[Path], None]) -> Path:
    """Give the folder `name` of the cache, built if it is missing; it appears there whole or not at all."""
    target = cache_root() / name
    if not target.is_dir():
        with temporary_folder() as folder:
            result = folder / "result"
            result.mkdir()
            build(result)
            shutil.rmtree(target, ignore_errors=True)
            result.rename(target)
    return target


@contextmanager
def temporary_folder() -> Iterator[Path]:
    cache_root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=cache_root()) as folder:
        yield Path(folder)


def identify(given: str | None) -> str | Path:
    return Path(given).expanduser() if given else "pinned"


def build_environ(toolchain: Toolchain) -> dict[str, str]:
    """Give the environment of the builds, without what would change their result."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "LC_ALL": "C",
        "TZ": "UTC",
        "CC": shlex.join(toolchain.compiler),
        "SOURCE_DATE_EPOCH": str(read_versions()["date"]),
    }


def provide_openssl(toolchain: Toolchain, sources: Sources) -> Path:
    """Give the folder with libssl.a, libcrypto.a and `include`."""
    recipe = [*FLAGS, *OPENSSL_WITHOUT, OPENSSL_LEVEL, inspect.getsource(build_openssl)]
    key = hash_inputs(toolchain.identity, VERSIONS, *recipe, identify(sources.openssl))
    return provide(f"openssl-{key}", lambda result: build_openssl(toolchain, sources.openssl, result))


def build_openssl(toolchain: Toolchain, given: str | None, result: Path) -> None:
    with temporary_folder() as folder:
        top = provide_source("openssl", given, folder)
        machine = platform.machine()
        if machine not in OPENSSL_TARGETS:
            raise BuildError(f"machines of type {machine} are not supported, only {', '.join(OPENSSL_TARGETS)}")
        print("compiling OpenSSL", flush=True)
        environ = build_environ(toolchain)
        places = ["--prefix=/usr", "--openssldir=/etc/ssl", "--libdir=lib"]
        without = [f"no-{name}" for name in OPENSSL_WITHOUT]
        run(["perl", "./Configure", OPENSSL_TARGETS[machine], *places, *without, OPENSSL_LEVEL, *FLAGS], top, environ)
        run(["make", f"-j{toolchain.jobs}", "build_libs"], top, environ)
        for library in ("libssl.a", "libcrypto.a"):
            shutil.copy(top / library, result)
        shutil.copytree(top / "include", result / "include")


def provide_python(toolchain: Toolchain, sources: Sources, openssl: Path) -> Path:
    """Give the folder with libpython.a, `include`, and `bin/python` with `lib`, an interpreter for the build itself."""
    recipe = [
        *FLAGS,
        *PYTHON_OPTIONS,
        PYTHON_LEVEL,
        HOT_LEVEL,
        *HOT_OBJECTS,
        *EXTENSIONS.values(),
        inspect.getsource(build_python),
    ]
    key = hash_inputs(toolchain.identity, VERSIONS, *recipe, identify(sources.python), openssl.name)
    return provide(f"python-{key}", lambda result: build_python(toolchain, sources.python, openssl, result))


def build_python(toolchain: Toolchain, given: str | None, openssl: Path, result: Path) -> None:
    with temporary_folder() as folder:
        top = provide_source("python", given, folder)
        print("compiling CPython", flush=True)
        environ = build_environ(toolchain)
        with (top / "Makefile.pre.in").open("a") as makefile:
            makefile.write(f"\n{' '.join(HOT_OBJECTS)}: EXTRA_CFLAGS += {HOT_LEVEL}\n")
        flags = " ".join([PYTHON_LEVEL, *FLAGS])
        run(
            ["./configure", "--quiet", *PYTHON_OPTIONS, f"OPT=-DNDEBUG -fwrapv {flags}", "LINKFORSHARED= "],
            top,
            environ,
        )
        lines = [f"{name} {files}".format(openssl=openssl) for name, files in EXTENSIONS.items()]
        (top / "Modules" / "Setup.local").write_text("\n".join(["*static*", *lines, ""]))
        without_zlib = [
            "MODULE_BINASCII_CFLAGS=",
            "MODULE_BINASCII_LDFLAGS=",
        ]  # which configure takes where it is there
        run(["make", f"-j{toolchain.jobs}", *without_zlib, "python"], top, environ)
        (library,) = top.glob("libpython3*.a")
        shutil.copy(library, result / "libpython.a")
        shutil.copytree(top / "Include", result / "include")
        shutil.copy(top / "pyconfig.h", result / "include")
        # As it would be installed, so that it finds its library.
        modules = result / "lib" / library.stem.removeprefix("lib")
        shutil.copytree(top / "Lib", modules, ignore=shutil.ignore_patterns("test", "__pycache__", "idlelib"))
        (modules / "lib-dynload").mkdir()
        (result / "bin").mkdir()
        shutil.copy(top / "python", result / "bin")
