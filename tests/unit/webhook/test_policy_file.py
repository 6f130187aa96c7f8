"""The operator's policy: the file, the variables, and what holds in which namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from vault_secrets_webhook.webhook.policy import Policy

FULL = """
addresses: [https://Other.example/]
images: ["registry.example/*"]
roles: ["{namespace}-*"]
authPaths: [k8s]
vaultNamespaces: [team]
serviceAccounts: [vault]
tlsSecrets: [ca]
allowPrivateAddresses: true
allowSkipVerify: true
allowRegistrySkipVerify: false
namespaces:
  "team-*": {roles: [x]}
  team-a: {roles: [], allowSkipVerify: false}
"""


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


def read(path: Path, text: str, namespace: str = "shop", provider: str = "", **environ: str) -> Policy:
    path.write_text(text)
    return Settings.from_environment({"POLICY_FILE": str(path), **environ}).policies.of(provider, namespace)


def test_every_member_is_read(write: Path) -> None:
    policy = read(write, FULL)
    assert policy.allowed_addresses == {"https://other.example"}
    assert policy.allowed == {
        "images": ("registry.example/*",),
        "roles": ("{namespace}-*",),
        "authPaths": ("k8s",),
        "vaultNamespaces": ("team",),
        "serviceAccounts": ("vault",),
        "tlsSecrets": ("ca",),
    }
    assert (policy.allow_private, policy.allow_skip_verify, policy.allow_registry_skip_verify) == (True, True, False)


@pytest.mark.parametrize(
    ("namespace", "roles", "skips"),
    [("shop", ("{namespace}-*",), True), ("team-b", ("x",), True), ("team-a", (), False)],
)
def test_a_namespace_has_its_own(write: Path, namespace: str, roles: tuple[str, ...], skips: bool) -> None:
    policy = read(write, FULL, namespace)
    assert (policy.allowed["roles"], policy.allow_skip_verify) == (roles, skips)
    assert policy.allowed["authPaths"] == ("k8s",)


def test_own_addresses_are_those_of_the_provider(write: Path) -> None:
    assert read(write, FULL, provider="bao").own_address == "https://bao:8300"
    assert read(write, FULL, provider="vault").own_address == "https://vault:8200"


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", '{"namespaces": {}}'])
def test_an_empty_policy_restricts_nothing(write: Path, text: str) -> None:
    assert read(write, text) == Settings.from_environment({}).policies.of("", "shop")


def test_variables_and_file_go_together(write: Path) -> None:
    policy = read(write, "roles: [a]", VAULT_PATH_ALLOWLIST="b")
    assert policy.allowed == {"roles": ("a",), "authPaths": ("b",)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("role: [a]", "unknown field `role`"),
        ("roles: a", "Expected `array | null`, got `str` - at `$.roles`"),
        ("namespaces: {a: {namespaces: {}}}", "unknown field `namespaces`"),
        ("roles: [", "policy.yaml: "),
        ("[]", "Expected `object"),
        ("addresses: [vault]", "policy.yaml: addresses: an address must be a URL"),
        ("namespaces: {a: {addresses: [vault]}}", "policy.yaml: addresses: an address must be a URL"),
        ("\0", "policy.yaml: "),
    ],
)
def test_a_mistake_is_told(write: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(write, text)
    assert str(caught.value).startswith("POLICY_FILE ")
    assert words in str(caught.value)


def test_what_is_said_twice_is_a_mistake(write: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^VAULT_ROLE_ALLOWLIST: POLICY_FILE .* says something about this too"
    ):
        read(write, "roles: [a]", VAULT_ROLE_ALLOWLIST="a")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^POLICY_FILE .*: No such file or directory$"):
        Settings.from_environment({"POLICY_FILE": str(tmp_path / "none")})


def test_a_file_that_is_too_large_is_not_parsed(write: Path) -> None:
    with pytest.raises(ConfigurationError, match="bytes are too many for a policy"):
        read(write, "#" * (1024 * 1024 + 1))


@pytest.mark.parametrize("variable", ["VAULT_ADDR", "BAO_ADDR"])
def test_an_own_address_that_is_none_is_told_by_its_variable(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable}: an address must be"):
        Settings.from_environment({variable: "vault"})
