"""What every part of the build needs: its error, commands that are quiet until they fail, and checksums."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# How much is shown of the output of a command that failed, and of the command itself.
SHOWN, WIDTH = 6000, 120


class BuildError(Exception):
    """The executable cannot be built; the text says why, and what would help."""


def run(command: Sequence[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Run a command in a folder; shows its output only when it fails. Raises BuildError."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BuildError(
            f"{command[0]} cannot be started ({error.strerror}): static/README.md says what to install"
        ) from None
    if done.returncode != 0:
        raise BuildError(
            f"`{shorten(command)}` failed with status {done.returncode}:\n{(done.stdout + done.stderr)[-SHOWN:]}"
        )


def shorten(command: Sequence[str]) -> str:
    """Give the beginning of a command, and its end, where what is asked for stands."""
    text = " ".join(command)
    return text if len(text) <= WIDTH else f"{text[: WIDTH // 3]} ... {text[-WIDTH // 2 :]}"


def check_sum(path: Path, sha256: str) -> None:
    """Raises BuildError when a file is another than the pinned one."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise BuildError(
            f"{path.name} has the SHA-256 {found}, and versions.toml says {sha256}: it is not what was reviewed"
        )
