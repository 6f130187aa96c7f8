"""The command line: `python3 -m images.build [vault-env] [webhook]` writes build/images/*.tar.

Needs Debian or Ubuntu (apt-get, dpkg-deb), pip and the net, no root and no container engine. An image is for the
architecture of this machine. Exit codes: 0 done, 1 an image cannot be built, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import vault_env_image, webhook_image
from .debian import Debian, find_cache, tell_architecture
from .errors import ImageError
from .layout import write_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .layout import Image
    from .tree import Tree

PROJECT = Path(__file__).resolve().parent.parent
VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
# Before 1980 there are no wheels: a zip archive cannot tell such a time.
EARLIEST = 315532800
MEBIBYTE = 1 << 20


class Order(NamedTuple):
    """What every image is built from."""

    executable: Path
    architecture: str
    epoch: int
    cache: Path


class Recipe(NamedTuple):
    """How one image is made: what it says of itself, its layers, and their description."""

    title: str
    fill: Callable[[Order], list[Tree]]
    describe: Callable[[str, str, list[Tree], dict[str, str]], Image]


def fill_vault_env(order: Order) -> list[Tree]:
    return [vault_env_image.fill_tree(order.executable, Debian(order.cache))]


def fill_webhook(order: Order) -> list[Tree]:
    return webhook_image.fill_layers(PROJECT, order.cache, order.architecture, order.epoch)


RECIPES = {
    "vault-env": Recipe("Starts a command with its secrets", fill_vault_env, vault_env_image.describe),
    "webhook": Recipe("Gives pods their secrets at start", fill_webhook, webhook_image.describe),
}


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m images.build", description="Write the images as OCI archives.")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"one of {', '.join(RECIPES)}; by default all")
    parser.add_argument("--vault-env", type=Path, default=PROJECT / "build/vault-env", help="the static executable")
    parser.add_argument("--output", type=Path, default=PROJECT / "build/images", help="folder of the archives")
    parser.add_argument(
        "--repository",
        default="localhost/vault-secrets-webhook",
        help="what the names begin with; `localhost` is no registry, so nobody else's image can take the name's place",
    )
    parser.add_argument("--tree", type=Path, help="write the files of one image into this folder, and no archive")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Build images; returns the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    names = options.images or list(RECIPES)
    if unknown := [name for name in names if name not in RECIPES]:
        parser.error(f"there is no image {unknown[0]}, only {', '.join(RECIPES)}")
    if options.tree and len(names) > 1:
        parser.error("--tree takes one image")
    try:
        order = Order(options.vault_env, tell_architecture(), find_epoch(), find_cache())
        for name in names:
            if options.tree:
                write_tree(name, order, options.tree)
            else:
                sys.stdout.write(write_image(name, order, options.output, options.repository) + "\n")
    except (ImageError, OSError) as error:
        sys.stderr.write(f"images: {error}\n")
        return 1
    return 0


def write_image(name: str, order: Order, folder: Path, repository: str) -> str:
    """Write the archive of an image; returns a line that tells what came out."""
    recipe, version = RECIPES[name], read_version()
    labels = {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.description": recipe.title,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    image = recipe.describe(f"{repository}/{name}:{version}", order.architecture, recipe.fill(order), labels)
    written = write_archive(image, folder / f"{name}.tar", order.epoch)
    sizes = f"{written.packed / MEBIBYTE:.1f} MiB, unpacked {written.unpacked / MEBIBYTE:.1f} MiB"
    return f"{folder / name}.tar: {image.name}, {sizes}, {written.digest}"


def write_tree(name: str, order: Order, folder: Path) -> None:
    """Write the files of an image into a folder, for the Dockerfiles."""
    folder.mkdir(parents=True, exist_ok=True)
    for layer in RECIPES[name].fill(order):
        layer.write_folder(folder)


def read_version() -> str:
    found = VERSION.search((PROJECT / "src/vault_secrets_webhook/__init__.py").read_text())
    if found is None:
        raise ImageError("the package has no __version__")
    return found[1]


def find_epoch() -> int:
    """Tell the time of everything in an image: SOURCE_DATE_EPOCH, else that of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        if not given.isdecimal():
            raise ImageError(f"SOURCE_DATE_EPOCH is {given}, not a number of seconds since 1970")
        return max(int(given), EARLIEST)
    command = ["git", "-C", str(PROJECT), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return EARLIEST
    return max(int(done.stdout), EARLIEST) if done.returncode == 0 else EARLIEST


if __name__ == "__main__":
    sys.exit(main())
