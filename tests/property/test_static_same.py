"""vault-env run by an interpreter and the static executable are the same program, whatever environment they get.

Every example starts both with the same entries and the same Vault: exit code, log and the application's environment must
be equal. What depends on time (an outage with its retries) is left to tests/process.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import report_missing
from tests.fakes.server import FakeServer, Reply
from tests.fakes.vault import auth, errors, kv1, kv2, serve_paths
from tests.process.runner import (
    COMMAND,
    INTERPRETED,
    PATH,
    SHOW_ENVIRONMENT,
    Ended,
    run_with_entries,
    take_ignored_signals,
)
from tests.servers.errors import ServerMissing
from tests.servers.vault_env import find_or_build_vault_env

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers  # the executable has to be built

CANARY = "canary-of-both"
DATA = {
    "user": "app-user",
    "password": CANARY,
    "empty": "",
    "null": None,
    "number": 1500000,
    "map": {"a": [1, CANARY]},
    "text": "grüße\n\U0001f600",
    "nul": f"{CANARY}\0",
}
PATHS = {
    "secret/data/app": kv2(DATA),
    "secret/data/keys": kv2({"A": "from-path", "HOST": CANARY, "PATH": "/evil", "VAULT_TOKEN": CANARY}),
    "secret/data/gone": Reply(404, kv2(None, deletion_time="2026-08-01T12:00:00Z")),
    "secret/data/denied": errors(403, "permission denied"),
    "secret/data/page": Reply(200, b"<html>" + CANARY.encode()),
    "secret/data/big": kv2({"v": CANARY * 10000}),
    "kv/plain": kv1({"n": 1.5, "data": CANARY}),
    "db/role": kv1({"password": CANARY}, lease_id="db/role/1", lease_duration=60, renewable=True),
    "gen/key": kv1({"made": CANARY}),
    "auth/kubernetes/login": auth(CANARY),
    "auth/token/revoke-self": Reply(204),
}
NAMES = ["A", "B", "C", "HOST", "A B", "ä", "", "VAULT_OTHER"]
APP = "vault:secret/data/app#"
VALUES = [
    *("", "plain", "=x=", "two\nlines", "\udcff\udcfe", "vault:", "vault:x", "vault:login", "bao:secret/data/app#user"),
    *(APP + key for key in ("user", "password", "empty", "null", "number", "map", "text", "nul", "missing", "user#1")),
    *(APP + key for key in ("", "user#x", "user\n", "\udcff")),
    *("vault:secret/data/gone#k", "vault:secret/data/denied#k", "vault:secret/data/none#k", "vault:secret/data/page#k"),
    *("vault:secret/data/big#v", "vault:secret/app#user", "vault:kv/plain#n", "vault:kv/plain#data", "vault:/x/../y#k"),
    *("vault:db/role#password", ">>vault:gen/key#made", '>>vault:gen/key#made#{"a":1}', ">>vault:gen/key#made#{", "#k"),
    *(
        "${vault:secret/data/app#user}:${vault:secret/data/app#password}",
        "${vault:secret/data/app#user",
        "vault:v1:eA==",
    ),
    *(f"{APP}${{{action}}}" for action in (".user | upper", "toJson .", ".none", 'fail "x"', "none .", "range .map")),
    *(
        f"{APP}${{{action}}}"
        for action in (".password | sha256sum", ".password | adler32sum", "semver .user", "bcrypt")
    ),
]
SETTINGS = {
    "PATH": ["", "/none", ".:/bin", "/bin:/usr/bin"],
    "VAULT_ADDR": ["bad", "ftp://x", "https://a b"],
    "VAULT_CACERT": ["/none", ""],
    "VAULT_CLIENT_CERT": ["/none"],
    "VAULT_CLIENT_TIMEOUT": ["abc", "-1s", "7"],
    "VAULT_ENV_DAEMON": ["true", "no"],
    "VAULT_ENV_DELAY": ["1ms", "abc", "-1s"],
    "VAULT_ENV_FROM_PATH": [
        "secret/data/keys",
        "secret/data/keys,kv/plain",
        "secret/data/none",
        "secret/data/keys#x",
        ",",
    ],
    "VAULT_ENV_LOG_SERVER": ["syslog:514"],
    "VAULT_ENV_PASSTHROUGH": ["VAULT_ADDR", "VAULT_TOKEN, VAULT_ROLE"],
    "VAULT_HEADERS": ['{"a":"b"}', "{bad"],
    "VAULT_IGNORE_MISSING_SECRETS": ["true", "yes"],
    "VAULT_JSON_LOG": ["true", "x"],
    "VAULT_JWT_FILE": ["/none", "eyJ.x.y"],
    "VAULT_LOG_LEVEL": ["debug", "error", "trace"],
    "VAULT_NAMESPACE": ["team", "a b"],
    "VAULT_RATE_LIMIT": ["1000", "x"],
    "VAULT_REVOKE_TOKEN": ["true", "maybe"],
    "VAULT_TOKEN": ["", "vault:login", " \n", "\udcff"],
    "VAULT_TOKEN_FILE": ["/none", "s.token"],
    "VAULT_TRANSIT_BATCH_SIZE": ["0", "x"],
}
COMMANDS = [
    SHOW_ENVIRONMENT,
    *(("none",), ("/",), ("/etc/passwd",), ("",), ("--",), ("--help",), ("copy", "--x"), ("--", "none"), ("\udcff",)),
    *(("sh", "-c", "exit 7"), ("sh", "-c", "kill -9 $$"), ("printenv", "A")),
]

Pairs = list[tuple[str, str]]
VARIABLES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=5)
CHANGES = st.lists(
    st.sampled_from(sorted(SETTINGS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(SETTINGS[name]))),
    max_size=2,
)
ODD_ENTRIES = st.lists(st.sampled_from([b"no-mark", b"=", b"=x", b"=A=vault:x#y", b"\xff\xfe=\xfd"]), max_size=1)


@pytest.fixture(scope="module")
def vault() -> Iterator[FakeServer]:
    with FakeServer(serve_paths(PATHS)) as server:
        yield server


@pytest.fixture(scope="module")
def executable() -> str:
    take_ignored_signals()
    try:
        return str(find_or_build_vault_env())
    except ServerMissing as error:
        report_missing(error)


@pytest.mark.timeout(300)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    variables=VARIABLES,
    changes=CHANGES,
    odd=ODD_ENTRIES,
    command=st.just(SHOW_ENVIRONMENT) | st.sampled_from(COMMANDS),
)
def test_same_for_the_same_environment(
    vault: FakeServer, executable: str, variables: Pairs, changes: Pairs, odd: list[bytes], command: tuple[str, ...]
) -> None:
    usual = [("VAULT_ADDR", vault.address), ("VAULT_TOKEN", "a-token"), ("VAULT_CLIENT_TIMEOUT", "30s"), ("PATH", PATH)]
    changed = {name for name, _ in changes}
    pairs = [*(pair for pair in usual if pair[0] not in changed), *variables, *changes]
    entries = [f"{name}={value}".encode("utf-8", "surrogateescape") for name, value in pairs] + odd
    interpreted = observe(INTERPRETED, entries, command)
    static = observe((executable,), entries, command)
    assert static == interpreted
    assert CANARY not in static.log


def observe(words: tuple[str, ...], entries: list[bytes], command: tuple[str, ...]) -> Ended:
    """How one of the two ended, without the times in its log."""
    with patch.object(COMMAND, "words", words):
        ended = run_with_entries(entries, *command)
    return ended._replace(log=re.sub(r'"?time"?[=:]"?[^ ",]+[",]*', "", ended.log))
