"""The images of the applications: what is in each of them, and how it is made on this machine.

Each holds the program `app.c`, compiled for the C library that the image stands for, and what that needs to run.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from images.elf import expect_libraries, read_needs
from images.layout import Image, write_archive
from images.tree import Tree
from tests.servers.lookup import goarch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HERE = Path(__file__).parent
APP = "/usr/bin/app"
EVIL_TEXT = "the evil module was loaded"
EXIT_CODE = 41  # of the image that has a command of its own
ENTRY_POINT = [APP, str(EXIT_CODE)]
# Kubernetes leaves the first two as they are where they come from an image; in a pod they would mean something.
ARGUMENTS = ["$(PASSWORD)", "$$(PASSWORD)", "two words", ""]


class Compiler:
    """Makes executables from the sources beside this file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def compile(self, source: str, command: str, *options: str) -> bytes:
        """Compile a source; the content of the result."""
        target = self._folder / "compiled"
        run([command, "-O1", "-Wall", "-Werror", *options, "-o", target, HERE / source])
        return target.read_bytes()


def run(command: Sequence[str | Path]) -> str:
    """Run a command that has to succeed; its output."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command[0]}: {ended.stderr}"
    return ended.stdout


def make_static(compiler: Compiler) -> Tree:
    """One static executable and nothing else."""
    # The linker warns that getaddrinfo of a static executable loads modules.
    return plant_app(compiler.compile("app.c", "gcc", "-static", "-Wl,--no-warnings"))


def make_glibc(compiler: Compiler) -> Tree:
    """As of Debian: with the dynamic loader and the C library of this machine."""
    app = compiler.compile("app.c", "gcc")
    tree = plant_app(app)
    for library in read_needs(app).libraries:
        path = Path(run(["gcc", f"-print-file-name={library}"]).strip())
        tree.add_file(f"lib/{library}", path.read_bytes(), 0o755)
    return tree


def make_musl(compiler: Compiler) -> Tree:
    """As of Alpine: with musl's dynamic loader, which is its C library too."""
    app = compiler.compile("app.c", "musl-gcc")
    tree = plant_app(app)
    tree.add_link("lib/libc.so", str(read_needs(app).interpreter))
    return tree


def make_evil(compiler: Compiler) -> Tree:
    """As of Debian after an attacker was there: looking up a host loads the attacker's module."""
    tree = make_glibc(compiler)
    tree.add_file("etc/nsswitch.conf", b"passwd: evil\nhosts: evil files dns\n")
    tree.add_file("lib/libnss_evil.so.2", compiler.compile("evil.c", "gcc", "-shared", "-fPIC"), 0o755)
    return tree


def plant_app(app: bytes) -> Tree:
    """Give a tree the executable, and the program that loads it."""
    tree = Tree()
    tree.add_file(APP.strip("/"), app, 0o755)
    if loader := read_needs(app).interpreter:
        tree.add_file(loader.strip("/"), Path(loader).read_bytes(), 0o755)
    return tree


class Recipe(NamedTuple):
    """A row: what is in an image, what it says of itself, and what its pods say about security."""

    fill: Callable[[Compiler], Tree]
    config: Mapping[str, Any]
    security: Mapping[str, Any]


NON_ROOT = {"runAsUser": 65534, "runAsGroup": 65534, "readOnlyRootFilesystem": True}
RECIPES = {
    "scratch": Recipe(make_static, {}, {}),
    "glibc": Recipe(make_glibc, {}, {}),
    "musl": Recipe(make_musl, {}, {}),
    "non-root": Recipe(make_static, {"user": "65534:65534"}, NON_ROOT),
    "entry-point": Recipe(make_static, {"entrypoint": ENTRY_POINT, "command": ARGUMENTS}, {}),
    "evil": Recipe(make_evil, {}, {}),
    "pause": Recipe(make_static, {"entrypoint": [APP, "0"]}, {}),
}


def name_image(key: str) -> str:
    """Give the name by which pods ask for an image."""
    return f"e2e.invalid/{key}:1"


def write_images(folder: Path) -> dict[str, Path]:
    """Write the archives of all images; their paths."""
    compiler = Compiler(folder)
    archives = {}
    for key, recipe in RECIPES.items():
        tree = recipe.fill(compiler)
        expect_libraries(tree, goarch())
        archives[key] = folder / f"{key}.tar"
        fields = {"user": "", "entrypoint": (), **recipe.config}
        write_archive(Image(name_image(key), goarch(), [tree], **fields), archives[key], epoch=0)
    return archives


def write_foreign_image(folder: Path) -> Path:
    """Write the archive of an image for machines of another architecture, which cannot run here; its path."""
    architecture = "arm64" if goarch() == "amd64" else "amd64"
    tree = Tree()
    tree.add_file("foreign", b"", 0o755)
    path = folder / "foreign.tar"
    write_archive(Image(name_image("foreign"), architecture, [tree], entrypoint=["/foreign"]), path, epoch=0)
    return path
