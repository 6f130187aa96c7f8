"""A real agent as a process that ends after it has logged in: the `bao` of OpenBao, which reads HCL as Vault does."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.lookup import find_openbao

if TYPE_CHECKING:
    from pathlib import Path


class Ended(NamedTuple):
    """How an agent ended, and its log."""

    status: int
    log: str


def run_agent(config: Path, address: str, home: Path, *, ca_file: Path | None = None, seconds: float = 30) -> Ended:
    """Run an agent with a configuration file; one that does not log in is ended after a time, with status -9."""
    command = [str(find_openbao()), "agent", "-config", str(config), "-exit-after-auth"]
    environ = {"BAO_ADDR": address, "HOME": str(home)}
    if ca_file:
        environ["BAO_CACERT"] = str(ca_file)
    try:
        ended = subprocess.run(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as expired:
        return Ended(-9, (expired.stdout or b"").decode(errors="replace"))
    return Ended(ended.returncode, ended.stdout.decode(errors="replace"))
