"""Whose token is used: the order of the places, white space, and what is refused."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.fakes.transport import make_client, path_of, respond
from tests.fakes.vault import TOKEN, auth
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.vaultenv import identity
from vault_secrets_webhook.vaultenv.identity import obtain_token
from vault_secrets_webhook.vaultenv.settings import SECRET_INIT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.transport import FakeTransport
    from vault_secrets_webhook.vaultenv.settings import Server

VAULT, BAO = SECRET_INIT.servers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a token file, two more token files, and a ServiceAccount token."""
    for name in (".vault-token", "file", "path", "sa", "other-sa"):
        (tmp_path / name).write_text(f" \tof-{name}\n\n")
    monkeypatch.setattr(identity, "DEFAULT_JWT_FILE", str(tmp_path / "sa"))
    return tmp_path


def obtain(environ: dict[str, str], server: Server = VAULT) -> tuple[str, FakeTransport]:
    client, transport, _ = make_client([respond(200, auth())], token="")
    return obtain_token(client, environ, Log(), server), transport


ORDER: list[tuple[str, dict[str, str], str]] = [
    (
        "file wins",
        {"VAULT_TOKEN_FILE": "file", "VAULT_TOKEN": "given", "VAULT_TOKEN_PATH": "path", "HOME": "."},
        "of-file",
    ),
    ("then the variable", {"VAULT_TOKEN": " given\n", "VAULT_TOKEN_PATH": "path", "HOME": "."}, "given"),
    ("then the path", {"VAULT_TOKEN": "", "VAULT_TOKEN_PATH": "path", "HOME": "."}, "of-path"),
    ("then the home", {"HOME": "."}, "of-.vault-token"),
    ("empty names count as unset", {"VAULT_TOKEN_FILE": "", "VAULT_TOKEN_PATH": "", "HOME": "."}, "of-.vault-token"),
    ("path instead of the home", {"VAULT_TOKEN_PATH": "gone", "HOME": "."}, TOKEN),
    ("no home", {}, TOKEN),
    ("login is no token", {"VAULT_TOKEN": "vault:login"}, TOKEN),
    ("login takes a file too", {"VAULT_TOKEN": "vault:login", "VAULT_TOKEN_FILE": "file"}, "of-file"),
]


@pytest.mark.parametrize(("environ", "expected"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_order(folder: Path, environ: dict[str, str], expected: str) -> None:
    places = {"VAULT_TOKEN_FILE", "VAULT_TOKEN_PATH", "HOME"}
    token, transport = obtain({k: str(folder / v) if k in places and v else v for k, v in environ.items()})
    assert token == expected
    assert bool(transport.sent) is (expected == TOKEN)


def test_empty_token_in_the_home_is_none(folder: Path) -> None:
    (folder / ".vault-token").write_text("\n")
    assert obtain({"HOME": str(folder)})[0] == TOKEN


BAD: list[tuple[str, str, bytes | None, str]] = [
    ("no file", "VAULT_TOKEN_FILE", None, "VAULT_TOKEN_FILE: .*/gone cannot be read: No such file or directory$"),
    ("empty file", "VAULT_TOKEN_FILE", b" \n", "VAULT_TOKEN_FILE is empty"),
    ("lines", "VAULT_TOKEN_FILE", b"hunter2\nhunter2", "VAULT_TOKEN_FILE holds something that cannot be a token"),
    ("spaces", "VAULT_TOKEN_FILE", b"hunter2 hunter2", "VAULT_TOKEN_FILE holds something that cannot be a token"),
    ("binary", "VAULT_TOKEN_FILE", b"hunter2\xff\0", "VAULT_TOKEN_FILE holds something that cannot be a token"),
    ("empty path", "VAULT_TOKEN_PATH", b"", "VAULT_TOKEN_PATH is empty"),
    ("JWT file", "VAULT_JWT_FILE", None, "VAULT_JWT_FILE: .*/gone cannot be read"),
    ("empty JWT file", "VAULT_JWT_FILE", b"", "VAULT_JWT_FILE is empty"),
    (
        "other JWT file",
        "KUBERNETES_SERVICE_ACCOUNT_TOKEN",
        None,
        "KUBERNETES_SERVICE_ACCOUNT_TOKEN: .*/gone cannot be read",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_file(folder: Path, name: str, content: bytes | None, message: str) -> None:
    path = folder / ("gone" if content is None else "bad")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as raised:
        obtain({name: str(path)})
    assert "hunter2" not in str(raised.value)


# What stands where a path should: the first two are a token and a JWT by mistake, "Bearer" and all.
NO_PATHS = ["hvs.hunter2", "Bearer eyJhbGciOi.hunter2.x", "hunter2" * 100, "hunter2/hunter2+hunter2=", "~/hunter2"]


@pytest.mark.parametrize("name", ["VAULT_TOKEN_FILE", "KUBERNETES_SERVICE_ACCOUNT_TOKEN", "VAULT_JWT_FILE"])
@pytest.mark.parametrize("value", NO_PATHS)
def test_what_is_no_path_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} is not the path of a file that can be read: ") as raised:
        obtain({name: value})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("path", ["./gone", "../gone/token", "/gone"])
def test_path_is_shown(path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: No such file or directory$") as raised:
        obtain({"VAULT_TOKEN_FILE": path})
    assert str(raised.value).startswith(f"VAULT_TOKEN_FILE: {path} cannot")


def test_relative_path_needs_no_slash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert obtain({"VAULT_TOKEN_FILE": "file"})[0] == "of-file"


def test_directory_is_no_token_file(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        obtain({"VAULT_TOKEN_FILE": str(folder)})


def test_a_fifo_makes_nobody_wait(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with pytest.raises(ConfigurationError, match="VAULT_TOKEN_FILE is empty"):
        obtain({"VAULT_TOKEN_FILE": str(folder / "fifo")})


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("auth/kubernetes", "leave auth/ out"),
        ("/auth/a/", "leave auth/ out"),
        ("../sys", r"\. or \.\."),
        ("a/./b", r"\."),
    ],
)
def test_what_is_no_mount_is_refused(folder: Path, mount: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^VAULT_PATH .*{message}"):
        obtain({"VAULT_PATH": mount, "HOME": str(folder / "none")})


def test_bad_variable() -> None:
    with pytest.raises(ConfigurationError, match="VAULT_TOKEN holds something") as raised:
        obtain({"VAULT_TOKEN": "hunter2\nhunter2"})
    assert "hunter2" not in str(raised.value)


def test_pod_without_a_service_account_token(folder: Path) -> None:
    (folder / "sa").unlink()
    with pytest.raises(ConfigurationError, match="automountServiceAccountToken off"):
        obtain({})


LOGINS: list[tuple[str, dict[str, str], str, dict[str, str]]] = [
    ("defaults", {}, "auth/kubernetes/login", {"role": "default", "jwt": "of-sa"}),
    (
        "named",
        {"VAULT_ROLE": "shop", "VAULT_PATH": "/team/k8s/", "VAULT_AUTH_METHOD": "kubernetes"},
        "auth/team/k8s/login",
        {"role": "shop", "jwt": "of-sa"},
    ),
    (
        "empty is default",
        {"VAULT_ROLE": "", "VAULT_PATH": "", "VAULT_AUTH_METHOD": ""},
        "auth/kubernetes/login",
        {"role": "default", "jwt": "of-sa"},
    ),
    (
        "JWT file",
        {"VAULT_JWT_FILE": "FOLDER/other-sa"},
        "auth/kubernetes/login",
        {"role": "default", "jwt": "of-other-sa"},
    ),
    (
        "first of both",
        {"KUBERNETES_SERVICE_ACCOUNT_TOKEN": "FOLDER/sa", "VAULT_JWT_FILE": "FOLDER/other-sa"},
        "auth/kubernetes/login",
        {"role": "default", "jwt": "of-sa"},
    ),
    (
        "JWT itself",
        {"KUBERNETES_SERVICE_ACCOUNT_TOKEN": " eyJhb.c.d\n"},
        "auth/kubernetes/login",
        {"role": "default", "jwt": "eyJhb.c.d"},
    ),
    ("role is no UTF-8", {"VAULT_ROLE": "\udcff"}, "auth/kubernetes/login", {"role": "?", "jwt": "of-sa"}),
]


@pytest.mark.parametrize(("environ", "path", "fields"), [row[1:] for row in LOGINS], ids=[row[0] for row in LOGINS])
def test_login(folder: Path, environ: dict[str, str], path: str, fields: dict[str, str]) -> None:
    token, transport = obtain({name: value.replace("FOLDER", str(folder)) for name, value in environ.items()})
    assert token == TOKEN
    assert path_of(transport.sent[0]) == path
    assert json.loads(transport.sent[0].body) == fields


def test_unknown_method_is_refused_before_anything_is_sent(folder: Path) -> None:
    client, transport, _ = make_client([respond(200, auth())])
    with pytest.raises(ConfigurationError, match="VAULT_AUTH_METHOD 'ldap' is unknown"):
        obtain_token(client, {"VAULT_AUTH_METHOD": "ldap"}, Log(), VAULT)
    assert transport.sent == []


OF_BAO: list[tuple[str, dict[str, str], str]] = [
    ("file", {"BAO_TOKEN_FILE": "FOLDER/file", "BAO_TOKEN": "t", "VAULT_TOKEN": "not-this"}, "of-file"),
    ("variable", {"BAO_TOKEN": "t", "BAO_TOKEN_PATH": "FOLDER/path", "VAULT_TOKEN_FILE": "/gone"}, "t"),
    ("path", {"BAO_TOKEN_PATH": "FOLDER/path", "VAULT_TOKEN": "not-this"}, "of-path"),
    ("home", {"HOME": "FOLDER"}, "of-.bao-token"),
    ("home with a token that may be Vault's", {"HOME": "FOLDER/other"}, TOKEN),
    ("login asked for", {"BAO_TOKEN": "bao:login", "VAULT_TOKEN": "not-this"}, TOKEN),
    ("login", {"VAULT_TOKEN": "not-this", "VAULT_ROLE": "not-this"}, TOKEN),
]


@pytest.mark.parametrize(("environ", "expected"), [row[1:] for row in OF_BAO], ids=[row[0] for row in OF_BAO])
def test_tokens_for_openbao_are_its_own(folder: Path, environ: dict[str, str], expected: str) -> None:
    (folder / ".bao-token").write_text("of-.bao-token\n")
    (folder / "other").mkdir()
    (folder / "other/.vault-token").write_text("not-this")
    token, transport = obtain({name: text.replace("FOLDER", str(folder)) for name, text in environ.items()}, BAO)
    assert token == expected
    for request in transport.sent:
        assert path_of(request) == "auth/kubernetes/login"
        assert json.loads(request.body) == {"role": "default", "jwt": "of-sa"}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"BAO_TOKEN_FILE": "/gone"}, "BAO_TOKEN_FILE: /gone cannot be read"),
        ({"BAO_TOKEN": "a b"}, "BAO_TOKEN holds something"),
        ({"BAO_AUTH_METHOD": "ldap"}, "BAO_AUTH_METHOD 'ldap' is unknown"),
        ({"BAO_AUTH_METHOD": "aws-iam"}, "BAO_AUTH_METHOD aws-iam is not supported"),
        ({"BAO_PATH": "auth/jwt"}, "BAO_PATH auth/jwt: leave auth/ out"),
        ({"BAO_PATH": "a/../b"}, "BAO_PATH must not have"),
        ({"BAO_JWT_FILE": "/gone"}, "BAO_JWT_FILE: /gone cannot be read"),
    ],
)
def test_errors_of_openbao_name_its_variables(folder: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{words}"):
        obtain(environ, BAO)
