"""Builds vault-env as one static executable: `python3 static/build.py [OPTION ...]`, which is `make vault-env`.

CPython and OpenSSL become static libraries (libraries.py), our modules and the part of the standard library that they
use become data (freeze.py), and native/ gives the entry point. What is built once is kept in a cache outside of the
tree, by the hash of all that goes into it. The result is the same, byte for byte, whenever and wherever the same
compiler makes it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # run as a script
    sys.path.insert(0, str(ROOT))

from static.authorities import read_authorities  # noqa: E402
from static.libraries import (  # noqa: E402
    FLAGS,
    Sources,
    Toolchain,
    build_environ,
    cache_root,
    find_toolchain,
    hash_inputs,
    identify,
    provide,
    provide_openssl,
    provide_python,
    temporary_folder,
)
from static.sources import VERSIONS, BuildError, run  # noqa: E402
from static.verify import verify  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

STATIC = ROOT / "static"
NATIVE = STATIC / "native"
MODULES = STATIC / "modules.txt"
SOURCE = ROOT / "src"
TARGET = ROOT / "build" / "vault-env"
# The packages of ours that are not part of vault-env.
PACKAGE = "vault_secrets_webhook"
WEBHOOK_HALF = ("cli", "demo", "manifest", "webhook")
# What stands in for native/ where vault-env is run by an interpreter.
ONLY_WITH_INTERPRETER = (Path(PACKAGE, "gotemplate", "crypto", "libcrypto.py"),)

COMPILE = ["-std=c11", "-Os", "-Wall", "-Wextra", "-Werror", "-DNDEBUG", "-DPy_BUILD_CORE", "-D_GNU_SOURCE"]
COMPILE += FLAGS
# What native/ has another version of; native/compiler.c and native/lookups.c say why.
WRAPPED = (
    "PyAST_Check",
    "PyAST_mod2obj",
    "PyAST_obj2mod",
    "_PyAST_Compile",
    "_PyAST_Fini",
    "_PyAST_Optimize",
    "_PyAST_Validate",
    "_PyImport_LoadDynamicModuleWithSpec",
    "_PyParser_ASTFromFile",
    "_PyParser_ASTFromString",
    "_PyTokenizer_FindEncodingFilename",
    "getaddrinfo",
)
LINK = ["-static-pie", "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
# libcrypt is wanted for bcrypt only (native/openssl.c asks for no other), so its other methods are left out.
OTHER_METHODS = [
    "bigcrypt",
    "bsdicrypt",
    "descrypt",
    "gost_yescrypt",
    "md5crypt",
    "nt",
    "scrypt",
    "sha1crypt",
    "sha256crypt",
    "sha512crypt",
    "sunmd5",
    "yescrypt",
]
LINK += [f"-Wl,--defsym=_crypt_{kind}_{name}_rn=0" for name in OTHER_METHODS for kind in ("crypt", "gensalt")]
# Packs the relocations of the interpreter's tables into a hundredth of their size. Needs glibc 2.36 or musl 1.2.4.
PACKED = "-Wl,-z,pack-relative-relocs"
# Small programs that tell what the compiler and its libraries can do.
PROBE = "probe.c"
RELOCATED = "static int one; int *address = &one; int main(void) { return address != &one; }"
CRYPT = ["-DVAULTENV_CRYPT", "-lcrypt"]
HASHED = """
#include <crypt.h>
int main(void) { static struct crypt_data data; return !crypt_r("", "$2b$04$......................", &data); }
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, verify and leave the executable at build/vault-env; returns the exit status."""
    options = parse_options(arguments)
    started = time.monotonic()
    try:
        if options.list:
            update_modules()
        check_modules()
        toolchain = find_toolchain()
        sources = Sources(options.python, options.openssl, options.authorities)
        built = provide_executable(toolchain, sources)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        unfinished = options.output.with_name(f".{options.output.name}")
        shutil.copy(built, unfinished)
        unfinished.replace(options.output)
    except BuildError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {built.stat().st_size / 2**20:.2f} MiB, {time.monotonic() - started:.1f} s", flush=True)
    wrong = [
        finding for finding in verify(options.output, forbidden=[f"{ROOT}/", f"{cache_root()}/"]) if not finding.is_fine
    ]
    for finding in wrong:
        print(finding, file=sys.stderr)
    return 1 if wrong else 0


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="static/build.py", description="Build vault-env as one static executable.")
    given = "folder or archive with the source of {}, instead of the version that versions.toml pins"
    parser.add_argument("--python", metavar="PATH", help=given.format("CPython 3.11 or newer"))
    parser.add_argument("--openssl", metavar="PATH", help=given.format("OpenSSL 3"))
    parser.add_argument("--authorities", metavar="PATH", help="folder with certificates in PEM form, or Mozilla's list")
    parser.add_argument("--output", metavar="FILE", type=Path, default=TARGET, help="where to put it (%(default)s)")
    parser.add_argument("--list", action="store_true", help="write our modules into modules.txt first")
    return parser.parse_args(arguments)


def check_modules() -> None:
    """Compare modules.txt with the tree: a module that is left out would be missed at run time only."""
    listed, wanted = set(MODULES.read_text("utf-8").splitlines()), list_own_modules()
    added = [name for name in wanted if name not in listed]
    gone = [name for name in listed if name.startswith(f"{PACKAGE}.") and name not in wanted]
    if added or gone:
        raise BuildError(
            f"static/modules.txt is not up to date: run static/build.py --list (added {added}, gone {gone})"
        )


def update_modules() -> None:
    """Write our modules into modules.txt; what else is in it stays."""
    lines = MODULES.read_text("utf-8").splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(PACKAGE))
    others = [line for line in lines if not line.startswith(PACKAGE)]
    MODULES.write_text("\n".join([*others[:first], *list_own_modules(), *others[first:], ""]), "utf-8")


def list_own_modules() -> list[str]:
    """Give the names of all modules of vault-env's half."""
    names = []
    for path in own_files():
        parts = path.with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(names)


def own_files() -> list[Path]:
    """Give the files of vault-env's half, relative to the folder of sources."""
    files = [path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py"))]
    return [file for file in files if file.parts[1] not in WEBHOOK_HALF and file not in ONLY_WITH_INTERPRETER]


def provide_executable(toolchain: Toolchain, sources: Sources) -> Path:
    """Give the path of the executable in the cache, made if it is missing."""
    inputs = [
        NATIVE,
        STATIC / "frozen",
        MODULES,
        VERSIONS,
        *sorted(STATIC.glob("*.py")),
        *(SOURCE / path for path in own_files()),
    ]
    given = [identify(one) for one in sources]
    key = hash_inputs(toolchain.identity, *inputs, *given)
    folder = provide(f"vault-env-{key}", lambda result: build_executable(toolchain, sources, result))
    return folder / "vault-env"


def build_executable(toolchain: Toolchain, sources: Sources, result: Path) -> None:
    """Freeze, compile and link, with what is in the cache or comes there now."""
    openssl = provide_openssl(toolchain, sources)
    python = provide_python(toolchain, sources, openssl)
    with temporary_folder() as folder:
        freeze_modules(python, provide_authorities(sources), folder)
        for file in NATIVE.iterdir():
            shutil.copy(file, folder)
        link_executable(toolchain, python, openssl, folder)
        shutil.move(folder / "vault-env", result)


def freeze_modules(python: Path, authorities: Path, folder: Path) -> None:
    """Run freeze.py, without columns in the tables of lines, which are for tracebacks that nobody sees."""
    (library,) = python.glob("lib/python3*")
    command = [str(python / "bin" / "python"), "-I", "-S", "-X", "no_debug_ranges", str(STATIC / "freeze.py")]
    command += ["--list", str(MODULES), "--library", str(library), "--source", str(SOURCE)]
    run([*command, "--certificates", str(authorities), "--folder", str(folder)], folder)


def link_executable(toolchain: Toolchain, python: Path, openssl: Path, folder: Path) -> None:
    """Compile and link all of the folder into `vault-env`."""
    environ = build_environ(toolchain)
    crypt = CRYPT if works(toolchain, folder, HASHED, *CRYPT) else []
    if not crypt:
        print("no static libcrypt is here: the function bcrypt of templates will take seconds", flush=True)
    packed = [PACKED] if works(toolchain, folder, RELOCATED, PACKED) else []
    names = sorted(path.name for path in folder.iterdir() if path.suffix in {".c", ".S"} and path.name != PROBE)
    include = [f"-I{python}/include", f"-I{python}/include/internal", f"-I{openssl}/include"]
    run([*toolchain.compiler, *COMPILE, *crypt[:1], *include, "-c", *names], folder, environ)
    objects = [f"{Path(name).stem}.o" for name in names]
    libraries = [f"{python}/libpython.a", f"{openssl}/libssl.a", f"{openssl}/libcrypto.a", *crypt[1:], "-lm"]
    wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
    link = [*toolchain.compiler, *LINK, *packed, *wraps, "-s", "-o", "vault-env", *objects, *libraries]
    run(link, folder, environ)


def works(toolchain: Toolchain, folder: Path, source: str, *flags: str) -> bool:
    """Tell whether a program in C can be linked as ours is, and does what it should."""
    (folder / PROBE).write_text(source)
    command = [*toolchain.compiler, "-D_GNU_SOURCE", "-fPIE", *LINK, PROBE, *flags, "-o", "probe"]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode != 0:
        return False
    return subprocess.run([folder / "probe"], capture_output=True, check=False).returncode == 0


def provide_authorities(sources: Sources) -> Path:
    """Give the file with the certificates of the authorities, in DER form."""

    def build(result: Path) -> None:
        with temporary_folder() as folder:
            (result / "authorities.der").write_bytes(read_authorities(sources.authorities, folder))

    key = hash_inputs(VERSIONS, STATIC / "authorities.py", identify(sources.authorities))
    return provide(f"authorities-{key}", build) / "authorities.der"


if __name__ == "__main__":
    sys.exit(main())
