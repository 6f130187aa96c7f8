"""The settings of the webhook's process, from environment variables (and from options of the same meaning).

`VARIABLES` and `POLICY_VARIABLES` are the tables of those that are not the default of an annotation; the others are in
`annotations`. There is no place for a token here: no credential of the webhook ever gets into a pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import parse_bool, parse_duration

from .annotations import TABLE, Options, read_defaults
from .policy import Policy, normalize_address, parse_addresses
from .values import (
    BY_ITSELF,
    IMAGE,
    parse_copying,
    parse_hosts,
    parse_log_level,
    parse_medium,
    parse_object_name,
    parse_quantity,
    parse_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the process runs, `defaults` for what annotations may change, and the operator's `policy`.

    Quantities are text as Kubernetes writes them. `vault_env_copy` is `shell` or `self`; `vault_env_volume_medium` is
    `Memory`, empty for the disk, or `Image` for no copy at all but the image itself as a volume.
    """

    listen_address: str
    telemetry_listen_address: str
    tls_cert_file: str
    tls_private_key_file: str
    kubeconfig: str
    kubernetes_namespace: str
    log_level: str
    json_log: bool
    shutdown_delay: int  # nanoseconds
    vault_env_cpu_request: str
    vault_env_memory_request: str
    vault_env_cpu_limit: str
    vault_env_memory_limit: str
    vault_env_log_server: str
    vault_env_copy: str
    vault_env_volume_medium: str
    vault_env_volume_size_limit: str
    default_image_pull_secret: str
    default_image_pull_secret_namespace: str
    default_image_pull_secret_service_account: str
    registry_allowlist: frozenset[str]
    registry_ca_file: str
    registry_plain_http: frozenset[str]
    defaults: Options
    policy: Policy

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> Settings:
        """Read the settings. An empty variable counts as absent. Raises ConfigurationError naming the variable."""
        fields = {variable.field: read_variable(variable, environ) for variable in VARIABLES}
        if bool(fields["tls_cert_file"]) != bool(fields["tls_private_key_file"]):
            raise ConfigurationError("TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE are needed together, or none of them")
        check_image(fields, environ)
        check_pull_secret(fields)
        defaults = read_defaults(environ)
        return Settings(**fields, defaults=defaults, policy=build_policy(environ, defaults))


class Variable(NamedTuple):
    """One row: the environment variable, the field of Settings, and how its text is read."""

    name: str
    field: str
    default: str
    parse: Callable[[str], Any]
    help: str


VARIABLES = (
    Variable("LISTEN_ADDRESS", "listen_address", ":8443", parse_text, "address and port to serve reviews on"),
    Variable("TELEMETRY_LISTEN_ADDRESS", "telemetry_listen_address", "", parse_text, "address and port to serve metrics on, over plain HTTP; without it they are beside the reviews"),
    Variable("TLS_CERT_FILE", "tls_cert_file", "", parse_text, "file with the certificate (PEM) and what it was signed by"),
    Variable("TLS_PRIVATE_KEY_FILE", "tls_private_key_file", "", parse_text, "file with the key of the certificate (PEM)"),
    Variable("KUBECONFIG", "kubeconfig", "", parse_text, "kubeconfig file; in a cluster it is not needed"),
    Variable("KUBERNETES_NAMESPACE", "kubernetes_namespace", "", parse_text, "namespace that the webhook runs in, as charts set it"),
    Variable("LOG_LEVEL", "log_level", "info", parse_log_level, "log level: debug, info, warn or error"),
    Variable("ENABLE_JSON_LOG", "json_log", "false", parse_bool, "log JSON"),
    Variable("SHUTDOWN_DELAY", "shutdown_delay", "5s", parse_duration, "how long to go on answering after SIGTERM, until the cluster sends no more reviews here"),
    Variable("VAULT_ENV_CPU_REQUEST", "vault_env_cpu_request", "100m", parse_quantity, "CPU request of copy-vault-env"),
    Variable("VAULT_ENV_MEMORY_REQUEST", "vault_env_memory_request", "256Mi", parse_quantity, "memory request of copy-vault-env"),
    Variable("VAULT_ENV_CPU_LIMIT", "vault_env_cpu_limit", "500m", parse_quantity, "CPU limit of copy-vault-env"),
    Variable("VAULT_ENV_MEMORY_LIMIT", "vault_env_memory_limit", "256Mi", parse_quantity, "memory limit of copy-vault-env"),
    Variable("VAULT_ENV_LOG_SERVER", "vault_env_log_server", "", parse_text, "syslog server that vault-env logs to"),
    Variable("VAULT_ENV_COPY", "vault_env_copy", "shell", parse_copying, "how copy-vault-env copies: shell (cp, from any image) or self (vault-env copies itself; needs the image of this project in VAULT_ENV_IMAGE)"),
    Variable("VAULT_ENV_VOLUME_MEDIUM", "vault_env_volume_medium", "Memory", parse_medium, "where the volume with vault-env is kept: Memory, Disk, or Image for the image itself as a volume (needs the image of this project in VAULT_ENV_IMAGE)"),
    Variable("VAULT_ENV_VOLUME_SIZE_LIMIT", "vault_env_volume_size_limit", "64Mi", parse_quantity, "size limit of the volume with vault-env"),
    Variable("DEFAULT_IMAGE_PULL_SECRET", "default_image_pull_secret", "", parse_object_name, "pull secret to look into images with, for pods that have none"),
    Variable("DEFAULT_IMAGE_PULL_SECRET_NAMESPACE", "default_image_pull_secret_namespace", "", parse_object_name, "namespace of that Secret and ServiceAccount; by default KUBERNETES_NAMESPACE"),
    Variable("DEFAULT_IMAGE_PULL_SECRET_SERVICE_ACCOUNT", "default_image_pull_secret_service_account", "", parse_object_name, "ServiceAccount whose pull secrets are used in the same way"),
    Variable("REGISTRY_ALLOWLIST", "registry_allowlist", "", parse_hosts, "the only image registries to ask: hosts as in names of images, with port, separated by commas; without it all are asked"),
    Variable("REGISTRY_CA_FILE", "registry_ca_file", "", parse_text, "file with authorities (PEM) for the certificates of image registries, beside those of the system"),
    Variable("REGISTRY_PLAIN_HTTP", "registry_plain_http", "", parse_hosts, "image registries to ask over plain HTTP: hosts as in names of images, with port, separated by commas"),
)  # fmt: skip
# The same for the fields of Policy that an operator sets; the others come from the defaults of annotations.
POLICY_VARIABLES = (
    Variable("VAULT_ADDR_ALLOWLIST", "allowed_addresses", "", parse_addresses, "addresses that annotations may choose, separated by commas"),
    Variable("VAULT_ALLOW_PRIVATE_ADDR", "allow_private", "false", parse_bool, "the allow-list may hold loopback, link-local and private IP addresses"),
    Variable("VAULT_ALLOW_OBJECT_SKIP_VERIFY", "allow_skip_verify", "false", parse_bool, "annotations may switch off the check of Vault's certificate"),
)  # fmt: skip
# What Bank-Vaults' webhooks read and this one does not, and why; each that is set gets a line in the log.
IGNORED = {
    "PROVIDER": "this version has no providers to choose from: references are those to Vault and OpenBao",
    "VAULT_TOKEN": "no credential of the webhook gets into a pod: each logs in with its own ServiceAccount",
}
# Every variable that has a say, for command line options and documentation: name -> (default, help).
ALL_VARIABLES = {
    **{row.variable: (row.default, row.help) for row in TABLE if row.variable},
    **{row.name: (row.default, row.help) for row in (*VARIABLES, *POLICY_VARIABLES)},
}


def read_variable(variable: Variable, environ: Mapping[str, str]) -> Any:
    text = environ.get(variable.name) or variable.default
    try:
        return variable.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"{variable.name}: {error}") from None


def check_image(fields: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError when something is asked for that the default image, of Bank-Vaults, cannot do."""
    needs = {
        "VAULT_ENV_COPY=self": fields["vault_env_copy"] == BY_ITSELF,
        "VAULT_ENV_VOLUME_MEDIUM=Image": fields["vault_env_volume_medium"] == IMAGE,
    }
    for setting, is_wanted in needs.items():
        if is_wanted and not environ.get("VAULT_ENV_IMAGE"):
            raise ConfigurationError(f"{setting} needs VAULT_ENV_IMAGE: name the image of this project's vault-env")


def check_pull_secret(fields: Mapping[str, Any]) -> None:
    """Raise ConfigurationError when nobody knows where the default pull secret is."""
    wanted = fields["default_image_pull_secret"] or fields["default_image_pull_secret_service_account"]
    if wanted and not (fields["default_image_pull_secret_namespace"] or fields["kubernetes_namespace"]):
        raise ConfigurationError("DEFAULT_IMAGE_PULL_SECRET needs DEFAULT_IMAGE_PULL_SECRET_NAMESPACE")


def build_policy(environ: Mapping[str, str], defaults: Options) -> Policy:
    try:
        own_address = normalize_address(defaults.vault_addr)
    except ValueError as error:
        raise ConfigurationError(f"VAULT_ADDR: {error}") from None
    fields = {variable.field: read_variable(variable, environ) for variable in POLICY_VARIABLES}
    return Policy(own_address=own_address, skip_verify_default=defaults.vault_skip_verify, **fields)
