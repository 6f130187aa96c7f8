"""The settings of the webhook's process, from environment variables (and from options of the same meaning).

`VARIABLES` and `POLICY_VARIABLES` are the tables of those that are not the default of an annotation; the others are in
`annotations`. There is no place for a token here: no credential of the webhook ever gets into a pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import parse_bool, parse_duration

from .annotations import Defaults, list_variables, read_defaults
from .certificates.settings import check_certificates, parse_names
from .policy_file import VARIABLES as POLICY_VARIABLES
from .policy_file import read_policies
from .registry.options import parse_clouds, parse_mirrors
from .values import (
    AUTO,
    BY_ITSELF,
    IMAGE,
    parse_check_level,
    parse_copying,
    parse_defaults_sources,
    parse_hosts,
    parse_log_level,
    parse_medium,
    parse_object_name,
    parse_quantity,
    parse_sidecar,
    parse_text,
    parse_workers,
    split_list,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .options import Options
    from .policy import Policies
    from .registry.options import Mirror


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the process runs, `families` for what annotations may change, and the operator's `policies` for that.

    Quantities are text as Kubernetes writes them. `vault_env_copy` is `shell` or `self`; `vault_env_volume_medium` is
    `Memory`, empty for the disk, `Image` for no copy at all but the image itself as a volume, or `Auto` for `Image`
    where the cluster has image volumes and `Memory` where not. `reference_check` and `path_check` are `off`, `warn` or
    `enforce`.
    """

    listen_address: str
    telemetry_listen_address: str
    tls_cert_file: str
    tls_private_key_file: str
    kubeconfig: str
    kubernetes_namespace: str
    certificate_secret: str
    certificate_service: str
    certificate_names: frozenset[str]
    certificate_webhook_configuration: str
    certificate_lifetime: int  # nanoseconds, this one and the next
    certificate_authority_lifetime: int
    certificate_keep_authorities: bool
    log_level: str
    json_log: bool
    shutdown_delay: int  # nanoseconds
    workers: int
    events: bool
    vault_env_cpu_request: str
    vault_env_memory_request: str
    vault_env_cpu_limit: str
    vault_env_memory_limit: str
    vault_env_log_server: str
    vault_env_copy: str
    vault_env_volume_medium: str
    vault_env_volume_size_limit: str
    secret_init_cpu_request: str
    secret_init_memory_request: str
    secret_init_cpu_limit: str
    secret_init_memory_limit: str
    secret_init_log_server: str
    reference_check: str
    path_check: str
    agent_sidecar: str
    vault_serviceaccount_audience: tuple[str, ...]
    default_image_pull_secret: str
    default_image_pull_secret_namespace: str
    default_image_pull_secret_service_account: str
    registry_allowlist: frozenset[str]
    registry_ca_file: str
    registry_plain_http: frozenset[str]
    registry_mirrors: tuple[Mirror, ...]
    registry_cloud_credentials: tuple[str, ...]
    opt_in: bool
    require_provider: bool
    namespace_defaults: tuple[str, ...]
    families: Defaults
    policies: Policies

    @property
    def defaults(self) -> Options:
        """Give what holds for objects without annotations where there is no provider."""
        return self.families.of("")

    @property
    def needs_provider(self) -> bool:
        """Tell whether an object must have an annotation that names a provider."""
        return self.require_provider and not self.families.provider

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> Settings:
        """Read the settings. An empty variable counts as absent. Raises ConfigurationError naming the variable."""
        fields = {variable.field: read_variable(variable, environ) for variable in VARIABLES}
        if bool(fields["tls_cert_file"]) != bool(fields["tls_private_key_file"]):
            raise ConfigurationError("TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE are needed together, or none of them")
        check_certificates(fields)
        check_image(fields, environ)
        check_pull_secret(fields)
        families = read_defaults(environ)
        return Settings(**fields, families=families, policies=read_policies(environ, families))


class Variable(NamedTuple):
    """One row: the environment variable, the field of Settings, and how its text is read.

    `older` is the name in Bank-Vaults' first webhook of what the second one calls `name`; both read it, and it wins.
    """

    name: str
    field: str
    default: str
    parse: Callable[[str], Any]
    help: str
    older: str = ""


VARIABLES = (
    Variable("LISTEN_ADDRESS", "listen_address", ":8443", parse_text, "address and port to serve reviews on"),
    Variable("TELEMETRY_LISTEN_ADDRESS", "telemetry_listen_address", "", parse_text, "address and port to serve metrics on, over plain HTTP; without it they are beside the reviews"),
    Variable("TLS_CERT_FILE", "tls_cert_file", "", parse_text, "file with the certificate (PEM) and what it was signed by"),
    Variable("TLS_PRIVATE_KEY_FILE", "tls_private_key_file", "", parse_text, "file with the key of the certificate (PEM)"),
    Variable("KUBECONFIG", "kubeconfig", "", parse_text, "kubeconfig file; in a cluster it is not needed"),
    Variable("KUBERNETES_NAMESPACE", "kubernetes_namespace", "", parse_text, "namespace that the webhook runs in, as charts set it"),
    Variable("CERTIFICATE_SECRET", "certificate_secret", "", parse_object_name, "Secret in KUBERNETES_NAMESPACE for a certificate and its authority that the webhook makes itself; excludes TLS_CERT_FILE"),
    Variable("CERTIFICATE_SERVICE", "certificate_service", "", parse_object_name, "Service that API servers call the webhook by; its names are in the own certificate"),
    Variable("CERTIFICATE_NAMES", "certificate_names", "", parse_names, "further host names and IP addresses for the own certificate, separated by commas"),
    Variable("CERTIFICATE_WEBHOOK_CONFIGURATION", "certificate_webhook_configuration", "", parse_object_name, "MutatingWebhookConfiguration whose caBundles are to trust the own certificate"),
    Variable("CERTIFICATE_LIFETIME", "certificate_lifetime", "2160h", parse_duration, "lifetime of own certificates; each is replaced after two thirds of it"),
    Variable("CERTIFICATE_AUTHORITY_LIFETIME", "certificate_authority_lifetime", "8760h", parse_duration, "lifetime of the authority that signs them; replaced likewise"),
    Variable("CERTIFICATE_KEEP_AUTHORITIES", "certificate_keep_authorities", "false", parse_bool, "leave authorities of others in the caBundles, for a change from other certificates to own ones"),
    Variable("LOG_LEVEL", "log_level", "info", parse_log_level, "log level: debug, info, warn or error"),
    Variable("ENABLE_JSON_LOG", "json_log", "false", parse_bool, "log JSON"),
    Variable("WORKERS", "workers", "1", parse_workers, "number of processes that answer reviews behind the same port, one for each core that the webhook may use"),
    Variable("EVENTS", "events", "true", parse_bool, "write a Kubernetes Event about the controller of a pod that was refused"),
    Variable("SHUTDOWN_DELAY", "shutdown_delay", "5s", parse_duration, "how long to go on answering after SIGTERM, until the cluster sends no more reviews here"),
    Variable("VAULT_ENV_CPU_REQUEST", "vault_env_cpu_request", "100m", parse_quantity, "CPU request of copy-vault-env"),
    Variable("VAULT_ENV_MEMORY_REQUEST", "vault_env_memory_request", "256Mi", parse_quantity, "memory request of copy-vault-env"),
    Variable("VAULT_ENV_CPU_LIMIT", "vault_env_cpu_limit", "500m", parse_quantity, "CPU limit of copy-vault-env"),
    Variable("VAULT_ENV_MEMORY_LIMIT", "vault_env_memory_limit", "256Mi", parse_quantity, "memory limit of copy-vault-env"),
    Variable("VAULT_ENV_LOG_SERVER", "vault_env_log_server", "", parse_text, "syslog server that vault-env logs to"),
    Variable("VAULT_ENV_COPY", "vault_env_copy", "shell", parse_copying, "how copy-vault-env copies: shell (cp, from any image) or self (vault-env copies itself; needs the image of this project in VAULT_ENV_IMAGE)"),
    Variable("VAULT_ENV_VOLUME_MEDIUM", "vault_env_volume_medium", "Memory", parse_medium, "where the volume with vault-env or secret-init is kept: Memory, Disk, Image for the image itself as a volume, or Auto for Image where the cluster has image volumes (Kubernetes 1.35 or newer) and Memory where not; Image and Auto need the image of this project in VAULT_ENV_IMAGE"),
    Variable("VAULT_ENV_VOLUME_SIZE_LIMIT", "vault_env_volume_size_limit", "64Mi", parse_quantity, "size limit of the volume with vault-env or secret-init"),
    Variable("SECRET_INIT_CPU_REQUEST", "secret_init_cpu_request", "100m", parse_quantity, "CPU request of copy-secret-init; VAULT_ENV_CPU_REQUEST wins", older="VAULT_ENV_CPU_REQUEST"),
    Variable("SECRET_INIT_MEMORY_REQUEST", "secret_init_memory_request", "128Mi", parse_quantity, "memory request of copy-secret-init; VAULT_ENV_MEMORY_REQUEST wins", older="VAULT_ENV_MEMORY_REQUEST"),
    Variable("SECRET_INIT_CPU_LIMIT", "secret_init_cpu_limit", "500m", parse_quantity, "CPU limit of copy-secret-init; VAULT_ENV_CPU_LIMIT wins", older="VAULT_ENV_CPU_LIMIT"),
    Variable("SECRET_INIT_MEMORY_LIMIT", "secret_init_memory_limit", "256Mi", parse_quantity, "memory limit of copy-secret-init; VAULT_ENV_MEMORY_LIMIT wins", older="VAULT_ENV_MEMORY_LIMIT"),
    Variable("SECRET_INIT_LOG_SERVER", "secret_init_log_server", "", parse_text, "syslog server that secret-init logs to; VAULT_ENV_LOG_SERVER wins", older="VAULT_ENV_LOG_SERVER"),
    Variable("REFERENCE_CHECK", "reference_check", "enforce", parse_check_level, "what becomes of a pod with a reference that cannot be parsed: enforce (it is refused), warn (whoever creates it is told) or off"),
    Variable("PATH_CHECK", "path_check", "off", parse_check_level, "what becomes of a pod whose ServiceAccount cannot have what its references name, by what Vault tells without giving a value: enforce (it is refused), warn (whoever creates it is told) or off"),
    Variable("AGENT_SIDECAR", "agent_sidecar", "auto", parse_sidecar, "how agents and consul-template run beside an application: native (init containers that are restarted always), classic (one more container each), or auto for native where the cluster has it (Kubernetes 1.29 or newer)"),
    Variable("VAULT_SERVICEACCOUNT_AUDIENCE", "vault_serviceaccount_audience", "https://kubernetes.default.svc", split_list, "audiences of the tokens that the webhook asks the API server for to log in as the ServiceAccount of the annotation vault-serviceaccount, separated by commas"),
    Variable("OPT_IN", "opt_in", "false", parse_bool, "change only objects with the annotation mutate: \"true\", their own or their namespace's"),
    Variable("REQUIRE_PROVIDER", "require_provider", "false", parse_bool, "change only objects with a provider, by annotation or PROVIDER, as Bank-Vaults' secrets-webhook does"),
    Variable("NAMESPACE_DEFAULTS", "namespace_defaults", "", parse_defaults_sources, "where a namespace keeps annotations for objects that lack them: annotations (of the Namespace), configmap:NAME (in it), or both, the first one winning; by default nowhere"),
    Variable("DEFAULT_IMAGE_PULL_SECRET", "default_image_pull_secret", "", parse_object_name, "pull secret to look into images with, for pods that have none"),
    Variable("DEFAULT_IMAGE_PULL_SECRET_NAMESPACE", "default_image_pull_secret_namespace", "", parse_object_name, "namespace of that Secret and ServiceAccount; by default KUBERNETES_NAMESPACE"),
    Variable("DEFAULT_IMAGE_PULL_SECRET_SERVICE_ACCOUNT", "default_image_pull_secret_service_account", "", parse_object_name, "ServiceAccount whose pull secrets are used in the same way"),
    Variable("REGISTRY_ALLOWLIST", "registry_allowlist", "", parse_hosts, "the only image registries to ask: hosts as in names of images, with port, separated by commas; without it all are asked"),
    Variable("REGISTRY_CA_FILE", "registry_ca_file", "", parse_text, "file with authorities (PEM) for the certificates of image registries, beside those of the system"),
    Variable("REGISTRY_PLAIN_HTTP", "registry_plain_http", "", parse_hosts, "image registries to ask over plain HTTP: hosts as in names of images, with port, separated by commas"),
    Variable("REGISTRY_MIRRORS", "registry_mirrors", "", parse_mirrors, "mirrors to look into images in before their own registry: REGISTRY=HOST[:PORT][/PREFIX], separated by commas, in order"),
    Variable("REGISTRY_CLOUD_CREDENTIALS", "registry_cloud_credentials", "", parse_clouds, "clouds whose registries are asked with the webhook's own identity there, after pull secrets: aws, gcp, azure; by default none"),
)  # fmt: skip
# What Bank-Vaults' webhooks read and this one does not, and why; each that is set gets a line in the log.
IGNORED = {
    "MUTATE_CONFIGMAP": "ConfigMaps are changed where the webhook configuration sends them here",
    "VAULT_AGENT_SHARE_PROCESS_NAMESPACE": "the annotation vault-agent-share-process-namespace decides",
    "VAULT_CT_SHARE_PROCESS_NAMESPACE": "the annotation vault-ct-share-process-namespace decides",
}
# Every variable that has a say, for command line options and documentation: name -> (default, help).
ALL_VARIABLES = {
    **list_variables(),
    **POLICY_VARIABLES,
    **{row.name: (row.default, row.help) for row in VARIABLES},
}


def read_variable(variable: Variable, environ: Mapping[str, str]) -> Any:
    name = variable.older if environ.get(variable.older) else variable.name
    try:
        return variable.parse(environ.get(name) or variable.default)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None


def check_image(fields: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError when something is asked for that the default image, of Bank-Vaults, cannot do."""
    needs = {
        "VAULT_ENV_COPY=self": fields["vault_env_copy"] == BY_ITSELF,
        "VAULT_ENV_VOLUME_MEDIUM=Image": fields["vault_env_volume_medium"] == IMAGE,
        "VAULT_ENV_VOLUME_MEDIUM=Auto": fields["vault_env_volume_medium"] == AUTO,
    }
    for setting, is_wanted in needs.items():
        if is_wanted and not (environ.get("VAULT_ENV_IMAGE") or environ.get("SECRET_INIT_IMAGE")):
            raise ConfigurationError(
                f"{setting} needs VAULT_ENV_IMAGE (or SECRET_INIT_IMAGE): name the image of this project's vault-env"
            )


def check_pull_secret(fields: Mapping[str, Any]) -> None:
    """Raise ConfigurationError when nobody knows where the default pull secret is."""
    wanted = fields["default_image_pull_secret"] or fields["default_image_pull_secret_service_account"]
    if wanted and not (fields["default_image_pull_secret_namespace"] or fields["kubernetes_namespace"]):
        raise ConfigurationError(
            "DEFAULT_IMAGE_PULL_SECRET and DEFAULT_IMAGE_PULL_SECRET_SERVICE_ACCOUNT need a namespace: set"
            " DEFAULT_IMAGE_PULL_SECRET_NAMESPACE"
        )
