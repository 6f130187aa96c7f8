"""What is in the image of vault-env: the executable, what copies it, and nothing else.

The executable lies where webhooks look for it, under both names that they know: which one it is called by says what it
does, and one file under two names is in the image once. The image also serves as an image volume mounted at /vault/ from its
folder /usr/local/bin, so that folder carries the mount points that a read-only volume cannot be given later.
The shell is for webhooks that copy by `sh -c "cp ..."`; ours needs none, with VAULT_ENV_COPY=self.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .debian import Debian, add_package
from .elf import read_needs
from .errors import ImageError
from .layout import SEARCH_PATH, Image
from .tree import Tree

if TYPE_CHECKING:
    from pathlib import Path

EXECUTABLE = "usr/local/bin/vault-env"
OTHER_NAME = "usr/local/bin/secret-init"
MOUNT_POINTS = "usr/local/bin/tls", "usr/local/bin/secrets"
SHELL_PACKAGE = "busybox-static"
SHELL, SHELL_COMMANDS = "busybox", ("sh", "cp", "mkdir")
LICENSES = "usr/share/doc/"
LICENSES_SUFFIX = "-licenses.txt"  # behind the name of the executable, as static/licenses.py writes it
NOBODY = "65534:65534"


def fill_tree(executable: Path, debian: Debian) -> Tree:
    """Collect the files of the image."""
    tree = fill_executable(executable)
    tree.add_tree(fill_shell(debian))
    return tree


def fill_executable(executable: Path) -> Tree:
    """Collect the executable, the folders beside it, and the licences of what is in it.

    Raises ImageError if it could not run in an empty image.
    """
    licenses = executable.with_name(f"{executable.name}{LICENSES_SUFFIX}")
    if not executable.is_file():
        raise ImageError(f"{executable} is missing: `make vault-env` builds it, --vault-env names another")
    data = executable.read_bytes()
    try:
        needs = read_needs(data)
    except ImageError as error:
        raise ImageError(f"{executable}: {error}") from None
    if needs.interpreter or needs.libraries:
        raise ImageError(f"{executable} is linked dynamically, and the image has no libraries: use `make vault-env`")
    tree = Tree()
    tree.add_file(EXECUTABLE, data, 0o755)
    tree.add_name(OTHER_NAME, EXECUTABLE)
    for folder in MOUNT_POINTS:
        tree.add_folder(folder)
    if not licenses.is_file():
        raise ImageError(f"{licenses} is missing: `make vault-env` writes it beside the executable")
    tree.add_file(f"{LICENSES}vault-env/copyright", licenses.read_bytes())
    return tree


def fill_shell(debian: Debian) -> Tree:
    """Collect busybox under the few names that it is called by, with its licence and its entry for scanners."""
    (package,) = (found for found in debian.choose([SHELL_PACKAGE]) if found.name == SHELL_PACKAGE)
    (deb,) = debian.fetch([package])
    whole, tree = Tree(), Tree()
    add_package(whole, deb, package)
    tree.add_file(f"bin/{SHELL}", whole[f"usr/bin/{SHELL}"], 0o755)
    for name in SHELL_COMMANDS:
        tree.add_link(f"bin/{name}", SHELL)
    for path in (f"{LICENSES}{SHELL_PACKAGE}/copyright", f"var/lib/dpkg/status.d/{SHELL_PACKAGE}"):
        tree.add_file(path, whole[path])
    return tree


def describe(name: str, architecture: str, layers: list[Tree], labels: dict[str, str]) -> Image:
    """Describe how the image starts: as nobody, with vault-env."""
    return Image(
        name=name,
        architecture=architecture,
        layers=layers,
        user=NOBODY,
        entrypoint=[f"/{EXECUTABLE}"],
        environment=[SEARCH_PATH],
        labels=labels,
    )
