"""A shared library that shows by a file that it was loaded into a process."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void leave_mark(void)
{
    close(open(MARK, O_WRONLY | O_CREAT, 0644));
}
"""


def build_marking_library(library: Path, mark: Path) -> Path:
    """Compile a library that makes the file `mark` when it is loaded."""
    library.parent.mkdir(parents=True, exist_ok=True)
    words = ["cc", "-shared", "-fPIC", "-x", "c", f'-DMARK="{mark}"', "-o", str(library), "-"]
    subprocess.run(words, input=SOURCE.encode(), check=True)
    return library
