"""Whose token is used, seen from the server: the order of the places, logins, and revocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import Reply
from tests.fakes.vault import TOKEN, auth, errors, kv1, kv2, serve_paths
from tests.process.runner import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.server import FakeServer

REFERENCE = {"A": "vault:secret/data/app#user"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("file", "path", ".vault-token"):
        (tmp_path / name).write_text(f"\n of-{name}\t\n")
    (tmp_path / "jwt").write_text("the-jwt\n")
    return tmp_path


ORDER: list[tuple[str, dict[str, str], str]] = [
    (
        "file",
        {"VAULT_TOKEN_FILE": "{}/file", "VAULT_TOKEN": "given", "VAULT_TOKEN_PATH": "{}/path", "HOME": "{}"},
        "of-file",
    ),
    ("variable", {"VAULT_TOKEN": " given\n", "VAULT_TOKEN_PATH": "{}/path", "HOME": "{}"}, "given"),
    ("path", {"VAULT_TOKEN_PATH": "{}/path", "HOME": "{}"}, "of-path"),
    ("home", {"HOME": "{}"}, "of-.vault-token"),
    ("login", {"VAULT_JWT_FILE": "{}/jwt"}, TOKEN),
    ("login asked for", {"VAULT_TOKEN": "vault:login", "VAULT_JWT_FILE": "{}/jwt"}, TOKEN),
    ("login by the other name", {"KUBERNETES_SERVICE_ACCOUNT_TOKEN": "{}/jwt"}, TOKEN),
]


@pytest.mark.parametrize(("given", "token"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_order(vault: FakeServer, folder: Path, given: dict[str, str], token: str) -> None:
    seen = run({"VAULT_ADDR": vault.address, **REFERENCE, **{k: v.format(folder) for k, v in given.items()}})
    assert seen.environ["A"] == "app-user"
    assert vault.asked[-1].headers["x-vault-token"] == token
    assert [asked.path for asked in vault.asked[:-1]] == (["auth/kubernetes/login"] if token == TOKEN else [])
    assert seen.environ.get("VAULT_TOKEN") == (TOKEN if "vault:login" in given.values() else None)


def test_login_names_role_mount_and_namespace(vault: FakeServer, folder: Path) -> None:
    vault.answer = serve_paths({"auth/team/k8s/login": auth(), "secret/data/app": kv2({"user": "u"})})
    given = {
        "VAULT_PATH": "team/k8s",
        "VAULT_ROLE": "shop",
        "VAULT_AUTH_METHOD": "kubernetes",
        "VAULT_NAMESPACE": "ns/a",
    }
    seen = run({"VAULT_ADDR": vault.address, **REFERENCE, **given, "VAULT_JWT_FILE": str(folder / "jwt")})
    assert seen.environ["A"] == "u"
    login, read = vault.asked
    assert (login.method, login.json()) == ("PUT", {"role": "shop", "jwt": "the-jwt"})
    assert "x-vault-token" not in login.headers
    assert (login.headers["x-vault-namespace"], read.headers["x-vault-namespace"]) == ("ns/a", "ns/a")
    assert "VAULT_NAMESPACE" not in seen.environ


def test_one_request_for_each_path_and_version_over_kept_connections(
    vault: FakeServer, environ: dict[str, str]
) -> None:
    vault.answer = lambda asked: Reply(200, kv1({"a": asked.target, "b": "2"}))
    references = {f"V{number}": f"vault:kv/{number % 5}#{key}" for number in range(20) for key in "ab"}
    seen = run({**environ, **references, "W": "vault:kv/0#a#1"})
    assert seen.environ["W"] == "/v1/kv/0?version=1"
    assert sorted(asked.target for asked in vault.asked) == [
        "/v1/kv/0",
        "/v1/kv/0?version=1",
        *(f"/v1/kv/{number}" for number in range(1, 5)),
    ]
    assert len(vault.connections) <= len(vault.asked)


LEASE = kv1({"user": "u"}, lease_id="db/creds/x", lease_duration=60, renewable=True)


def test_token_is_revoked(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"secret/data/app": kv2({"user": "u"}), "auth/token/revoke-self": Reply(204)})
    seen = run({**environ, **REFERENCE, "VAULT_REVOKE_TOKEN": "true"})
    assert seen.environ["A"] == "u"
    assert [(asked.method, asked.path) for asked in vault.asked] == [
        ("GET", "secret/data/app"),
        ("PUT", "auth/token/revoke-self"),
    ]
    assert "level=WARN" not in seen.log


def test_token_is_revoked_although_other_names_pass_through(vault: FakeServer, environ: dict[str, str]) -> None:
    """Which token the application gets counts, and not the names alone."""
    vault.answer = serve_paths({"secret/data/app": kv2({"user": "u"}), "auth/token/revoke-self": Reply(204)})
    given = {"VAULT_ENV_PASSTHROUGH": "VAULT_ADDR,VAULT_TOKEN_FILE", "VAULT_REVOKE_TOKEN": "true"}
    assert run({**environ, **REFERENCE, **given}).environ["A"] == "u"
    assert vault.asked[-1].path == "auth/token/revoke-self"


def test_failed_revocation_is_a_warning(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"secret/data/app": kv2({"user": "u"}), "auth/token/revoke-self": errors(403)})
    seen = run({**environ, **REFERENCE, "VAULT_REVOKE_TOKEN": "true"})
    assert seen.environ["A"] == "u"
    assert "level=WARN" in seen.log
    assert "auth/token/revoke-self: permission denied" in seen.log


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"A": "vault:db/creds/app#user"}, "the leases of dynamic secrets would end with it"),
        ({"VAULT_ENV_FROM_PATH": "db/creds/app"}, "the leases of dynamic secrets would end with it"),
        ({"VAULT_TOKEN": "vault:login", **REFERENCE}, "the application gets it"),
        ({"VAULT_TOKEN": "given", "VAULT_ENV_PASSTHROUGH": "VAULT_TOKEN", **REFERENCE}, "by=VAULT_TOKEN"),
        (
            {"VAULT_TOKEN_FILE": "{}/file", "VAULT_ENV_PASSTHROUGH": "VAULT_TOKEN_FILE", **REFERENCE},
            "by=VAULT_TOKEN_FILE",
        ),
        (
            {"VAULT_TOKEN_PATH": "{}/path", "VAULT_ENV_PASSTHROUGH": "VAULT_TOKEN_PATH", **REFERENCE},
            "by=VAULT_TOKEN_PATH",
        ),
    ],
)
def test_token_that_is_still_needed_is_not_revoked(
    vault: FakeServer, folder: Path, given: dict[str, str], reason: str
) -> None:
    vault.answer = serve_paths(
        {"db/creds/app": LEASE, "secret/data/app": kv2({"user": "u"}), "auth/kubernetes/login": auth()}
    )
    common = {"VAULT_ADDR": vault.address, "VAULT_JWT_FILE": str(folder / "jwt"), "VAULT_REVOKE_TOKEN": "true"}
    seen = run({**common, **{name: value.replace("{}/", f"{folder}/") for name, value in given.items()}})
    assert seen.code == 0
    assert reason in seen.log
    assert "level=WARN" in seen.log
    assert "auth/token/revoke-self" not in [asked.path for asked in vault.asked]


def test_token_is_revoked_when_a_secret_is_missing(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"auth/token/revoke-self": Reply(204)})
    assert run({**environ, **REFERENCE, "VAULT_REVOKE_TOKEN": "true"}).code == 1
    assert vault.asked[-1].path == "auth/token/revoke-self"


def test_write(vault: FakeServer, environ: dict[str, str]) -> None:
    vault.answer = serve_paths({"pki/issue/app": kv1({"certificate": "PEM\n", "private_key": "KEY"})})
    given = {
        "CERTIFICATE": '>>vault:pki/issue/app#certificate#{"common_name":"a.b"}',
        "KEY": '${>>vault:pki/issue/app#private_key#{"common_name":"a.b"}}',
        "OTHER": ">>vault:pki/issue/app#certificate",
    }
    seen = run(environ | given)
    assert (seen.environ["CERTIFICATE"], seen.environ["KEY"]) == ("PEM\n", "KEY")
    assert sorted((asked.method, asked.body) for asked in vault.asked) == [
        ("PUT", b'{"common_name":"a.b"}'),
        ("PUT", b"{}"),
    ]
