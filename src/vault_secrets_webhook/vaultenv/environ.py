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

    from .settings import Program

# What an application needs to talk to Vault itself: kept when it asks for a token by VAULT_TOKEN=vault:login. Names are
# without VAULT_, or BAO_.
CONNECTION_NAMES = (
    b"ADDR",
    b"AGENT_ADDR",
    b"CACERT",
    b"CACERT_BYTES",
    b"CAPATH",
    b"CLIENT_CERT",
    b"CLIENT_KEY",
    b"CLIENT_TIMEOUT",
    b"HEADERS",
    b"HTTP_PROXY",
    b"MAX_RETRIES",
    b"MFA",
    b"NAMESPACE",
    b"PROXY_ADDR",
    b"SKIP_VERIFY",
    b"SRV_LOOKUP",
    b"TLS_SERVER_NAME",
    b"TOKEN",
    b"WRAP_TTL",
)
# What was meant for vault-env alone.
OWN_NAMES = (
    b"AUTH_METHOD",
    b"CLI_NO_COLOR",
    b"CLUSTER_ADDR",
    b"IGNORE_MISSING_SECRETS",
    b"JSON_LOG",
    b"JWT_FILE",
    b"LOG_LEVEL",
    b"PATH",
    b"RATE_LIMIT",
    b"REDIRECT_ADDR",
    b"REVOKE_TOKEN",
    b"ROLE",
    b"TOKEN_FILE",
    b"TOKEN_PATH",
    b"TRANSIT_BATCH_SIZE",
    b"TRANSIT_KEY_ID",
    b"TRANSIT_PATH",
)
LOGIN = b"login"


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


def withheld_names(entries: Iterable[bytes], program: Program, passed_through: Iterable[str]) -> frozenset[bytes]:
    """Give the names that the application does not get."""
    names = set(map(str.encode, program.steering))
    for server in program.servers:
        prefix = server.prefix.encode()
        token = prefix + b"TOKEN="
        given = next((entry for entry in entries if entry.startswith(token)), b"")
        is_login = given == token + server.scheme.encode() + LOGIN
        names.update([prefix + name for name in (OWN_NAMES if is_login else OWN_NAMES + CONNECTION_NAMES)])
    return frozenset(names.difference([name.encode("utf-8", "surrogateescape") for name in passed_through]))


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
