"""Where the webhook's own tokens come from, in which order, and what is said when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.vaultaccess import identity
from vault_secrets_webhook.webhook.vaultaccess.identity import find_token, read_jwt

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {"TOKEN_FILE": "one", "TOKEN": "two", "TOKEN_PATH": "three"}


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(f" {text}\n")
    return str(path)


@pytest.mark.parametrize("prefix", ["VAULT_", "BAO_"])
def test_tokens_in_their_order(tmp_path: Path, prefix: str) -> None:
    process = {
        f"{prefix}TOKEN_FILE": write(tmp_path, "one", "one"),
        f"{prefix}TOKEN": " two ",
        f"{prefix}TOKEN_PATH": write(tmp_path, "three", "three"),
        "HOME": str(tmp_path),
    }
    write(tmp_path, identity.HOME_FILES[prefix], "four")
    for expected in ("one", "two", "three", "four"):
        assert find_token(process, prefix) == expected
        process = {name: value for name, value in process.items() if NAMES.get(name.removeprefix(prefix)) != expected}
    assert find_token({}, prefix) == ""


def test_a_token_path_that_is_not_there_is_no_token(tmp_path: Path) -> None:
    assert find_token({"VAULT_TOKEN_PATH": str(tmp_path / "none")}, "VAULT_") == ""


def test_tokens_of_one_server_are_not_for_the_other() -> None:
    assert find_token({"VAULT_TOKEN": "x"}, "BAO_") == ""


def test_service_account_tokens_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "DEFAULT_JWT_FILE", write(tmp_path, "default", "c"))
    process = {"KUBERNETES_SERVICE_ACCOUNT_TOKEN": "eyJa.b.c", "VAULT_JWT_FILE": write(tmp_path, "file", "b")}
    assert read_jwt(process, "VAULT_") == "eyJa.b.c"
    del process["KUBERNETES_SERVICE_ACCOUNT_TOKEN"]
    assert read_jwt(process, "VAULT_") == "b"
    assert read_jwt({}, "VAULT_") == "c"


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    process = {"VAULT_JWT_FILE": write(tmp_path, "file", "a")}
    assert read_jwt(process, "VAULT_") == "a"
    write(tmp_path, "file", "b")
    assert read_jwt(process, "VAULT_") == "b"


def test_messages_name_the_variable_and_show_neither_path_nor_token(tmp_path: Path, canary: str) -> None:
    cases = {
        "VAULT_TOKEN_FILE": (canary, "cannot|can be read"),
        "VAULT_TOKEN": (f"{canary} {canary}", "spaces"),
        "VAULT_TOKEN_PATH": (write(tmp_path, "empty", ""), "empty"),
    }
    for name, (value, words) in cases.items():
        with pytest.raises(ConfigurationError, match=words) as caught:
            find_token({name: value}, "VAULT_")
        assert name in str(caught.value)
        assert canary not in str(caught.value)


@pytest.mark.parametrize("text", ["a b", "a\nX-Vault-Namespace: b", "t\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_file_without_a_token_is_told_and_not_sent(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="VAULT_TOKEN_FILE holds something that cannot be a token"):
        find_token({"VAULT_TOKEN_FILE": write(tmp_path, "file", text)}, "VAULT_")
