"""Files without a place, for what takes nothing but names of files: OpenSSL, as the `ssl` module calls it.

A private key is not to be written to a disk, where it would outlive us, and a container with a read-only root has no
place for it anyway. So the file is one in memory (memfd_create(2)), which only this process can open, by its descriptor
under /proc.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def nameless_file(data: bytes) -> Iterator[str]:
    """Give data a file name as long as the context lasts. Where the kernel is not Linux, it is a file of mode 0600."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("nameless"), "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as named:
            named.write(data)
            named.flush()
            yield named.name
