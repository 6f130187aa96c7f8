"""What runs in the container: reads the references in its environment and becomes the application.

Standard library only, and as little of that as can be: every import here is paid for by every start of every pod.

The static executable has a module in C for what Python cannot say; `python -m vault_secrets_webhook.vaultenv` has it
not. It is looked for here, once, because this package is imported in any case.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Never, Protocol

    class Process(Protocol):
        """What the static executable knows of its process: the module `_vaultenv_process`."""

        def entries(self) -> list[bytes]:
            """Give the environment as execve(2) gave it, whatever its entries look like."""
            ...

        def execve(self, path: bytes, argv: list[bytes], entries: list[bytes], /) -> Never:
            """Become another program, with these entries and no others. Raises OSError."""
            ...

        def ignored_signals(self) -> tuple[int, ...]:
            """Tell which of SIGPIPE and SIGXFSZ were ignored at the start; the executable ignores both."""
            ...


process: Process | None = None
if "_vaultenv_process" in sys.builtin_module_names:  # asked of a list, because a search would cost more
    process = __import__("_vaultenv_process")
