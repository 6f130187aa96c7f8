"""Builds vault-env as one static executable: `python3 static/build.py [OPTION ...]`, which is `make vault-env`.

CPython and OpenSSL become static libraries (libraries.py), our modules and the part of the standard library that they
use become data (freeze.py), and native/ gives the entry point. What is built once is kept in a cache outside of the
tree, by the hash of all that goes into it. The result is the same, byte for byte, whenever and wherever the same
compiler makes it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have installed nothing of ours
    sys.exit(
        "build: Python 3.11 or newer is needed: name one, `python3.11 static/build.py` or `make vault-env PYTHON=...`"
    )
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # run as a script
    sys.path.insert(0, str(ROOT))

from static.authorities import NOTICE, read_authorities  # noqa: E402
from static.cache import cache_root, hash_inputs, provide  # noqa: E402
from static.commands import BuildError, run  # noqa: E402
from static.libraries import (  # noqa: E402
    FLAGS,
    LICENSE,
    PYTHON_VERSIONS,
    Sources,
    Toolchain,
    build_environ,
    find_toolchain,
    identify,
    provide_openssl,
    provide_python,
    read_sources,
)
from static.licenses import SUFFIX, join_licenses  # noqa: E402
from static.sources import VERSIONS  # noqa: E402
from static.verify import verify  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

STATIC = ROOT / "static"
NATIVE = STATIC / "native"
MODULES = STATIC / "modules.txt"
SOURCE = ROOT / "src"
TARGET = ROOT / "build" / "vault-env"
DOCUMENTS = Path("/usr/share/doc")
INTERRUPTED = 130  # as a shell tells the end by SIGINT
SOURCE_HELP = {
    "python": f"folder or archive with the source of CPython {' or '.join(PYTHON_VERSIONS)},",
    "openssl": "folder or archive with the source of OpenSSL 3,",
    "authorities": "certificate authorities: a file, folder or archive in PEM form or with Mozilla's list,",
}
MODE = 0o755  # whatever the umask
# The packages of ours that are not part of vault-env.
PACKAGE = "vault_secrets_webhook"
WEBHOOK_HALF = ("cli", "demo", "manifest", "webhook")
# What stands in for native/ where vault-env is run by an interpreter.
ONLY_WITH_INTERPRETER = (Path(PACKAGE, "gotemplate", "crypto", "libcrypto.py"),)

COMPILE = ["-std=c11", "-Os", "-Wall", "-Wextra", "-Werror", "-DNDEBUG", "-DPy_BUILD_CORE", "-D_GNU_SOURCE"]
COMPILE += FLAGS
# What native/ has another version of; native/compiler.c, paths.c and lookups.c say why.
WRAPPED = (
    "CONF_modules_load_file_ex",
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
TOOLS = ("make", "perl", "ar", "ranlib")
# Small programs that tell what the compiler and its libraries can do.
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
        built = provide_executable(find_toolchain(), Sources(options.python, options.openssl, options.authorities))
        check_executable(built)
        place(built, options.output)
    except (BuildError, OSError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # what is whole stays in the cache
        return INTERRUPTED
    print(f"{options.output}: {built.stat().st_size / 2**20:.2f} MiB, {time.monotonic() - started:.1f} s", flush=True)
    return 0


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="static/build.py", description="Build vault-env as one static executable.")
    sources = read_sources()
    for part, what in SOURCE_HELP.items():
        text = f"{what} instead of what versions.toml pins (or variable VAULT_ENV_{part.upper()})"
        parser.add_argument(f"--{part}", metavar="PATH", default=getattr(sources, part), help=text)
    parser.add_argument("--output", metavar="FILE", type=Path, default=TARGET, help="where to put it (%(default)s)")
    parser.add_argument("--list", action="store_true", help="write our modules into modules.txt first")
    return parser.parse_args(arguments)


def check_executable(built: Path) -> None:
    """Raises BuildError when it is not what verify.py wants."""
    findings = verify(built, forbidden=[f"{ROOT}/", f"{cache_root()}/"])
    if wrong := [str(finding) for finding in findings if not finding.is_fine]:
        raise BuildError("\n".join([f"{built} is not as it has to be, and goes no further", *wrong]))


def place(built: Path, output: Path) -> None:
    """Put a copy where it is wanted, and its licences beside it: it is there whole, or what was there before still is."""
    if output.is_dir():
        raise BuildError(f"--output {output} is a folder: name a file")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
        copy = Path(shutil.copyfile(built, Path(folder, output.name)))
        copy.chmod(MODE)
        licenses = Path(shutil.copyfile(f"{built}{SUFFIX}", f"{copy}{SUFFIX}"))
        licenses.replace(f"{output}{SUFFIX}")
        copy.replace(output)


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
    return provide("vault-env", key, lambda *folders: build_executable(toolchain, sources, *folders)) / "vault-env"


def build_executable(toolchain: Toolchain, sources: Sources, result: Path, work: Path) -> None:
    """Freeze, compile and link, with what is in the cache or comes there now."""
    check_machine(toolchain, work)
    openssl = provide_openssl(toolchain, sources)
    python = provide_python(toolchain, sources, openssl)
    authorities = provide_authorities(sources)
    freeze_modules(python, authorities, work)
    for file in [*NATIVE.glob("*.c"), *NATIVE.glob("*.h")]:
        shutil.copy(file, work)
    link_executable(toolchain, python, openssl, work)
    Path(shutil.move(work / "vault-env", result)).chmod(MODE)
    parts = {"vault-env": ROOT, "CPython": python, "OpenSSL": openssl, "certificate authorities": authorities.parent}
    texts = {name: folder / LICENSE for name, folder in parts.items()}
    (result / f"vault-env{SUFFIX}").write_text(join_licenses(texts, DOCUMENTS), "utf-8")


def check_machine(toolchain: Toolchain, work: Path) -> None:
    """Tell in a second what would else be told after minutes. Raises BuildError."""
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        raise BuildError(f"not on this machine: {', '.join(missing)}; install them (see static/README.md)")
    if fault := find_fault(toolchain, work, RELOCATED):
        raise BuildError(
            f"{toolchain.compiler[0]} cannot make a static executable that runs here; a static version of the C library"
            f" is needed (see static/README.md): {fault}"
        )


def find_fault(toolchain: Toolchain, work: Path, source: str, *flags: str) -> str:
    """Give what is wrong with a program in C that is linked as ours is; nothing if it does what it should."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        Path(folder, "probe.c").write_text(source)
        command = [*toolchain.compiler, "-D_GNU_SOURCE", "-fPIE", *LINK, "probe.c", *flags, "-o", "probe"]
        try:
            run(command, Path(folder), build_environ(toolchain))
            run([f"{folder}/probe"], Path(folder), {})
        except BuildError as error:
            return str(error)
    return ""


def freeze_modules(python: Path, authorities: Path, work: Path) -> None:
    """Run freeze.py, without columns in the tables of lines, which are for tracebacks that nobody sees."""
    (library,) = python.glob("lib/python3*")
    command = [str(python / "bin" / "python"), "-I", "-S", "-B", "-X", "no_debug_ranges", str(STATIC / "freeze.py")]
    command += ["--list", str(MODULES), "--library", str(library), "--source", str(SOURCE)]
    run([*command, "--certificates", str(authorities), "--folder", str(work)], work, {})


def link_executable(toolchain: Toolchain, python: Path, openssl: Path, work: Path) -> None:
    """Compile and link all of the folder into `vault-env`."""
    environ = build_environ(toolchain)
    crypt = [] if find_fault(toolchain, work, HASHED, *CRYPT) else CRYPT
    if not crypt:
        print("no static libcrypt is here: the function bcrypt of templates will take seconds", flush=True)
    packed = [] if find_fault(toolchain, work, RELOCATED, PACKED) else [PACKED]
    names = sorted(path.name for path in work.iterdir() if path.suffix in {".c", ".S"})
    include = [f"-I{python}/include", f"-I{python}/include/internal", f"-I{openssl}/include"]
    run([*toolchain.compiler, *COMPILE, *crypt[:1], *include, "-c", *names], work, environ)
    objects = [f"{Path(name).stem}.o" for name in names]
    libraries = [f"{python}/libpython.a", f"{openssl}/libssl.a", f"{openssl}/libcrypto.a", *crypt[1:], "-lm"]
    wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
    link = [*toolchain.compiler, *LINK, *packed, *wraps, "-s", "-o", "vault-env", *objects, *libraries]
    run(link, work, environ)


def provide_authorities(sources: Sources) -> Path:
    """Give the file with the certificates of the authorities, in DER form."""

    def build(result: Path, work: Path) -> None:
        (result / "authorities.der").write_bytes(read_authorities(sources.authorities, work))
        (result / LICENSE).write_text(NOTICE)

    key = hash_inputs(VERSIONS, STATIC / "authorities.py", identify(sources.authorities))
    return provide("authorities", key, build) / "authorities.der"


if __name__ == "__main__":
    sys.exit(main())
