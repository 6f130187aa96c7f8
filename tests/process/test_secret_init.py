"""vault-env called `secret-init`: the other program's variables, and references to OpenBao beside those to Vault."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import FakeServer
from tests.fakes.vault import TOKEN, auth, kv2, serve_paths
from tests.process.runner import COMMAND, Ended, finish, run, start
from vault_secrets_webhook import __version__
from vault_secrets_webhook.vaultenv.environ import CONNECTION_NAMES, withheld_names
from vault_secrets_webhook.vaultenv.settings import SECRET_INIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.openbao import OpenBao

NAME = "secret-init"
MOUNT = "secret-init"
PATH_ONLY = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
# Started by an interpreter, it is called by the path of this script.
SCRIPT = "from vault_secrets_webhook.vaultenv.__main__ import main\nmain()\n"
ALL_NAMES = sorted(name.decode() for name in withheld_names((), SECRET_INIT, ()))
# A value for each that it can live with.
VALUES = {
    **dict.fromkeys(("SECRET_INIT_DAEMON", "SECRET_INIT_JSON_LOG"), "false"),
    **dict.fromkeys(("VAULT_IGNORE_MISSING_SECRETS", "BAO_IGNORE_MISSING_SECRETS"), "false"),
    **dict.fromkeys(("VAULT_REVOKE_TOKEN", "BAO_REVOKE_TOKEN"), "false"),
    "SECRET_INIT_DELAY": "0s",
    "SECRET_INIT_LOG_LEVEL": "error",
    "SECRET_INIT_LOG_SERVER": "",
    **dict.fromkeys(("VAULT_FROM_PATH", "BAO_FROM_PATH", "VAULT_PASSTHROUGH", "BAO_PASSTHROUGH"), ""),
}


@pytest.fixture(autouse=True)
def called(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Let COMMAND start the same vault-env by its other name; the path by which that is called."""
    path = tmp_path / "bin" / NAME
    path.parent.mkdir()
    if form == "static":
        path.symlink_to(request.getfixturevalue("executable"))
        monkeypatch.setattr(COMMAND, "words", (str(path),))
    else:
        path.write_text(SCRIPT)
        monkeypatch.setattr(COMMAND, "words", (sys.executable, str(path)))
    return path


@pytest.fixture(scope="module")
def vault_server(openbao: OpenBao) -> OpenBao:
    """Who answers `vault:` references."""
    openbao.enable_kv2(f"{MOUNT}-kv2")
    openbao.enable_transit(f"{MOUNT}-transit")
    return openbao


@pytest.fixture(scope="module")
def bao_server(openbao_tls: OpenBao) -> OpenBao:
    """Who answers `bao:` references: another server, over TLS, with the same paths."""
    openbao_tls.enable_kv2(f"{MOUNT}-kv2")
    openbao_tls.enable_transit(f"{MOUNT}-transit")
    return openbao_tls


@pytest.fixture
def environ(vault_server: OpenBao, bao_server: OpenBao) -> dict[str, str]:
    return {
        "VAULT_ADDR": vault_server.address,
        "VAULT_TOKEN": vault_server.root_token,
        "BAO_ADDR": bao_server.address,
        "BAO_CACERT": str(bao_server.ca_file),
        "BAO_TOKEN": bao_server.root_token,
    }


@pytest.fixture
def bao() -> Iterator[FakeServer]:
    """An OpenBao that answers as told, to look at what it is asked."""
    with FakeServer(serve_paths({"kv/data/app": kv2({"user": "bao-user"}), "auth/k8s/login": auth()})) as server:
        yield server


def read_log(seen: Ended) -> list[dict[str, object]]:
    return [json.loads(line) for line in seen.log.splitlines()]


def test_one_of_two_servers_is_enough(environ: dict[str, str], bao_server: OpenBao, canary: str, form: str) -> None:
    bao_server.write_kv2(f"app-{form}", {"k": canary, "n": 1500000}, f"{MOUNT}-kv2")
    path = f"{MOUNT}-kv2/data/app-{form}"
    given = {name: value for name, value in environ.items() if name.startswith("BAO_")}
    seen = run(
        {
            **given,
            "A": f"bao:{path}#k",
            "OLD": f"bao:{path}#k#1",
            "JSON": f'{{"pw":"${{bao:{path}#k}}","n":${{bao:{path}#n}}}}',
            "TEMPLATE": f"bao:{path}#<${{.k | upper}}>",
        }
    )
    assert seen.environ == {
        **PATH_ONLY,
        "A": canary,
        "OLD": canary,
        "JSON": f'{{"pw":"{canary}","n":1500000}}',
        "TEMPLATE": f"<{canary.upper()}>",
    }
    assert canary not in seen.log


def test_both_servers(environ: dict[str, str], vault_server: OpenBao, bao_server: OpenBao, canary: str) -> None:
    """The same path on both; each is asked with its own token, or it would answer 403."""
    vault_server.write_kv2("both", {"k": f"vault-{canary}"}, f"{MOUNT}-kv2")
    bao_server.write_kv2("both", {"k": f"bao-{canary}"}, f"{MOUNT}-kv2")
    path = f"{MOUNT}-kv2/data/both"
    seen = run(
        {
            **environ,
            "V": f"vault:{path}#k",
            "B": f"bao:{path}#k",
            "MIXED": f"${{vault:{path}#k}} ${{bao:{path}#k}}",
            "WRITTEN": f'>>bao:{MOUNT}-kv2/data/written#version#{{"data":{{"k":"w"}}}}',
            "SECRET_INIT_JSON_LOG": "true",
        }
    )
    assert seen.environ == {
        **PATH_ONLY,
        "V": f"vault-{canary}",
        "B": f"bao-{canary}",
        "MIXED": f"vault-{canary} bao-{canary}",
        "WRITTEN": seen.environ["WRITTEN"],
    }
    assert int(seen.environ["WRITTEN"]) >= 1
    (line,) = read_log(seen)
    assert (line["app"], line["msg"], line["variables"], line["requests"]) == (NAME, "secrets are injected", 4, 3)
    for hidden in (canary, vault_server.root_token, bao_server.root_token):
        assert hidden not in seen.log


def test_a_value_is_not_read_again(environ: dict[str, str], vault_server: OpenBao) -> None:
    """What one server gives is no reference to the other."""
    vault_server.write_kv2("nested", {"k": "bao:secret/data/a#k ${bao:secret/data/a#k}"}, f"{MOUNT}-kv2")
    seen = run({**environ, "A": f"vault:{MOUNT}-kv2/data/nested#k"})
    assert seen.environ["A"] == "bao:secret/data/a#k ${bao:secret/data/a#k}"


def test_transit(environ: dict[str, str], vault_server: OpenBao, bao_server: OpenBao, canary: str) -> None:
    """OpenBao calls its ciphertexts `vault:v1:` as well: the scheme of the reference says whose it is."""
    mount = f"{MOUNT}-transit"
    of_vault, of_bao = vault_server.encrypt(f"v{canary}", mount), bao_server.encrypt(f"b{canary}", mount)
    assert of_bao.startswith("vault:v1:")
    as_bao = of_bao.replace("vault:", "bao:", 1)
    keys = {f"{prefix}_TRANSIT_KEY_ID": "app" for prefix in ("VAULT", "BAO")}
    mounts = {f"{prefix}_TRANSIT_PATH": mount for prefix in ("VAULT", "BAO")}
    seen = run({**environ, **keys, **mounts, "V": of_vault, "B": as_bao, "INLINE": f"<${{{as_bao}}}>"})
    assert (seen.environ["V"], seen.environ["B"]) == (f"v{canary}", f"b{canary}")
    assert seen.environ["INLINE"] == f"<b{canary}>"
    assert canary not in seen.log
    wrong = run({**environ, **mounts, "B": as_bao})
    assert (wrong.code, wrong.output) == (1, b"")
    assert "BAO_TRANSIT_KEY_ID is not set: decrypting bao:v1:... needs the name of its key" in wrong.log


def test_token_file(environ: dict[str, str], bao_server: OpenBao, tmp_path: Path) -> None:
    """As the webhook gives it: a file in the volume."""
    bao_server.write_kv2("file", {"k": "v"}, f"{MOUNT}-kv2")
    token_file = tmp_path / ".bao-token"
    token_file.write_text(bao_server.root_token + "\n")
    given = {**environ, "BAO_TOKEN_FILE": str(token_file), "A": f"bao:{MOUNT}-kv2/data/file#k"}
    assert run({**given, "BAO_TOKEN": "not-this"}).environ == {**PATH_ONLY, "A": "v"}
    gone = run({**given, "BAO_TOKEN_FILE": "/gone/.bao-token"})
    assert (gone.code, "BAO_TOKEN_FILE: /gone/.bao-token cannot be read" in gone.log) == (1, True)


def test_login(bao: FakeServer, tmp_path: Path) -> None:
    """Nothing of what Vault would be told is told to OpenBao."""
    (tmp_path / "jwt").write_text("the-jwt\n")
    given = {
        "BAO_ADDR": bao.address,
        "BAO_TOKEN": "bao:login",
        "BAO_ROLE": "shop",
        "BAO_PATH": "k8s",
        "BAO_AUTH_METHOD": "kubernetes",
        "BAO_NAMESPACE": "team",
        "BAO_JWT_FILE": str(tmp_path / "jwt"),
        "VAULT_TOKEN": "of-vault",
        "VAULT_ROLE": "other",
        "VAULT_NAMESPACE": "other",
        "A": "bao:kv/data/app#user",
    }
    seen = run(given)
    assert seen.environ == {
        **PATH_ONLY,
        "BAO_ADDR": bao.address,
        "BAO_TOKEN": TOKEN,
        "BAO_NAMESPACE": "team",
        "A": "bao-user",
    }
    login, read = bao.asked
    assert json.loads(login.body) == {"jwt": "the-jwt", "role": "shop"}
    assert (login.headers["x-vault-namespace"], read.headers["x-vault-namespace"]) == ("team", "team")
    assert read.headers["x-vault-token"] == TOKEN
    assert not [asked for asked in bao.asked if "of-vault" in str(asked.headers)]


def test_from_path(environ: dict[str, str], vault_server: OpenBao, bao_server: OpenBao) -> None:
    vault_server.write_kv2("from", {"ONE": "vault", "BOTH": "vault"}, f"{MOUNT}-kv2")
    bao_server.write_kv2("from", {"TWO": "bao", "BOTH": "bao", "BAO_ADDR": "x"}, f"{MOUNT}-kv2")
    path = f"{MOUNT}-kv2/data/from"
    seen = run({**environ, "VAULT_FROM_PATH": path, "BAO_FROM_PATH": path, "VAULT_ENV_FROM_PATH": "kept/as/it#is"})
    assert seen.environ == {
        **PATH_ONLY,
        "VAULT_ENV_FROM_PATH": "kept/as/it#is",
        "ONE": "vault",
        "BOTH": "bao",
        "TWO": "bao",
    }


def test_missing_is_forgiven_by_the_server_that_is_told_so(environ: dict[str, str]) -> None:
    given = {"V": f"vault:{MOUNT}-kv2/data/gone#k", "B": f"bao:{MOUNT}-kv2/data/gone#k", "SECRET_INIT_JSON_LOG": "true"}
    seen = run({**environ, **given, "BAO_IGNORE_MISSING_SECRETS": "true"})
    assert (seen.code, seen.output) == (1, b"")
    (line,) = read_log(seen)
    assert (line["level"], line["variable"]) == ("ERROR", "V")
    both = run({**environ, **given, "BAO_IGNORE_MISSING_SECRETS": "true", "VAULT_IGNORE_MISSING_SECRETS": "true"})
    assert both.environ == PATH_ONLY


def test_token_is_revoked_where_that_is_asked_for(environ: dict[str, str], bao_server: OpenBao) -> None:
    bao_server.write_kv2("revoked", {"k": "v"}, f"{MOUNT}-kv2")
    bao_server.write_policy(f"{MOUNT}-revoked", {f"{MOUNT}-kv2/data/revoked": ["read"]})
    token = bao_server.create_token([f"{MOUNT}-revoked", "default"], ttl="5m")
    given = {**environ, "BAO_TOKEN": token, "A": f"bao:{MOUNT}-kv2/data/revoked#k"}
    assert run({**given, "VAULT_REVOKE_TOKEN": "true"}).environ["A"] == "v"
    assert run({**given, "BAO_REVOKE_TOKEN": "true"}).environ["A"] == "v"
    assert bao_server.request("GET", "auth/token/lookup-self", token=token)[0] == 403


def test_what_is_its_own_does_not_reach_the_application() -> None:
    given = {name: VALUES.get(name, "x") for name in ALL_NAMES}
    stays = {"VAULTED": "x", "BAOBAB": "x", "SECRET_INIT_": "x", "VAULT_ENV_DELAY": "x", "APP": "x"}
    assert run({**given, **stays}).environ == {**PATH_ONLY, **stays}


def test_passthrough() -> None:
    given = {name: VALUES.get(name, "x") for name in ALL_NAMES}
    named = {"VAULT_PASSTHROUGH": "VAULT_ADDR, BAO_ROLE", "BAO_PASSTHROUGH": "BAO_ADDR,SECRET_INIT_DELAY"}
    kept = {"VAULT_ADDR": "x", "BAO_ROLE": "x", "BAO_ADDR": "x", "SECRET_INIT_DELAY": "0s"}
    assert run({**given, **named}).environ == {**PATH_ONLY, **kept}


@pytest.mark.parametrize("prefix", ["VAULT", "BAO"])
def test_login_keeps_what_the_application_needs(vault: FakeServer, tmp_path: Path, prefix: str) -> None:
    (tmp_path / "jwt").write_text("the-jwt")
    login = {"ADDR": vault.address, "TOKEN": f"{prefix.lower()}:login", "AGENT_ADDR": vault.address}
    harmless = {name: "" for name in map(bytes.decode, CONNECTION_NAMES) if name not in login}
    kept = {f"{prefix}_{name}": value for name, value in {**harmless, **login}.items()}
    other = {"VAULT": "BAO", "BAO": "VAULT"}[prefix]
    gone = {f"{other}_ADDR": "x", f"{prefix}_JWT_FILE": str(tmp_path / "jwt"), f"{prefix}_ROLE": "app"}
    assert run({**kept, **gone}).environ == {**PATH_ONLY, **kept, f"{prefix}_TOKEN": TOKEN}


def test_vault_env_is_not_changed(monkeypatch: pytest.MonkeyPatch, called: Path, form: str) -> None:
    """By its own name, it knows nothing of OpenBao's references and variables."""
    if form == "static":
        own = called.with_name("vault-env")
        own.symlink_to(called.readlink())
        monkeypatch.setattr(COMMAND, "words", (str(own),))
    else:
        monkeypatch.setattr(COMMAND, "words", (sys.executable, "-m", "vault_secrets_webhook.vaultenv"))
    given = {
        "A": "bao:kv/a#k",
        "B": "${>>bao:kv/a#k}",
        "C": "arn:aws:ssm:x",
        "BAO_TOKEN": "bao:login",
        "BAO_ADDR": "x",
        "BAO_FROM_PATH": "a",
    }
    more = {"VAULT_FROM_PATH": "a", "VAULT_PASSTHROUGH": "VAULT_ADDR", "SECRET_INIT_DELAY": "soon", "VAULT_ROLE": "x"}
    seen = run({**given, **more})
    assert seen.environ == {
        name: value for name, value in {**PATH_ONLY, **given, **more}.items() if name != "VAULT_ROLE"
    }
    assert seen.log == ""


FAULTS: list[tuple[str, dict[str, str], str]] = [
    ("no address", {"BAO_TOKEN": "t", "BAO_MAX_RETRIES": "0"}, "BAO_ADDR is not set"),
    ("address", {"BAO_ADDR": "ldap://x"}, "BAO_ADDR: "),
    ("address of an agent", {"BAO_AGENT_ADDR": "ldap://x"}, "BAO_AGENT_ADDR: "),
    ("time-out", {"BAO_CLIENT_TIMEOUT": "soon"}, "BAO_CLIENT_TIMEOUT: "),
    ("check", {"BAO_SKIP_VERIFY": "maybe"}, "BAO_SKIP_VERIFY: "),
    ("authority", {"BAO_ADDR": "https://127.0.0.1:1", "BAO_CACERT": "/gone"}, "BAO_CACERT /gone cannot be read"),
    ("authorities", {"BAO_ADDR": "https://127.0.0.1:1", "BAO_CAPATH": "/gone"}, "BAO_CAPATH /gone cannot be read"),
    (
        "client certificate",
        {"BAO_ADDR": "https://127.0.0.1:1", "BAO_CLIENT_CERT": "/x"},
        "BAO_CLIENT_CERT and BAO_CLIENT_KEY must be set both or neither",
    ),
    ("PEM", {"BAO_ADDR": "https://127.0.0.1:1", "BAO_CACERT_BYTES": "x"}, "BAO_CACERT_BYTES cannot be used"),
    (
        "proxy",
        {"BAO_ADDR": "http://x", "BAO_HTTP_PROXY": "ftp://x", "BAO_TOKEN": "t"},
        "BAO_PROXY_ADDR or BAO_HTTP_PROXY",
    ),
    ("method", {"BAO_AUTH_METHOD": "ldap"}, "BAO_AUTH_METHOD 'ldap' is unknown"),
    ("mount", {"BAO_PATH": "auth/jwt"}, "BAO_PATH auth/jwt: leave auth/ out"),
    ("token", {"BAO_TOKEN": "a b"}, "BAO_TOKEN holds something that cannot be a token"),
    ("batch", {"BAO_TRANSIT_BATCH_SIZE": "0"}, "BAO_TRANSIT_BATCH_SIZE: 0 ciphertexts"),
    ("missing", {"BAO_IGNORE_MISSING_SECRETS": "yes"}, "BAO_IGNORE_MISSING_SECRETS: "),
    ("paths", {"BAO_FROM_PATH": "bao:a/b"}, "leave bao: out: an entry is PATH or PATH#VERSION"),
    ("delay", {"SECRET_INIT_DELAY": "soon"}, "SECRET_INIT_DELAY: "),
    ("level", {"SECRET_INIT_LOG_LEVEL": "loud"}, "SECRET_INIT_LOG_LEVEL: "),
    ("form of the log", {"SECRET_INIT_JSON_LOG": "yes"}, "SECRET_INIT_JSON_LOG: "),
    ("daemon", {"SECRET_INIT_DAEMON": "true"}, "SECRET_INIT_DAEMON: daemon mode is not supported by this version"),
    ("AWS", {"B": "arn:aws:secretsmanager:x:hunter2"}, "B: references that begin with arn:aws:secretsmanager: are not"),
    ("AWS, parameters", {"B": "arn:aws:ssm:x:hunter2"}, "B: references that begin with arn:aws:ssm: are not supported"),
    ("GCP", {"B": "gcp:secretmanager:projects/hunter2"}, "B: references that begin with gcp:secretmanager: are not"),
    ("Azure", {"B": "azure:keyvault:hunter2"}, "B: references that begin with azure:keyvault: are not supported"),
    ("no key", {"A": "bao:hunter2"}, "no key: write bao:PATH#KEY"),
    ("version", {"A": "bao:a/b#k#latest"}, "a version is a whole number, as in bao:PATH#KEY#2"),
]


@pytest.mark.parametrize(("given", "words"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults_name_the_variable_that_is_meant(given: dict[str, str], words: str) -> None:
    seen = run({"A": "bao:kv/data/app#k", "BAO_CLIENT_TIMEOUT": "5s", **given})
    assert (seen.code, seen.output) == (1, b"")
    (line,) = seen.log.splitlines()
    assert words in line
    assert "VAULT_" not in line
    assert "hunter2" not in line


def test_outage_of_one_server_is_its_own(environ: dict[str, str], vault_server: OpenBao) -> None:
    vault_server.write_kv2("there", {"k": "v"}, f"{MOUNT}-kv2")
    given = {"BAO_ADDR": "http://127.0.0.1:1", "BAO_MAX_RETRIES": "0", "SECRET_INIT_JSON_LOG": "true"}
    references = {"V": f"vault:{MOUNT}-kv2/data/there#k", "B": "bao:a/b#k", "C": "bao:c/d#k"}
    seen = run({**environ, **given, **references})
    assert (seen.code, seen.output) == (1, b"")
    (line,) = read_log(seen)
    assert (line["msg"], line["variables"]) == ("OpenBao cannot be used", ["B", "C"])


def test_log_server_is_not_supported() -> None:
    seen = run({"SECRET_INIT_LOG_SERVER": "host:514"})
    assert seen.environ == PATH_ONLY
    assert "SECRET_INIT_LOG_SERVER is not supported by this version" in seen.log


def test_delay_is_waited_for(bao: FakeServer) -> None:
    """That it can be ended in between shows it, without a clock."""
    given = {"BAO_ADDR": bao.address, "BAO_TOKEN": "t", "A": "bao:kv/data/app#user", "SECRET_INIT_DELAY": "10m"}
    process = start(given, "true")
    assert process.stderr is not None
    assert b"secrets are injected" in process.stderr.readline()
    process.terminate()
    assert finish(process).code == 128 + signal.SIGTERM


def test_answers() -> None:
    assert run({}, "--version").output.decode() == f"{NAME} {__version__}\n"
    assert run({}, "--help").output.decode().startswith(f"usage: {NAME} [--] COMMAND")
    nothing = run({}, "--")
    assert (nothing.code, f"{NAME} needs the command that it is to start" in nothing.log) == (1, True)
    assert run({}, "copy").log == f"usage: {NAME} copy DIR [MOUNT_POINT ...]\n"


def test_command_of_a_reserved_name(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text('#!/bin/sh\necho "ran $1"\n')
    (tmp_path / "copy").chmod(0o755)
    assert run({"PATH": str(tmp_path)}, "--", "copy", "x") == (0, b"ran x\n", "")


@pytest.mark.forms("static")
def test_copy_keeps_its_name(called: Path, executable: Path, tmp_path: Path) -> None:
    volume = tmp_path / "bao"
    volume.mkdir()
    assert run({}, "copy", f"{volume}/", f"{volume}/tls") == (0, b"", "")
    assert sorted(path.name for path in volume.iterdir()) == [NAME, "tls"]
    assert (volume / NAME).read_bytes() == executable.read_bytes()
    gone = run({}, "copy", f"{called.parent}/gone")
    assert (gone.code, gone.log.startswith(f"{NAME} copy: {called.parent}/gone: ")) == (1, True)


@pytest.mark.forms("interpreter")
def test_interpreter_is_not_copied(tmp_path: Path) -> None:
    seen = run({}, "copy", str(tmp_path))
    assert (seen.code, seen.log.startswith(f"{NAME} copy: this {NAME} is run by a Python interpreter")) == (1, True)
