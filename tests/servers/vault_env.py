"""Where the static vault-env is that the tests run: `VAULT_ENV_EXECUTABLE`, or what static/build.py makes of this tree.

The build keeps what it made in a cache outside of the tree, by content, so only a tree that has changed costs time:
seconds when it is our own code, minutes when CPython and OpenSSL have to be compiled (`make vault-env` does that
beforehand). It sees to workers that ask at once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from static.build import check_modules, provide_executable
from static.commands import BuildError
from static.libraries import find_toolchain, read_sources
from tests.servers.errors import ServerMissing
from tests.servers.lookup import find_by_variable

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "VAULT_ENV_EXECUTABLE"


def find_or_build_vault_env() -> Path:
    """Give the executable. Raises `ServerMissing`, and `BuildError` where modules.txt does not fit the tree."""
    found = ask_once()
    if isinstance(found, ServerMissing):
        raise found
    return found


@cache
def ask_once() -> Path | ServerMissing:
    """Give what `find_or_build_vault_env` gives or raises; a build that failed is not tried again for each test."""
    try:
        return build()
    except ServerMissing as error:
        return error


def build() -> Path:
    named = find_by_variable(VARIABLE)
    if named is not None:
        return named.absolute()
    check_modules()
    try:
        return provide_executable(find_toolchain(), read_sources())
    except BuildError as error:
        raise ServerMissing(
            f"the static vault-env is not on this machine: run `make vault-env`, or put its path into {VARIABLE}; {error}"
        ) from None
