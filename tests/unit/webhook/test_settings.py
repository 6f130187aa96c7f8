"""The settings of the webhook's process."""

from __future__ import annotations

from typing import Any

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.settings import ALL_VARIABLES, VARIABLES, Settings

OWN_IMAGE = {"VAULT_ENV_IMAGE": "vault-env:1"}


@pytest.mark.parametrize(
    ("environ", "field", "expected"),
    [
        ({}, "listen_address", ":8443"),
        ({"LISTEN_ADDRESS": "127.0.0.1:0"}, "listen_address", "127.0.0.1:0"),
        ({"LISTEN_ADDRESS": ""}, "listen_address", ":8443"),
        ({}, "telemetry_listen_address", ""),
        ({"TLS_CERT_FILE": "c", "TLS_PRIVATE_KEY_FILE": "k"}, "tls_cert_file", "c"),
        ({"TLS_CERT_FILE": "c", "TLS_PRIVATE_KEY_FILE": "k"}, "tls_private_key_file", "k"),
        ({"KUBECONFIG": "a:b"}, "kubeconfig", "a:b"),
        ({"KUBERNETES_NAMESPACE": "vault"}, "kubernetes_namespace", "vault"),
        ({}, "log_level", "info"),
        ({"LOG_LEVEL": "debug"}, "log_level", "debug"),
        ({"ENABLE_JSON_LOG": "true"}, "json_log", True),
        ({}, "vault_env_cpu_request", "100m"),
        ({}, "vault_env_memory_request", "256Mi"),
        ({}, "vault_env_cpu_limit", "500m"),
        ({"VAULT_ENV_MEMORY_LIMIT": "1Gi"}, "vault_env_memory_limit", "1Gi"),
        ({"VAULT_ENV_LOG_SERVER": "log:514"}, "vault_env_log_server", "log:514"),
        ({}, "vault_env_volume_medium", "Memory"),
        ({"VAULT_ENV_VOLUME_MEDIUM": "Disk"}, "vault_env_volume_medium", ""),
        ({**OWN_IMAGE, "VAULT_ENV_VOLUME_MEDIUM": "Image"}, "vault_env_volume_medium", "Image"),
        ({"SECRET_INIT_IMAGE": "own", "VAULT_ENV_VOLUME_MEDIUM": "auto"}, "vault_env_volume_medium", "Auto"),
        ({}, "secret_init_memory_request", "128Mi"),
        ({"VAULT_ENV_MEMORY_REQUEST": "1Gi"}, "secret_init_memory_request", "1Gi"),
        ({"VAULT_ENV_CPU_LIMIT": "2", "SECRET_INIT_CPU_LIMIT": "1"}, "secret_init_cpu_limit", "2"),
        ({"VAULT_ENV_LOG_SERVER": "log:514"}, "secret_init_log_server", "log:514"),
        ({"SECRET_INIT_LOG_SERVER": "log:514"}, "vault_env_log_server", ""),
        ({}, "reference_check", "enforce"),
        ({"REFERENCE_CHECK": "off"}, "reference_check", "off"),
        ({}, "vault_env_copy", "shell"),
        ({**OWN_IMAGE, "VAULT_ENV_COPY": "self"}, "vault_env_copy", "self"),
        ({}, "vault_env_volume_size_limit", "64Mi"),
        ({}, "registry_plain_http", frozenset()),
        (
            {"REGISTRY_PLAIN_HTTP": "a:5000, b.example,[::1]:80,"},
            "registry_plain_http",
            {"a:5000", "b.example", "[::1]:80"},
        ),
        ({"REGISTRY_ALLOWLIST": "a:5000"}, "registry_allowlist", {"a:5000"}),
        ({"REGISTRY_CA_FILE": "ca.crt"}, "registry_ca_file", "ca.crt"),
        ({}, "default_image_pull_secret", ""),
        (
            {"DEFAULT_IMAGE_PULL_SECRET": "a", "DEFAULT_IMAGE_PULL_SECRET_NAMESPACE": "b"},
            "default_image_pull_secret",
            "a",
        ),
        ({"DEFAULT_IMAGE_PULL_SECRET": "a", "KUBERNETES_NAMESPACE": "b"}, "default_image_pull_secret_namespace", ""),
    ],
)
def test_value(environ: dict[str, str], field: str, expected: Any) -> None:
    assert getattr(Settings.from_environment(environ), field) == expected


@pytest.mark.parametrize(
    ("environ", "field", "expected"),
    [
        ({}, "allowed_addresses", frozenset()),
        ({"VAULT_ADDR_ALLOWLIST": "https://A/, http://b:1,"}, "allowed_addresses", {"https://a", "http://b:1"}),
        ({}, "allow_private", False),
        ({"VAULT_ALLOW_PRIVATE_ADDR": "1"}, "allow_private", True),
        ({}, "allow_skip_verify", False),
        ({"VAULT_ALLOW_OBJECT_SKIP_VERIFY": "t"}, "allow_skip_verify", True),
    ],
)
def test_policy(environ: dict[str, str], field: str, expected: Any) -> None:
    assert getattr(Settings.from_environment(environ).policies.of("", "shop"), field) == expected


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ENABLE_JSON_LOG": "yes"}, "ENABLE_JSON_LOG: 'yes' is not a boolean"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: 'loud' is not a log level"),
        (
            {"REGISTRY_PLAIN_HTTP": "http://a"},
            "REGISTRY_PLAIN_HTTP: 'http://a' is not HOST or HOST:PORT: write it as in",
        ),
        ({"DEFAULT_IMAGE_PULL_SECRET": "a/b"}, "DEFAULT_IMAGE_PULL_SECRET: 'a/b' is not the name of an object"),
        ({"DEFAULT_IMAGE_PULL_SECRET": "a"}, "need a namespace: set DEFAULT_IMAGE_PULL_SECRET_NAMESPACE"),
        (
            {"DEFAULT_IMAGE_PULL_SECRET_SERVICE_ACCOUNT": "a"},
            "need a namespace: set DEFAULT_IMAGE_PULL_SECRET_NAMESPACE",
        ),
        ({"VAULT_ADDR": "vault:8200"}, "VAULT_ADDR: an address must be a URL"),
        ({"VAULT_ADDR_ALLOWLIST": "https://a,b"}, "VAULT_ADDR_ALLOWLIST: an address must be a URL"),
        ({"VAULT_ALLOW_PRIVATE_ADDR": "yes"}, "VAULT_ALLOW_PRIVATE_ADDR: 'yes' is not a boolean"),
        ({"VAULT_ENV_CPU_LIMIT": "half"}, "VAULT_ENV_CPU_LIMIT: 'half' is not a quantity"),
        (
            {"VAULT_ENV_VOLUME_MEDIUM": "tmpfs"},
            "VAULT_ENV_VOLUME_MEDIUM: 'tmpfs' is not a volume medium: write Memory, Disk, Image or Auto",
        ),
        (
            {**OWN_IMAGE, "VAULT_ENV_COPY": "cp"},
            "VAULT_ENV_COPY: 'cp' is not a way to copy vault-env: write shell or self",
        ),
        (
            {"VAULT_ENV_COPY": "self"},
            "VAULT_ENV_COPY=self needs VAULT_ENV_IMAGE (or SECRET_INIT_IMAGE): name the image",
        ),
        (
            {"VAULT_ENV_COPY": "self", "VAULT_ENV_IMAGE": ""},
            "VAULT_ENV_COPY=self needs VAULT_ENV_IMAGE (or SECRET_INIT_IMAGE): name the image",
        ),
        (
            {"VAULT_ENV_VOLUME_MEDIUM": "auto"},
            "VAULT_ENV_VOLUME_MEDIUM=Auto needs VAULT_ENV_IMAGE (or SECRET_INIT_IMAGE): name the image",
        ),
        (
            {"REFERENCE_CHECK": "yes"},
            "REFERENCE_CHECK: 'yes' is not a level of a check: write off, warn or enforce",
        ),
        (
            {"VAULT_ENV_VOLUME_MEDIUM": "image"},
            "VAULT_ENV_VOLUME_MEDIUM=Image needs VAULT_ENV_IMAGE (or SECRET_INIT_IMAGE): name the image",
        ),
        ({"TLS_CERT_FILE": "c"}, "TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE are needed together"),
        ({"TLS_PRIVATE_KEY_FILE": "k"}, "TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE are needed together"),
    ],
)
def test_wrong_value_names_the_variable(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment(environ)
    assert words in str(caught.value)


def test_a_password_in_the_address_is_not_shown(canary: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({"VAULT_ADDR": f"https://user:{canary}@vault:8200"})
    assert canary not in str(caught.value)


def test_the_policy_holds_what_the_operator_set() -> None:
    policy = Settings.from_environment(
        {
            "VAULT_ADDR": "HTTPS://Vault.Example/",
            "VAULT_ADDR_ALLOWLIST": "https://other.example",
            "VAULT_ALLOW_PRIVATE_ADDR": "true",
            "VAULT_ALLOW_OBJECT_SKIP_VERIFY": "true",
            "VAULT_SKIP_VERIFY": "true",
        }
    ).policies.of("", "shop")
    assert policy.own_address == "https://vault.example"
    assert policy.allowed_addresses == {"https://other.example"}
    assert (policy.allow_private, policy.allow_skip_verify, policy.skip_verify_default) == (True, True, True)


def test_a_token_has_no_place(canary: str) -> None:
    assert canary not in repr(Settings.from_environment({"VAULT_TOKEN": canary}))
    assert "VAULT_TOKEN" not in ALL_VARIABLES


def test_every_field_has_a_variable() -> None:
    fields = {variable.field for variable in VARIABLES}
    assert fields | {"families", "policies"} == set(Settings.__struct_fields__)
    assert all(help_text for _, help_text in ALL_VARIABLES.values())
