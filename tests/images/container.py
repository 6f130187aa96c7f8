"""Runs a program of an image without an engine: its files as the root, read-only, as the user of the image.

Needs root, for its own mounts; they are in a namespace that ends with the program, so nothing is left behind.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.servers.errors import ServerMissing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Arguments: root, user, volume ("" is none) and its place, the program with its arguments. A mount of the root onto
# itself can be made read-only where the machine's cannot.
ENTER = """
set -e
root=$1 user=$2 volume=$3 place=$4
shift 4
mount --bind "$root" "$root"
[ -z "$volume" ] || mount --bind "$volume" "$root/$place"
mount --rbind /proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" "$@"
"""
NAMESPACE = ("unshare", "--mount", "--propagation=private")


@dataclass(frozen=True)
class Container:
    """An image as an engine would unpack it: its files in a folder, and what it says of user and environment."""

    root: Path
    user: str
    environment: Sequence[str]

    def build_command(self, *command: str, volume: Path | None = None, place: str = "") -> list[str]:
        """Make the command that runs a program in here; `volume` is a folder to mount at `place`."""
        enter = ["sh", "-c", ENTER, "sh", str(self.root), self.user, str(volume or ""), place]
        return ["env", "-i", *self.environment, *NAMESPACE, *enter, *command]

    def run(
        self, *command: str, volume: Path | None = None, place: str = "", text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, with `text` as its standard input."""
        words = self.build_command(*command, volume=volume, place=place)
        return subprocess.run(words, input=text, capture_output=True, text=True, check=False, timeout=60)


def expect_namespaces() -> None:
    """Raise ServerMissing where this machine does not let us mount."""
    if os.geteuid() != 0:
        raise ServerMissing("images are run with mounts of their own, which needs root: run the tests as root")
    tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise ServerMissing(f"images are run with mounts of their own, which this machine refuses: {tried.stderr}")
