"""What the application gets of the environment, and what was meant for vault-env alone."""

from __future__ import annotations

import os

import pytest

from tests.fakes.native import FakeProcess
from vault_secrets_webhook.vaultenv import environ
from vault_secrets_webhook.vaultenv.environ import build_entries, index_entries, read_entries, withheld_names
from vault_secrets_webhook.vaultenv.settings import SECRET_INIT, VAULT_ENV, Program

# Which names are removed is a promise to users: the lists are repeated here on purpose.
KEPT_FOR_LOGIN = [
    "VAULT_TOKEN",
    "VAULT_ADDR",
    "VAULT_AGENT_ADDR",
    "VAULT_CACERT",
    "VAULT_CAPATH",
    "VAULT_CLIENT_CERT",
    "VAULT_CLIENT_KEY",
    "VAULT_CLIENT_TIMEOUT",
    "VAULT_SRV_LOOKUP",
    "VAULT_SKIP_VERIFY",
    "VAULT_NAMESPACE",
    "VAULT_TLS_SERVER_NAME",
    "VAULT_WRAP_TTL",
    "VAULT_MFA",
    "VAULT_MAX_RETRIES",
    "VAULT_CACERT_BYTES",
    "VAULT_HEADERS",
    "VAULT_PROXY_ADDR",
    "VAULT_HTTP_PROXY",
]
NEVER_KEPT = [
    "VAULT_CLUSTER_ADDR",
    "VAULT_REDIRECT_ADDR",
    "VAULT_CLI_NO_COLOR",
    "VAULT_RATE_LIMIT",
    "VAULT_ROLE",
    "VAULT_PATH",
    "VAULT_AUTH_METHOD",
    "VAULT_TRANSIT_KEY_ID",
    "VAULT_TRANSIT_PATH",
    "VAULT_TRANSIT_BATCH_SIZE",
    "VAULT_IGNORE_MISSING_SECRETS",
    "VAULT_ENV_PASSTHROUGH",
    "VAULT_JSON_LOG",
    "VAULT_LOG_LEVEL",
    "VAULT_REVOKE_TOKEN",
    "VAULT_ENV_DAEMON",
    "VAULT_ENV_FROM_PATH",
    "VAULT_ENV_DELAY",
    "VAULT_TOKEN_FILE",
    "VAULT_TOKEN_PATH",
    "VAULT_ENV_LOG_SERVER",
    "VAULT_JWT_FILE",
]


# What Bank-Vaults' secret-init removes, and what we do besides. Its own variables, and for each server those above.
OF_SECRET_INIT = [
    "SECRET_INIT_DAEMON",
    "SECRET_INIT_DELAY",
    "SECRET_INIT_JSON_LOG",
    "SECRET_INIT_LOG_LEVEL",
    "SECRET_INIT_LOG_SERVER",
    *("VAULT_PASSTHROUGH", "VAULT_FROM_PATH", "BAO_PASSTHROUGH", "BAO_FROM_PATH"),
]
OF_SERVERS = [name for name in NEVER_KEPT if not name.startswith("VAULT_ENV_")]
OF_BAO = [name.replace("VAULT_", "BAO_") for name in OF_SERVERS]
BAO_KEPT_FOR_LOGIN = [name.replace("VAULT_", "BAO_") for name in KEPT_FOR_LOGIN]

ALWAYS: dict[str, list[str]] = {"vault-env": NEVER_KEPT, "secret-init": OF_SECRET_INIT + OF_SERVERS + OF_BAO}


@pytest.mark.parametrize(
    ("program", "entries", "passed_through", "also"),
    [
        (VAULT_ENV, [], [], KEPT_FOR_LOGIN),
        (VAULT_ENV, [b"VAULT_TOKEN=abc"], [""], KEPT_FOR_LOGIN),
        (VAULT_ENV, [b"VAULT_TOKEN=vault:login"], [], []),
        (VAULT_ENV, [b"OTHER=vault:login"], [], KEPT_FOR_LOGIN),
        (VAULT_ENV, [b"VAULT_TOKEN=vault:login2"], [], KEPT_FOR_LOGIN),
        (VAULT_ENV, [b"VAULT_TOKEN=abc", b"VAULT_TOKEN=vault:login"], [], KEPT_FOR_LOGIN),
        (VAULT_ENV, [b"VAULT_TOKEN=vault:login", b"VAULT_TOKEN=abc"], [], []),
        (VAULT_ENV, [b"BAO_TOKEN=bao:login"], [], KEPT_FOR_LOGIN),
        (VAULT_ENV, [], ["VAULT_ADDR", "VAULT_ROLE", "X"], KEPT_FOR_LOGIN),
        (SECRET_INIT, [], [], KEPT_FOR_LOGIN + BAO_KEPT_FOR_LOGIN),
        (SECRET_INIT, [b"VAULT_TOKEN=vault:login"], [], BAO_KEPT_FOR_LOGIN),
        (SECRET_INIT, [b"BAO_TOKEN=bao:login"], [], KEPT_FOR_LOGIN),
        (SECRET_INIT, [b"BAO_TOKEN=vault:login"], [], KEPT_FOR_LOGIN + BAO_KEPT_FOR_LOGIN),
        (SECRET_INIT, [], ["BAO_ADDR", "SECRET_INIT_DELAY"], KEPT_FOR_LOGIN + BAO_KEPT_FOR_LOGIN),
    ],
)
def test_withheld_names(program: Program, entries: list[bytes], passed_through: list[str], also: list[str]) -> None:
    expected = {*ALWAYS[program.name], *also}.difference(passed_through)
    assert withheld_names(entries, program, passed_through) == set(map(str.encode, expected))


def test_index() -> None:
    entries = [b"A=1", b"A=2", b"B=", b"NO_SIGN", b"=nameless", b"C=x=y\n", b"\xff=\xfe"]
    assert index_entries(entries) == {"A": "1", "B": "", "C": "x=y\n", "\udcff": "\udcfe"}


BUILT: list[tuple[str, list[bytes], dict[bytes, bytes | None], dict[bytes, bytes], list[bytes]]] = [
    ("untouched", [b"A=1", b"B=\xff\n=", b"C="], {}, {}, [b"A=1", b"B=\xff\n=", b"C="]),
    ("withheld", [b"A=1", b"OWN=x", b"OWNER=y"], {}, {}, [b"A=1", b"OWNER=y"]),
    ("duplicates", [b"A=1", b"B=2", b"A=3"], {}, {}, [b"A=1", b"B=2"]),
    ("no sign", [b"NO_SIGN", b"NO_SIGN", b"OWN"], {}, {}, [b"NO_SIGN", b"NO_SIGN", b"OWN"]),
    ("no name", [b"=C:=x", b"=x"], {}, {}, [b"=C:=x", b"=x"]),
    ("value", [b"A=vault:x", b"B=2"], {b"A": b"secret"}, {}, [b"A=secret", b"B=2"]),
    ("dropped", [b"A=vault:x", b"B=2"], {b"A": None}, {}, [b"B=2"]),
    ("dropped with its duplicate", [b"A=vault:x", b"B=2", b"A=vault:y"], {b"A": None}, {}, [b"B=2"]),
    ("added", [b"B=2"], {}, {b"A": b"1"}, [b"B=2", b"A=1"]),
    ("explicit wins over added", [b"B=2"], {}, {b"A": b"1", b"B": b"3"}, [b"B=2", b"A=1"]),
    ("explicit reference wins over added", [b"B=vault:x"], {b"B": b"2"}, {b"B": b"3"}, [b"B=2"]),
    ("dropped and added", [b"B=vault:x"], {b"B": None}, {b"B": b"3"}, [b"B=3"]),
    ("withheld is not added", [], {}, {b"OWN": b"3"}, []),
]


@pytest.mark.parametrize(
    ("entries", "values", "added", "expected"), [row[1:] for row in BUILT], ids=[row[0] for row in BUILT]
)
def test_build(
    entries: list[bytes], values: dict[bytes, bytes | None], added: dict[bytes, bytes], expected: list[bytes]
) -> None:
    assert build_entries(entries, frozenset({b"OWN"}), values, added) == expected


def test_entries_that_the_executable_has_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [b"A=1", b"NO_SIGN", b"", b"=x", b"A=\xff"]
    monkeypatch.setattr(environ, "process", FakeProcess(entries))
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("/proc is asked"))
    assert read_entries() == entries
    assert build_entries(entries, frozenset()) == entries[:-1]


def test_entries_where_proc_is_not_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise FileNotFoundError(path, flags)

    monkeypatch.setenv("THERE", "yes")
    monkeypatch.setattr(os, "open", refuse)
    assert b"THERE=yes" in read_entries()
