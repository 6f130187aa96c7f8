"""Who is asked, as whom."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.vault.settings import VaultSettings
from vault_secrets_webhook.webhook.role import Owner
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.vaultaccess.access import Account, describe_access, find_method

ADDRESS = "https://vault.example:8200"
FAMILIES = Settings.from_environment({"VAULT_ADDR": ADDRESS}).families
OWNER = Owner(namespace="shop", name="db")


def describe(provider: str = "", authorities: str = "", owner: Owner = OWNER, **options: Any) -> Any:
    changed = msgspec.structs.replace(FAMILIES.of(provider), **options)
    own = FAMILIES.of(provider).vault_addr
    return describe_access(changed, owner, "the-role", authorities, own)


def read(access: Any, **process: str) -> VaultSettings:
    return VaultSettings(access.connection.environ(process), access.connection.prefix)


def test_what_an_object_without_annotations_gets() -> None:
    access = describe()
    settings = read(access)
    assert (settings.address, settings.namespace, settings.skip_verify) == (ADDRESS, "", False)
    assert access[1:] == (True, "jwt", "kubernetes", "the-role", None)


def test_options_win_over_the_process() -> None:
    process = {"VAULT_ADDR": "https://own", "VAULT_NAMESPACE": "own", "VAULT_SKIP_VERIFY": "true", "VAULT_MFA": "m:1"}
    access = describe(vault_namespace="team", vault_path="/k8s/", authorities="PEM")
    settings = read(access, **process)
    assert (settings.address, settings.namespace, settings.skip_verify) == (ADDRESS, "team", False)
    assert (settings.mfa, access.mount) == (["m:1"], "k8s")
    assert settings.tls().ca_bytes == "PEM"


def test_another_address_is_not_asked_through_the_operators_agent() -> None:
    agent = {"VAULT_AGENT_ADDR": "http://127.0.0.1:8100"}
    assert read(describe(), **agent).address == "http://127.0.0.1:8100"
    other = describe(vault_addr="https://other:8200")
    assert read(other, **agent).address == "https://other:8200"
    assert not other.is_own


def test_openbao_has_variables_of_its_own() -> None:
    settings = read(describe("bao"), VAULT_NAMESPACE="of-vault", VAULT_HEADERS='{"X-A":"b"}', BAO_CLIENT_TIMEOUT="3s")
    assert (settings.address, settings.namespace, settings.timeout) == ("https://bao:8300", "", 3.0)
    assert settings.headers == {}


@pytest.mark.parametrize(("provider", "name"), [("", "vault"), ("vault", "vault"), ("bao", "bao")])
def test_the_provider_is_named_for_metrics(provider: str, name: str) -> None:
    assert describe(provider).connection.provider() == name


def test_a_service_account_is_one_of_the_objects_namespace_and_forces_kubernetes() -> None:
    access = describe(vault_serviceaccount="app")
    assert (access.account, access.method) == (Account("shop", "app"), "kubernetes")
    assert find_method(FAMILIES.of("")) == "jwt"


WRONG = [
    pytest.param({"vault_path": "auth/kubernetes"}, "leave auth/ out", id="auth in the mount"),
    pytest.param({"vault_path": "../sys"}, "without", id="mount that leads elsewhere"),
    pytest.param({"vault_path": "a/./b"}, "without", id="mount with a dot"),
    pytest.param({"vault_path": "/"}, "vault-path", id="no mount"),
    pytest.param({"vault_namespace": "a\nX-Vault-Token: b"}, "vault-namespace", id="header in the namespace"),
    pytest.param({"vault_serviceaccount": "../app"}, "vault-serviceaccount", id="account that is no name"),
    pytest.param(
        {"vault_serviceaccount": "app", "owner": Owner(namespace="", name="x")},
        "namespace",
        id="object without namespace",
    ),
    pytest.param({"vault_auth_method": "aws-iam"}, "aws-iam", id="method of a cloud"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_what_cannot_be_used_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        describe(**options)


def test_authorities_of_the_process_hold_where_the_object_names_none() -> None:
    assert read(describe(), VAULT_CACERT_BYTES="PEM").tls().ca_bytes == "PEM"


def test_the_check_of_certificates_is_the_options_decision() -> None:
    assert read(describe(vault_skip_verify=True), VAULT_SKIP_VERIFY="false").skip_verify


@pytest.mark.parametrize("namespace", ["t\N{LATIN SMALL LETTER E WITH ACUTE}am", "a\nX-Vault-Token: b", "a\rb"])
def test_a_namespace_that_no_header_can_carry_is_refused(namespace: str) -> None:
    with pytest.raises(Refused, match="vault-namespace must be plain ASCII"):
        describe(vault_namespace=namespace)


@pytest.mark.parametrize("mount", ["", "/", "..", "a/../b", "./a", "a\nb", "a\x1b[31m", "auth/kubernetes"])
def test_what_is_no_mount_is_refused(mount: str) -> None:
    with pytest.raises(Refused, match=r"^vault-path"):
        describe(vault_path=mount)
