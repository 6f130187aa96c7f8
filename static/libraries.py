"""Compiles OpenSSL and CPython into static libraries, each cached under the hash of all that goes into it.

Both are built inside their own source folders, so that no path of this machine gets into what the compiler writes.
"""

from __future__ import annotations

import inspect
import os
import platform
import re
import shlex
import subprocess
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from typing import NamedTuple

from static.cache import hash_inputs, provide
from static.commands import BuildError, run
from static.sources import VERSIONS, provide_source, read_versions

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
LICENSE = "LICENSE"  # in each folder of the cache
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
PYTHON_VERSIONS = ("3.11",)
OPENSSL_LINK = "our-openssl"
WITH_OPENSSL = f"-I{OPENSSL_LINK}/include -L{OPENSSL_LINK} -lssl -lcrypto"
# Extension modules, with what they are made from. `unicodedata` is for the build's own interpreter only.
EXTENSIONS = {
    "_bisect": "_bisectmodule.c",
    "_hashlib": f"_hashopenssl.c {WITH_OPENSSL}",
    "_json": "_json.c",
    "_socket": "socketmodule.c",
    "_ssl": f"_ssl.c {WITH_OPENSSL}",
    "_struct": "_struct.c",
    "binascii": "binascii.c",
    "math": "mathmodule.c",
    "resource": "resource.c",
    "unicodedata": "unicodedata.c",
}

# What the executable has of the C library and of the compiler's own: an update of these makes another executable.
LINKED = ("libc.a", "libm.a", "libcrypt.a", "libgcc.a", "libgcc_eh.a", "rcrt1.o")


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


def read_sources() -> Sources:
    """Give what variables of the environment name: VAULT_ENV_PYTHON, VAULT_ENV_OPENSSL, VAULT_ENV_AUTHORITIES."""
    return Sources(*(os.environ.get(f"VAULT_ENV_{part.upper()}") or None for part in Sources._fields))


def find_toolchain() -> Toolchain:
    """Raises BuildError when there is no C compiler."""
    compiler = read_compiler()
    try:
        answers = [ask(*compiler, question) for question in ("-dumpmachine", "--version")]
        answers += [ask(ask(*compiler, f"-print-prog-name={name}"), "--version") for name in ("as", "ld")]
        linked = [Path(ask(*compiler, f"-print-file-name={name}")) for name in LINKED]
    except (OSError, subprocess.CalledProcessError):
        answers, linked = [""], []
    if not all(answers):
        raise BuildError(f"{compiler[0]} is no C compiler that works: install gcc, or name one by CC")
    return Toolchain(compiler, hash_inputs(*compiler, *answers, *linked), len(os.sched_getaffinity(0)))


def read_compiler() -> list[str]:
    """Give the command of the compiler, from CC. Raises BuildError."""
    try:
        compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    except ValueError as error:
        raise BuildError(f"CC cannot be read as a command: {error}") from None
    if "/" in compiler[0]:
        compiler[0] = str(Path(compiler[0]).absolute())  # the build runs in other folders
    return compiler


def ask(*command: str) -> str:
    environ = {**os.environ, "LC_ALL": "C"}  # a translated answer would be another one
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.strip()


def identify(given: str | None) -> str | Path:
    return Path(given).expanduser() if given else "pinned"


def build_environ(toolchain: Toolchain) -> dict[str, str]:
    """Give the environment of the builds, without what would change their result."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    folder, _, name = toolchain.compiler[0].rpartition("/")
    if folder:  # OpenSSL writes the command of its compiler into libcrypto: a path would be one of this machine
        kept["PATH"] = f"{folder}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {
        **kept,
        "LC_ALL": "C",
        "TZ": "UTC",
        "CC": shlex.join([name, *toolchain.compiler[1:]]),
        "SOURCE_DATE_EPOCH": str(read_versions()["date"]),
    }


def provide_openssl(toolchain: Toolchain, sources: Sources) -> Path:
    """Give the folder with libssl.a, libcrypto.a and `include`."""
    recipe = [*FLAGS, *OPENSSL_WITHOUT, OPENSSL_LEVEL, inspect.getsource(build_openssl)]
    key = hash_inputs(toolchain.identity, VERSIONS, *recipe, identify(sources.openssl))
    return provide("openssl", key, lambda result, work: build_openssl(toolchain, sources.openssl, result, work))


def build_openssl(toolchain: Toolchain, given: str | None, result: Path, work: Path) -> None:
    machine = platform.machine()
    if machine not in OPENSSL_TARGETS:
        raise BuildError(f"machines of type {machine} are not supported, only {', '.join(OPENSSL_TARGETS)}")
    top = provide_source("openssl", given, work)
    expect_file(top / "VERSION.dat", given, "OpenSSL 3")
    print("compiling OpenSSL", flush=True)
    environ = build_environ(toolchain)
    places = ["--prefix=/usr", "--openssldir=/etc/ssl", "--libdir=lib"]
    without = [f"no-{name}" for name in OPENSSL_WITHOUT]
    run(["perl", "./Configure", OPENSSL_TARGETS[machine], *places, *without, OPENSSL_LEVEL, *FLAGS], top, environ)
    run(["make", f"-j{toolchain.jobs}", "build_libs"], top, environ)
    for library in ("libssl.a", "libcrypto.a"):
        copy(top / library, result)
    copytree(top / "include", result / "include")
    copy(top / "LICENSE.txt", result / LICENSE)


def expect_file(path: Path, given: str | None, what: str) -> str:
    """Give the text of a file by which a source is known. Raises BuildError when it is not there."""
    if not path.is_file():
        raise BuildError(f"{given or 'the source'} is no source of {what}: it has no file {path.name}")
    return path.read_text("utf-8", "replace")


def provide_python(toolchain: Toolchain, sources: Sources, openssl: Path) -> Path:
    """Give the folder with libpython.a, `include`, and `bin/python` with `lib`, an interpreter for the build itself."""
    levels = [PYTHON_LEVEL, HOT_LEVEL, *HOT_OBJECTS]
    recipe = [*FLAGS, *PYTHON_OPTIONS, *levels, *EXTENSIONS.values(), inspect.getsource(build_python)]
    key = hash_inputs(toolchain.identity, VERSIONS, *recipe, identify(sources.python), openssl.name)
    return provide("python", key, lambda result, work: build_python(toolchain, sources.python, openssl, result, work))


def build_python(toolchain: Toolchain, given: str | None, openssl: Path, result: Path, work: Path) -> None:
    top = provide_source("python", given, work)
    check_version(expect_file(top / "Include" / "patchlevel.h", given, "CPython"))
    print("compiling CPython", flush=True)
    environ = build_environ(toolchain)
    with (top / "Makefile.pre.in").open("a") as makefile:
        makefile.write(f"\n{' '.join(HOT_OBJECTS)}: EXTRA_CFLAGS += {HOT_LEVEL}\n")
    flags = " ".join([PYTHON_LEVEL, *FLAGS])
    run(["./configure", "--quiet", *PYTHON_OPTIONS, f"OPT=-DNDEBUG -fwrapv {flags}", "LINKFORSHARED= "], top, environ)
    (top / OPENSSL_LINK).symlink_to(openssl)  # a path with spaces in it could not be written into Setup.local
    lines = [f"{name} {files}" for name, files in EXTENSIONS.items()]
    (top / "Modules" / "Setup.local").write_text("\n".join(["*static*", *lines, ""]))
    # `configure` takes zlib for binascii where it finds it.
    without_zlib = ["MODULE_BINASCII_CFLAGS=", "MODULE_BINASCII_LDFLAGS="]
    run(["make", f"-j{toolchain.jobs}", *without_zlib, "python"], top, environ)
    (library,) = top.glob("libpython3*.a")
    copy(library, result / "libpython.a")
    copytree(top / "Include", result / "include")
    copy(top / "pyconfig.h", result / "include")
    copy(top / "LICENSE", result / LICENSE)
    # As it would be installed, so that it finds its library.
    modules = result / "lib" / library.stem.removeprefix("lib")
    copytree(top / "Lib", modules, ignore=ignore_patterns("test", "__pycache__", "idlelib"))
    (modules / "lib-dynload").mkdir()
    (result / "bin").mkdir()
    copy(top / "python", result / "bin")


def check_version(patchlevel: str) -> None:
    """Raises BuildError when native/ was not written for this CPython: it stands in for internal functions."""
    found = re.search(r'^#define PY_VERSION\s+"(\d+\.\d+)', patchlevel, re.MULTILINE)
    version = found[1] if found else "of an unknown version"
    if version not in PYTHON_VERSIONS:
        raise BuildError(f"CPython {version} is not supported, only {', '.join(PYTHON_VERSIONS)}")
