"""The licences of what is linked and frozen into the executable, as one text that goes wherever it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from static.commands import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Behind the name of the executable.
SUFFIX = "-licenses.txt"
# Where Debian tells the licences of the C library and of libcrypt, whose static versions are linked in.
OF_THE_SYSTEM = ("libc6-dev", "libcrypt-dev")
RULE = "=" * 100


def join_licenses(texts: Mapping[str, Path], documents: Path) -> str:
    """Join the licences of `texts`, part by part, and those of the system's libraries below the folder `documents`.

    A system that has no copies of these (Alpine) is named by what they are called. Raises BuildError.
    """
    found = {name: documents / name / "copyright" for name in OF_THE_SYSTEM}
    parts = []
    for name, path in {**texts, **found}.items():
        if path.is_file():
            parts.append((name, path.read_text("utf-8", "replace").strip()))
        elif name in found:
            parts.append((name, f"as linked from this system, which keeps no copy of its licence at {path}"))
        else:
            raise BuildError(f"the licence of {name} is not at {path}")
    return "\n\n".join(f"{RULE}\n{name}\n{RULE}\n\n{text}" for name, text in parts) + "\n"
