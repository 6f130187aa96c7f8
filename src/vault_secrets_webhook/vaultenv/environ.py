"""The process environment as the kernel has it: a list of byte strings, most of them `NAME=value`.

`os.environ` would drop entries without `=`, and the interpreter may add to it (PEP 538 sets LC_CTYPE); the
application must get exactly what the container was given, without what was meant for vault-env.
"""

from __future__ import annotations

import os

from . import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOKEN = b"VAULT_TOKEN="
LOGIN = TOKEN + b"vault:login"

# What an application needs to talk to Vault itself: kept when it asks for a token by VAULT_TOKEN=vault:login.
CONNECTION_NAMES = frozenset(
    (
        b"VAULT_TOKEN",
        b"VAULT_ADDR",
        b"VAULT_AGENT_ADDR",
        b"VAULT_CACERT",
        b"VAULT_CACERT_BYTES",
        b"VAULT_CAPATH",
        b"VAULT_CLIENT_CERT",
        b"VAULT_CLIENT_KEY",
        b"VAULT_CLIENT_TIMEOUT",
        b"VAULT_HEADERS",
        b"VAULT_HTTP_PROXY",
        b"VAULT_MAX_RETRIES",
        b"VAULT_MFA",
        b"VAULT_NAMESPACE",
        b"VAULT_PROXY_ADDR",
        b"VAULT_SKIP_VERIFY",
        b"VAULT_SRV_LOOKUP",
        b"VAULT_TLS_SERVER_NAME",
        b"VAULT_WRAP_TTL",
    )
)

# What was meant for vault-env alone.
OWN_NAMES = frozenset(
    (
        b"VAULT_AUTH_METHOD",
        b"VAULT_CLI_NO_COLOR",
        b"VAULT_CLUSTER_ADDR",
        b"VAULT_ENV_DAEMON",
        b"VAULT_ENV_DELAY",
        b"VAULT_ENV_FROM_PATH",
        b"VAULT_ENV_LOG_SERVER",
        b"VAULT_ENV_PASSTHROUGH",
        b"VAULT_IGNORE_MISSING_SECRETS",
        b"VAULT_JSON_LOG",
        b"VAULT_JWT_FILE",
        b"VAULT_LOG_LEVEL",
        b"VAULT_PATH",
        b"VAULT_RATE_LIMIT",
        b"VAULT_REDIRECT_ADDR",
        b"VAULT_REVOKE_TOKEN",
        b"VAULT_ROLE",
        b"VAULT_TOKEN_FILE",
        b"VAULT_TOKEN_PATH",
        b"VAULT_TRANSIT_BATCH_SIZE",
        b"VAULT_TRANSIT_KEY_ID",
        b"VAULT_TRANSIT_PATH",
    )
)


def read_entries() -> list[bytes]:
    """Read the entries that the process was started with.

    The static executable has them at hand. Else the kernel is asked, and the interpreter where /proc is not mounted.
    """
    if process is not None:
        return process.entries()
    try:
        descriptor = os.open("/proc/self/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return [name + b"=" + value for name, value in os.environb.items()]
    try:
        chunks = []
        while chunk := os.read(descriptor, 1 << 17):
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    return b"".join(chunks).split(b"\0")[:-1]


def index_entries(entries: Iterable[bytes]) -> dict[str, str]:
    """Make a mapping of the entries that have a name; of equal names the first counts, as in libc and Go."""
    variables: dict[str, str] = {}
    for entry in entries:
        name, mark, value = entry.decode("utf-8", "surrogateescape").partition("=")
        if mark and name:
            variables.setdefault(name, value)
    return variables


def withheld_names(entries: Iterable[bytes], passed_through: Iterable[str]) -> frozenset[bytes]:
    """Give the names that the application does not get."""
    token = next((entry for entry in entries if entry.startswith(TOKEN)), b"")
    names = OWN_NAMES if token == LOGIN else OWN_NAMES | CONNECTION_NAMES
    return names - {name.encode("utf-8", "surrogateescape") for name in passed_through}


def build_entries(
    entries: Iterable[bytes],
    withheld: frozenset[bytes],
    values: Mapping[bytes, bytes | None] | None = None,
    added: Mapping[bytes, bytes] | None = None,
) -> list[bytes]:
    """Make the application's environment, in the order of the entries and without duplicates.

    `values` replaces values by name (None: the variable is dropped); `added` goes behind, where the name is neither
    withheld nor there already.
    """
    values = values or {}
    built: list[bytes] = []
    names: set[bytes] = set()
    for entry in entries:
        name, mark, value = entry.partition(b"=")
        if not (mark and name):
            built.append(entry)
            continue
        if name in names or name in withheld:
            continue
        new = values.get(name, value)
        if new is not None:
            names.add(name)
            built.append(name + b"=" + new)
    for name, value in (added or {}).items():
        if name not in names and name not in withheld:
            built.append(name + b"=" + value)
    return built
