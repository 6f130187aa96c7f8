"""The application's environment: exactly the container's, with values for references, without what is vault-env's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import Reply
from tests.fakes.vault import TOKEN, kv1, kv2, serve_paths
from tests.process.runner import run, run_with_entries
from vault_secrets_webhook.vaultenv.environ import CONNECTION_NAMES, withheld_names
from vault_secrets_webhook.vaultenv.settings import VAULT_ENV

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.server import FakeServer

ALL_NAMES = sorted(name.decode() for name in withheld_names((), VAULT_ENV, ()))
KEPT_FOR_LOGIN = {f"VAULT_{name.decode()}" for name in CONNECTION_NAMES}
# A value for each that vault-env can live with.
VALUES = {
    "VAULT_ADDR": "http://127.0.0.1:1",
    "VAULT_CLIENT_TIMEOUT": "1s",
    "VAULT_ENV_DAEMON": "false",
    "VAULT_ENV_DELAY": "0",
    "VAULT_ENV_FROM_PATH": "",
    "VAULT_ENV_PASSTHROUGH": "X",
    "VAULT_IGNORE_MISSING_SECRETS": "false",
    "VAULT_JSON_LOG": "false",
    "VAULT_LOG_LEVEL": "error",
    "VAULT_REVOKE_TOKEN": "false",
}
FULL = {name: VALUES.get(name, "x") for name in ALL_NAMES}


def test_pass_through_is_the_container_s_environment() -> None:
    entries = [
        b"PATH=/usr/bin:/bin",
        b"B=1",
        b"A=a=b",
        b"EMPTY=",
        b"LINES=a\nb\n",
        b"BYTES=\xff\xfe",
        b"\xfe=x",
        b"$X={}",
    ]
    assert run_with_entries(entries).entries == entries


def test_entries_that_are_no_variables_pass_through() -> None:
    entries = [b"PATH=/usr/bin:/bin", b"NO_SIGN", b"=nameless", b"NO_SIGN", b"VAULT_ADDR", b"A=1"]
    assert run_with_entries(entries).entries == entries


def test_first_of_duplicates_stays() -> None:
    entries = [b"PATH=/usr/bin:/bin", b"A=1", b"B=2", b"A=3", b"PATH=/gone"]
    assert run_with_entries(entries).entries == [b"PATH=/usr/bin:/bin", b"A=1", b"B=2"]


def test_own_names_do_not_reach_the_application() -> None:
    assert run({**FULL, "VAULT": "1", "VAULT_ADDR_2": "2", "XVAULT_ADDR": "3"}).environ == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "VAULT": "1",
        "VAULT_ADDR_2": "2",
        "XVAULT_ADDR": "3",
    }


def test_names_that_are_not_ours_alone_do() -> None:
    names = ["HTTP_PROXY", "HTTPS_PROXY", "KUBERNETES_SERVICE_ACCOUNT_TOKEN", "NO_PROXY", "VAULT_DISABLE_REDIRECTS"]
    given = dict.fromkeys(names, "x")
    assert run(given).environ == {"PATH": "/usr/local/bin:/usr/bin:/bin", **given}


def test_passed_through_names_do() -> None:
    names = [name for name in ALL_NAMES if name != "VAULT_ENV_PASSTHROUGH"]
    environ = {**FULL, "VAULT_ENV_PASSTHROUGH": " , ".join(names)}
    assert run(environ).environ == {name: environ[name] for name in names} | {"PATH": "/usr/local/bin:/usr/bin:/bin"}


def test_login_keeps_what_the_application_needs(vault: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text("the-jwt")
    environ = {
        **{name: value for name, value in FULL.items() if name in KEPT_FOR_LOGIN and value == "x"},
        "VAULT_ADDR": vault.address,
        "VAULT_TOKEN": "vault:login",
        "VAULT_AGENT_ADDR": vault.address,
        "VAULT_CLIENT_TIMEOUT": "5s",
        "VAULT_HEADERS": "{}",
        "VAULT_MAX_RETRIES": "0",
        "VAULT_PROXY_ADDR": "",
        "VAULT_HTTP_PROXY": "",
        "VAULT_SKIP_VERIFY": "false",
        "VAULT_SRV_LOOKUP": "false",
        "VAULT_WRAP_TTL": "",
        "VAULT_CLIENT_CERT": "",
        "VAULT_CLIENT_KEY": "",
    }
    assert set(environ) == KEPT_FOR_LOGIN
    seen = run({**environ, "VAULT_JWT_FILE": str(tmp_path / "jwt"), "VAULT_ROLE": "app", "VAULT_LOG_LEVEL": "error"})
    assert seen.environ == {**environ, "VAULT_TOKEN": TOKEN, "PATH": "/usr/local/bin:/usr/bin:/bin"}


def test_values_take_the_place_of_references(environ: dict[str, str]) -> None:
    given = {
        "FIRST": "as it is",
        "PASSWORD": "vault:secret/data/app#password",
        "URL": "db://${vault:secret/data/app#user}:${vault:secret/data/app#password}@h/${HOME}",
        "MAP": "vault:kv/plain#map",
        "NUMBER": "vault:kv/plain#n",
        "NONE": "vault:kv/plain#none",
        "LAST": "vault",
    }
    seen = run(environ | given)
    assert [entry for entry in seen.entries if not entry.startswith(b"PATH=")] == [
        b"FIRST=as it is",
        b"PASSWORD=app-password",
        b"URL=db://app-user:app-password@h/${HOME}",
        b'MAP={"a":[1]}',
        b"NUMBER=1.5",
        b"NONE=",
        b"LAST=vault",
    ]


def test_entries_beside_references_are_untouched(vault: FakeServer) -> None:
    entries = [
        b"PATH=/usr/bin:/bin",
        b"NO_SIGN",
        b"BYTES=\xff\n=\xfe",
        b"TEXT=\xff${vault:secret/data/app#user}\xfe",
        b"\xff=vault:secret/data/app#user",
    ]
    settings = [f"VAULT_ADDR={vault.address}".encode(), b"VAULT_TOKEN=t"]
    assert run_with_entries([*entries, *settings]).entries == [
        *entries[:3],
        b"TEXT=\xffapp-user\xfe",
        b"\xff=app-user",
    ]


def test_reference_in_a_withheld_name_is_not_read(vault: FakeServer, environ: dict[str, str]) -> None:
    assert run({**environ, "VAULT_NAMESPACE": "vault:secret/data/app#user"}).code == 0
    assert vault.asked == []


@pytest.mark.parametrize("value", ["a\nb\r\n", "a=b", "${HOME} $(X) `x`", "größe 😀", " ", "\x1b[2J", "x" * 100_000])
def test_value_arrives_as_it_is(vault: FakeServer, environ: dict[str, str], value: str) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": value})})
    assert run({**environ, "A": "vault:kv/a#k"}).environ["A"] == value


def test_value_that_is_no_text(vault: FakeServer, environ: dict[str, str]) -> None:
    """Only transit gives bytes; JSON has none."""
    results = {"data": {"batch_results": [{"plaintext": "//4K"}]}}
    vault.answer = serve_paths({"transit/decrypt/app": results})
    seen = run({**environ, "A": "vault:v1:abc", "VAULT_TRANSIT_KEY_ID": "app"})
    assert b"A=\xff\xfe\n" in seen.entries


def test_value_of_200_kib(vault: FakeServer, environ: dict[str, str], canary: str) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": canary * 5000})})
    seen = run({**environ, "LARGE": "vault:kv/a#k"})
    size = len(canary) * 5000 + len("LARGE=")
    assert seen.code == 1
    assert f"LARGE: {size} bytes, but the kernel takes at most 131071 for a variable" in seen.log
    assert canary not in seen.log


def test_value_with_nul(vault: FakeServer, environ: dict[str, str], canary: str) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": f"{canary}\0{canary}"})})
    seen = run({**environ, "ZERO": "vault:kv/a#k"})
    assert seen.code == 1
    assert "ZERO: the value has a NUL byte in it" in seen.log
    assert canary not in seen.log


def test_environment_over_the_limit(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"k": "x" * 100_000, "more": "x" * 110_000})})
    many = {f"V{number}": "vault:kv/a#k" for number in range(100)}
    seen = run({**environ, **many, "LARGEST": "vault:kv/a#more"})
    assert seen.code == 1
    assert "but the kernel takes at most" in seen.log
    assert "the largest variable is LARGEST with 110008" in seen.log


def test_environment_just_below_the_limit(vault: FakeServer, environ: dict[str, str]) -> None:
    most = os.sysconf("SC_PAGE_SIZE") * 32 - 1
    vault.answer = serve_paths({"kv/a": kv1({"k": "x" * (most - len("V0="))})})
    seen = run({**environ, **{f"V{number}": "vault:kv/a#k" for number in range(8)}}, "true")
    assert (seen.code, seen.output) == (0, b"")


FROM_PATH = {
    "secret/data/app": kv2({"USER": "current", "PASSWORD": "p"}),
    "kv/more": kv1({"USER": "second", "MORE": "m", "N": 1}),
}


def test_from_path(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths(FROM_PATH)
    seen = run({**environ, "VAULT_ENV_FROM_PATH": "secret/data/app, kv/more"})
    assert {entry for entry in seen.entries if not entry.startswith(b"PATH=")} == {
        b"USER=second",
        b"PASSWORD=p",
        b"MORE=m",
        b"N=1",
    }


def test_from_path_of_a_version(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = lambda asked: Reply(200, kv2({"V": asked.target.partition("?")[2]}))
    assert run({**environ, "VAULT_ENV_FROM_PATH": "secret/data/app#3"}).environ["V"] == "version=3"


def test_explicit_variable_wins_over_from_path(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths(FROM_PATH)
    given = {"USER": "explicit", "PASSWORD": "vault:kv/more#MORE", "VAULT_ENV_FROM_PATH": "secret/data/app"}
    seen = run(environ | given).environ
    assert (seen["USER"], seen["PASSWORD"]) == ("explicit", "m")


def test_from_path_does_not_bring_back_what_is_withheld(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"kv/a": kv1({"VAULT_TOKEN": "t", "VAULT_ADDR": "a", "OTHER": "o"})})
    seen = run({**environ, "VAULT_ENV_FROM_PATH": "kv/a"}).environ
    assert seen.keys() == {"PATH", "OTHER"}


@pytest.mark.parametrize("key", ["a=b", "a\0b", "", "\udc80"])
def test_from_path_key_that_is_no_name(vault: FakeServer, environ: dict[str, str], key: str, canary: str) -> None:
    vault.answer = serve_paths({"kv/a": kv1({key: canary})})
    seen = run({**environ, "VAULT_ENV_FROM_PATH": "kv/a"})
    assert seen.code == 1
    assert "variable=VAULT_ENV_FROM_PATH" in seen.log
    assert "kv/a: the key " in seen.log
    assert canary not in seen.log


def test_missing_secrets_are_dropped_when_that_is_wanted(environ: dict[str, str]) -> None:
    given = {
        "VAULT_IGNORE_MISSING_SECRETS": "true",
        "VAULT_ENV_FROM_PATH": "secret/data/none",
        "GONE": "vault:secret/data/gone#x",
        "NO_KEY": "x ${vault:secret/data/app#nokey}",
        "USER": "vault:secret/data/app#user",
    }
    seen = run(environ | given)
    assert seen.environ == {"PATH": "/usr/local/bin:/usr/bin:/bin", "USER": "app-user"}
    for name, path in (("GONE", "secret/data/gone"), ("NO_KEY", "nokey"), ("VAULT_ENV_FROM_PATH", "secret/data/none")):
        (line,) = [line for line in seen.log.splitlines() if f"variable={name} " in line]
        assert "level=WARN" in line
        assert path in line
