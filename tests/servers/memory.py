"""What another process holds: the bytes of every page that it can read."""

from __future__ import annotations

from pathlib import Path

# Of the kernel: they cannot be read through /proc/PID/mem.
_UNREADABLE = ("[vvar]", "[vvar_vclock]", "[vsyscall]")


def read_memory(pid: int) -> bytes:
    """Read every readable page of a process of ours."""
    contents = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            addresses, rights = line.split()[:2]
            if not rights.startswith("r") or line.endswith(_UNREADABLE):
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            memory.seek(start)
            try:
                contents.append(memory.read(end - start))
            except OSError:  # a mapping of a file that has become shorter
                continue
    return b"\0".join(contents)
