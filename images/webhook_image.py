"""What is in the image of the webhook: Debian's Python without what it never uses, the pinned libraries, the webhook.

Three layers, the one that changes most often on top. No shell, no package manager, no compiler. It runs as nobody, and
needs to write nowhere.
"""

from __future__ import annotations

import re
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from .bytecode import compile_layers
from .debian import Debian, add_package, link_merged_folders
from .elf import expect_libraries, list_needed, take_needed
from .errors import ImageError
from .layout import SEARCH_PATH, Image
from .tree import Tree
from .wheels import Lock, add_wheel, build_wheel

if TYPE_CHECKING:
    from .debian import Package

# The C++ library is for modules of wheels, which may take it for granted; crypt(3) for templates that use bcrypt.
PACKAGES = "python3-minimal", "libpython3-stdlib", "ca-certificates", "libcrypt1", "libstdc++6"
# What these depend on for the sake of maintainer scripts, and what only holds documentation.
PACKAGES_LEFT_OUT = (
    *("debconf", "dpkg", "libpython3-stdlib", "media-types", "netbase", "openssl", "openssl-provider-*", "perl-base"),
    *("readline-common", "tar", "tzdata"),
)
# Which of the packages of libraries are needed shows in the files. These libraries are loaded by name only.
LIBRARY_PACKAGES = "lib[!p]*", "libp[!y]*"  # but those of Python
LIBRARIES_LOADED = "libcrypt.so.1", "libgcc_s.so.1"

# Of the standard library: what nobody imports here, and what would bring libraries of its own.
MODULES_LEFT_OUT = (
    *("_bz2", "_ctypes_test", "_curses", "_curses_panel", "_dbm", "_lzma", "_sqlite3", "_test*", "_tkinter", "_uuid"),
    *("_xx*", "audioop", "nis", "ossaudiodev", "readline", "xx*"),
)
LIBRARIES_LEFT_OUT = (
    *("curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "sqlite3", "test", "tkinter"),
    *("turtledemo", "unittest", "venv", "config-*"),
)
TRIMMED = (
    # Settings and scripts of a distribution, documentation, translations.
    *("etc/*", "usr/sbin/*", "usr/share/*", "usr/lib/python3/*", "usr/lib/tmpfiles.d/*", "usr/lib/systemd/*"),
    *("usr/bin/c_rehash", "usr/bin/py3*", "usr/bin/pdb*", "usr/bin/pygettext*", "usr/bin/pydoc*", "usr/bin/ld.so"),
    # Of glibc and OpenSSL: character sets (Python has its own), auditing, vector mathematics, hardware.
    *("usr/lib/*/gconv/*", "usr/lib/*/audit/*", "usr/lib/*/libmvec.so*", "usr/lib/*/engines-3/*"),
    # Of Python: a link into /etc, a file for Debian's own builds, and drawing on a screen.
    *(f"usr/lib/python3.*/{name}.py" for name in ("sitecustomize", "_distutils_system_mod", "turtle")),
)
# Of the trimmed folders. A package may share its licence with another: its folder is a link then.
KEPT = "usr/share/doc/{package}", "usr/share/doc/{package}/copyright", "usr/share/ca-certificates/*"
# Sources and types of compiled modules, and tests: nothing that is ever imported.
TRIMMED_OF_WHEELS = "*.pyx", "*.pxd", "*.pxi", "*.pyi", "*.c", "*.h", "*.hash", "*/tests/*"

ROOTS_OF_TRUST = "etc/ssl/certs/ca-certificates.crt"
NOBODY = "65534:65534"
SETTINGS = {
    "etc/passwd": "root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    # Hosts of the pod first, then DNS; glibc looks for other modules where it is not told.
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
PROGRAM = "usr/local/bin/vault-secrets-webhook"
# -I: no variable, working directory or home folder adds modules.
PROGRAM_TEXT = """#!/usr/bin/python{python} -I
import sys

from vault_secrets_webhook.cli import main

sys.exit(main())
"""


def fill_layers(project: Path, cache: Path, architecture: str, epoch: int) -> list[Tree]:
    """Collect the files of the image: Debian's, the libraries', the webhook's."""
    debian = Debian(cache)
    packages = debian.choose(PACKAGES, PACKAGES_LEFT_OUT)
    python = find_python(packages)
    folder = f"usr/local/lib/python{python}/dist-packages"
    locks = project / "images/webhook"
    libraries = Tree()
    for wheel in Lock(locks / "requirements.txt").find_wheels(cache, python, architecture):
        add_wheel(libraries, wheel, folder)
    libraries.remove(TRIMMED_OF_WHEELS)
    base = fill_base(debian, packages, list_needed(libraries))
    tools = Lock(locks / "build-requirements.txt").find_wheels(cache, python, architecture)
    layers = [base, libraries, fill_webhook(project, tools, epoch, python, folder)]
    compile_layers(layers, f"usr/bin/python{python}", [f"usr/lib/python{python}", folder])
    whole = Tree()
    for layer in layers:
        whole.add_tree(layer)
    expect_libraries(whole, architecture)
    return layers


def find_python(packages: list[Package]) -> str:
    """Tell the version of the distribution's Python, such as `3.11`, from the name of its package."""
    for package in packages:
        if found := re.fullmatch(r"python(3\.\d+)-minimal", package.name):
            return found[1]
    raise ImageError(f"the dependencies of {PACKAGES[0]} have no package of an interpreter")


def fill_base(debian: Debian, packages: list[Package], needed: set[str]) -> Tree:
    """Collect the interpreter and what is around it; `needed` names the libraries that others need."""
    base = Tree()
    libraries = []
    for package, deb in zip(packages, debian.fetch(packages), strict=True):
        tree = fill_package(deb, package)
        if any(fnmatchcase(package.name, pattern) for pattern in LIBRARY_PACKAGES):
            libraries.append(tree)
        else:
            base.add_tree(tree)
    take_needed(base, libraries, needed.union(LIBRARIES_LOADED))
    join_certificates(base)
    link_merged_folders(base)
    for path, text in SETTINGS.items():
        base.add_file(path, text.encode())
    base.add_folder("tmp", 0o1777)
    return base


def fill_package(deb: Path, package: Package) -> Tree:
    """Collect what of a package is used."""
    tree, kept = Tree(), Tree()
    add_package(tree, deb, package)
    for pattern in KEPT:
        kept.add_selected(tree, pattern.format(package=package.name))
    tree.remove(TRIMMED)
    tree.remove(f"usr/lib/python3.*/lib-dynload/{name}.*.so" for name in MODULES_LEFT_OUT)
    tree.remove(f"usr/lib/python3.*/{name}/*" for name in LIBRARIES_LEFT_OUT)
    tree.add_tree(kept)
    return tree


def join_certificates(tree: Tree) -> None:
    """Put all roots of trust into the one file, which Debian's script makes at installation, and link OpenSSL to it."""
    certificates = tree.find("usr/share/ca-certificates/*.crt")
    if not certificates:
        raise ImageError("ca-certificates has no certificate")
    tree.add_file(ROOTS_OF_TRUST, b"".join(tree[path] for path in certificates))
    tree.remove(["usr/share/ca-certificates/*"])
    tree.add_link("usr/lib/ssl/cert.pem", f"/{ROOTS_OF_TRUST}")


def fill_webhook(project: Path, tools: list[Path], epoch: int, python: str, folder: str) -> Tree:
    """Collect the project's own package and the program that starts it."""
    tree = Tree()
    with tempfile.TemporaryDirectory() as scratch:
        add_wheel(tree, build_wheel(project, tools, epoch, Path(scratch)), folder)
    tree.add_file(PROGRAM, PROGRAM_TEXT.format(python=python).encode(), 0o755)
    return tree


def describe(name: str, architecture: str, layers: list[Tree], labels: dict[str, str]) -> Image:
    """Describe how the image starts: as nobody, serving."""
    return Image(
        name=name,
        architecture=architecture,
        layers=layers,
        user=NOBODY,
        entrypoint=[f"/{PROGRAM}"],
        command=["serve"],
        environment=[SEARCH_PATH, "LANG=C.UTF-8"],
        ports=["8443/tcp"],
        labels=labels,
    )
