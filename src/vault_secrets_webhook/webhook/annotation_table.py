"""The one table of annotations: both families, their defaults in the environment of the webhook, and what they are for.

`vault.security.banzaicloud.io/` belongs to Bank-Vaults' first webhook, whose pods start vault-env;
`secrets-webhook.security.bank-vaults.io/` to its second one, whose pods start secret-init and whose objects name a
provider: `vault`, `bao` or `aws`. There the keys of the first family are still read, and the new ones win. A row is one
question; from it come the names in each family, and the reference documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vault_secrets_webhook.errors import InvalidReference
from vault_secrets_webhook.goparse import parse_bool, parse_duration, parse_whole_number
from vault_secrets_webhook.inject.reference import parse_paths

from .agent_variables import parse_agent_variables
from .values import (
    PROVIDERS,
    parse_auth_method,
    parse_folder,
    parse_id,
    parse_image,
    parse_log_level,
    parse_mount,
    parse_names,
    parse_object_name,
    parse_provider,
    parse_pull_policy,
    parse_quantity,
    parse_role,
    parse_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = "vault.security.banzaicloud.io/"
NEW_PREFIX = "secrets-webhook.security.bank-vaults.io/"
MARK = "injected"
VAULT, BAO, AWS = "vault", "bao", "aws"
# Variables of the first webhook that the second one still reads, before its own.
MAPPED_PREFIXES = ("VAULT_ENV_", "TRANSIT_")
MAPPED_VARIABLES = frozenset(("ENABLE_JSON_LOG", "SERVICE_ACCOUNT_TOKEN_VOLUME_NAME"))


def parse_from_path(text: str) -> str:
    """Check a list of `path[#version]`, and give it as it is; nothing when no path is in it.

    With a `$(NAME)` in it, which kubelet replaces, it can only be checked by vault-env.
    """
    if "$(" in text:
        return text
    try:
        return text if parse_paths(text) else ""
    except InvalidReference as error:
        raise ValueError(str(error)) from None


class Annotation(NamedTuple):
    """One row. Empty texts stand for "there is none": a `suffix` of the first family, a `variable` of the default.

    `field` of Options is empty where nothing depends on the value. `new` and `new_variable` are the names in the second
    family where they differ from the first's, with provider `vault`; those for `bao` are made from them. `new_default`
    and `bao_default` are the defaults there where they differ. Of two rows with one field, both given, `is_older` wins.
    The variable of Vault is that of OpenBao, too, where `is_shared`: or objects could leave the ServiceAccount that the
    operator wants for all by choosing the other provider. `provider` is the only one that has the row.
    """

    suffix: str
    variable: str
    default: str
    parse: Callable[[str], Any]
    field: str
    help: str
    new: str = ""
    new_variable: str = ""
    new_default: str = ""
    bao_default: str = ""
    is_older: bool = False
    is_shared: bool = False
    provider: str = ""


TABLE = (
    Annotation("mutate", "", "", parse_text, "", "`skip` leaves the object alone, and nothing else of it is read; `true` lets it be changed where OPT_IN is set"),
    Annotation("", "", "", parse_provider, "", "whose references the object has: vault, bao or aws; with it secret-init is what starts containers", new="provider", new_variable="PROVIDER"),
    Annotation(MARK, "", "", parse_text, "", "written by the webhook: the containers whose command starts vault-env"),
    Annotation("containers", "", "", parse_names, "only_containers", "names of the only containers to be changed, init containers among them, separated by commas"),
    Annotation("skip-containers", "", "", parse_names, "skip_containers", "names of containers that are left as they are, separated by commas"),
    Annotation("mutate-probes", "", "false", parse_bool, "mutate_probes", "start vault-env before the commands of exec probes and lifecycle hooks too"),
    Annotation("psp-allow-privilege-escalation", "PSP_ALLOW_PRIVILEGE_ESCALATION", "false", parse_bool, "allow_privilege_escalation", "allowPrivilegeEscalation of injected containers"),
    Annotation("run-as-non-root", "RUN_AS_NON_ROOT", "false", parse_bool, "run_as_non_root", "true sets runAsNonRoot of injected containers; it is also set where a numeric user other than root is known, and where all containers with references set it"),
    Annotation("run-as-user", "RUN_AS_USER", "0", parse_id, "run_as_user", "runAsUser of injected containers; 0 takes the pod's, or else the one that the containers with references agree on"),
    Annotation("run-as-group", "RUN_AS_GROUP", "0", parse_id, "run_as_group", "runAsGroup of injected containers; 0 sets none"),
    Annotation("readonly-root-fs", "READONLY_ROOT_FS", "true", parse_bool, "readonly_root_fs", "readOnlyRootFilesystem of injected containers"),
    Annotation("registry-skip-verify", "REGISTRY_SKIP_VERIFY", "false", parse_bool, "registry_skip_verify", "leave the certificate of image registries unchecked, where an image has to be looked into; REGISTRY_ALLOW_OBJECT_SKIP_VERIFY=false takes that away from annotations"),
    Annotation("vault-addr", "VAULT_ADDR", "https://vault:8200", parse_text, "vault_addr", "address of the server; an annotation must repeat the operator's or be on VAULT_ADDR_ALLOWLIST", bao_default="https://bao:8300"),
    Annotation("vault-role", "VAULT_ROLE", "", parse_role, "vault_role", "role to log in with, or a Go template of it; by default the name of the pod's ServiceAccount, and `default` for other objects"),
    Annotation("vault-path", "VAULT_PATH", "kubernetes", parse_text, "vault_path", "mount of the auth method"),
    Annotation("vault-auth-method", "VAULT_AUTH_METHOD", "jwt", parse_auth_method, "vault_auth_method", "auth method: kubernetes or jwt; in pods aws-ec2, aws-iam, gcp-gce, gcp-iam, azure and namespaced too, with an image of Bank-Vaults, as the vault-env of this project has not these yet"),
    Annotation("vault-serviceaccount", "VAULT_SERVICEACCOUNT", "", parse_text, "vault_serviceaccount", "ServiceAccount of the object's namespace to log in as for Secrets, ConfigMaps and custom resources; of a pod, only templates of the role see it; VAULT_SERVICEACCOUNT holds for OpenBao, too, unless BAO_SERVICEACCOUNT is set", is_shared=True),
    Annotation("vault-skip-verify", "VAULT_SKIP_VERIFY", "false", parse_bool, "vault_skip_verify", "leave the server's certificate unchecked; annotations need VAULT_ALLOW_OBJECT_SKIP_VERIFY"),
    Annotation("vault-tls-secret", "VAULT_TLS_SECRET", "", parse_object_name, "vault_tls_secret", "Secret whose key ca.crt holds the authorities that the server's certificate is checked with: of the pod's namespace, and of the webhook's for other objects"),
    Annotation("vault-client-timeout", "VAULT_CLIENT_TIMEOUT", "10s", parse_duration, "vault_client_timeout", "time limit of requests to the server"),
    Annotation("vault-namespace", "VAULT_NAMESPACE", "", parse_text, "vault_namespace", "namespace of Vault Enterprise or OpenBao"),
    Annotation("vault-ignore-missing-secrets", "VAULT_IGNORE_MISSING_SECRETS", "false", parse_bool, "vault_ignore_missing_secrets", "leave a variable or member out, with a warning, when what it asks for does not exist"),
    Annotation("vault-env-passthrough", "VAULT_ENV_PASSTHROUGH", "", parse_text, "vault_env_passthrough", "names of VAULT_* variables that the application gets, separated by commas", new="vault-passthrough", new_variable="VAULT_PASSTHROUGH"),
    Annotation("vault-env-from-path", "", "", parse_from_path, "vault_env_from_path", "paths (path or path#version, separated by commas) all whose keys become variables, in every container", new="vault-from-path"),
    Annotation("vault-env-daemon", "VAULT_ENV_DAEMON", "false", parse_bool, "vault_env_daemon", "vault-env stays and renews leases: that of Bank-Vaults; that of this project cannot yet, and ends with an error", new="secret-init-daemon", new_variable="SECRET_INIT_DAEMON"),
    Annotation("vault-env-delay", "VAULT_ENV_DELAY", "0s", parse_duration, "vault_env_delay", "time to wait before the application starts", new="secret-init-delay", new_variable="SECRET_INIT_DELAY"),
    Annotation("vault-env-image", "VAULT_ENV_IMAGE", "ghcr.io/bank-vaults/vault-env:latest", parse_image, "vault_env_image", "image with /usr/local/bin/vault-env (or secret-init), sh, cp and mkdir", new="secret-init-image", new_variable="SECRET_INIT_IMAGE", new_default="ghcr.io/bank-vaults/secret-init:latest"),
    Annotation("vault-env-image-pull-policy", "VAULT_ENV_PULL_POLICY", "IfNotPresent", parse_pull_policy, "vault_env_pull_policy", "pull policy of that image", new="secret-init-image-pull-policy", new_variable="SECRET_INIT_IMAGE_PULL_POLICY"),
    Annotation("enable-json-log", "ENABLE_JSON_LOG", "false", parse_bool, "enable_json_log", "vault-env logs JSON", new="secret-init-json-log", new_variable="SECRET_INIT_JSON_LOG"),
    Annotation("log-level", "LOG_LEVEL", "info", parse_log_level, "log_level", "log level of vault-env; a VAULT_LOG_LEVEL of the container wins", new="vault-log-level", new_variable="SECRET_INIT_LOG_LEVEL"),
    Annotation("transit-key-id", "TRANSIT_KEY_ID", "", parse_text, "transit_key_id", "key of the transit engine", new="vault-transit-key-id", new_variable="VAULT_TRANSIT_KEY_ID"),
    Annotation("transit-path", "TRANSIT_PATH", "", parse_text, "transit_path", "mount of the transit engine", new="vault-transit-path", new_variable="VAULT_TRANSIT_PATH"),
    Annotation("transit-batch-size", "TRANSIT_BATCH_SIZE", "25", parse_whole_number, "transit_batch_size", "how many ciphertexts one request decrypts", new="vault-transit-batch-size", new_variable="VAULT_TRANSIT_BATCH_SIZE"),
    Annotation("token-auth-mount", "", "", parse_mount, "token_auth_mount", "VOLUME:FILE that holds a token: copied for vault-env, which then does not log in", new="vault-token-auth-mount"),
    Annotation("service-account-token-volume-name", "SERVICE_ACCOUNT_TOKEN_VOLUME_NAME", "/var/run/secrets/kubernetes.io/serviceaccount", parse_folder, "service_account_token_path", "folder where agents find the ServiceAccount's token", new="vault-service-account-token-volume-name", new_variable="VAULT_SERVICE_ACCOUNT_TOKEN_VOLUME_NAME"),
    Annotation("vault-image", "VAULT_IMAGE", "hashicorp/vault:latest", parse_image, "vault_image", "image of agents, and of the container that copies the token of token-auth-mount", bao_default="openbao/openbao:latest"),
    Annotation("vault-image-pull-policy", "VAULT_IMAGE_PULL_POLICY", "IfNotPresent", parse_pull_policy, "vault_image_pull_policy", "pull policy of that image"),
    Annotation("vault-agent", "VAULT_AGENT", "false", parse_bool, "vault_agent", "log in by an agent, in an init container"),
    Annotation("vault-agent-configmap", "", "", parse_object_name, "vault_agent_configmap", "run an agent with the key config.hcl of this ConfigMap: beside the application, or with vault-agent before it"),
    Annotation("vault-agent-once", "", "false", parse_bool, "vault_agent_once", "the agent ends after it has rendered"),
    Annotation("vault-agent-share-process-namespace", "", "false", parse_bool, "vault_agent_share_process_namespace", "agent and application see each other's processes"),
    Annotation("vault-agent-cpu-request", "", "100m", parse_quantity, "vault_agent_cpu_request", "CPU request of the agent"),
    Annotation("vault-agent-cpu-limit", "", "100m", parse_quantity, "vault_agent_cpu_limit", "CPU limit of the agent"),
    Annotation("vault-agent-cpu", "", "100m", parse_quantity, "vault_agent_cpu_limit", "older name of the CPU limit, which wins", is_older=True),
    Annotation("vault-agent-memory-request", "", "128Mi", parse_quantity, "vault_agent_memory_request", "memory request of the agent"),
    Annotation("vault-agent-memory-limit", "", "128Mi", parse_quantity, "vault_agent_memory_limit", "memory limit of the agent"),
    Annotation("vault-agent-memory", "", "128Mi", parse_quantity, "vault_agent_memory_limit", "older name of the memory limit, which wins", is_older=True),
    Annotation("vault-agent-env-variables", "", "", parse_agent_variables, "vault_agent_env_variables", "environment of the agent: a JSON array of what `env` of a container holds"),
    Annotation("vault-ct-secrets-mount-path", "", "/vault/secrets", parse_folder, "vault_configfile_path", "name of vault-configfile-path for consul-template", bao_default="/bao/secrets"),
    Annotation("vault-configfile-path", "", "/vault/secrets", parse_folder, "vault_configfile_path", "folder where agents and consul-template write; it wins over vault-ct-secrets-mount-path", bao_default="/bao/secrets", is_older=True),
    Annotation("vault-ct-configmap", "", "", parse_object_name, "vault_ct_configmap", "run consul-template with the key config.hcl of this ConfigMap"),
    Annotation("vault-ct-image", "VAULT_CT_IMAGE", "hashicorp/consul-template:0.32.0", parse_image, "vault_ct_image", "image of consul-template"),
    Annotation("vault-ct-pull-policy", "VAULT_CT_PULL_POLICY", "IfNotPresent", parse_pull_policy, "vault_ct_pull_policy", "pull policy of that image"),
    Annotation("vault-ct-once", "", "false", parse_bool, "vault_ct_once", "consul-template runs once, before the application"),
    Annotation("vault-ct-share-process-namespace", "", "false", parse_bool, "vault_ct_share_process_namespace", "consul-template and application see each other's processes"),
    Annotation("vault-ct-cpu", "", "100m", parse_quantity, "vault_ct_cpu", "CPU limit of consul-template"),
    Annotation("vault-ct-memory", "", "128Mi", parse_quantity, "vault_ct_memory", "memory limit of consul-template"),
    Annotation("vault-ct-inject-in-initcontainers", "", "false", parse_bool, "vault_ct_inject_in_initcontainers", "init containers get consul-template's files too, where it runs once"),
    Annotation("", "", "", parse_text, "aws_region", "region of AWS", new="aws-region", new_variable="AWS_REGION", provider=AWS),
    Annotation("", "", "false", parse_bool, "aws_load_from_secret", "take credentials for AWS from a Secret", new="aws-load-from-secret", new_variable="AWS_LOAD_FROM_SECRET", provider=AWS),
    Annotation("", "", "default", parse_object_name, "aws_credentials_namespace", "namespace of that Secret", new="credentials-namespace", new_variable="AWS_CREDENTIALS_NAMESPACE", provider=AWS),
    Annotation("", "", "aws-credentials", parse_object_name, "aws_credentials_secret_name", "name of that Secret", new="credentials-secret-name", new_variable="AWS_CREDENTIALS_SECRET_NAME", provider=AWS),
    Annotation("", "", "", parse_text, "aws_tls_secret_arn", "not supported, a pod with it is refused: secret of AWS with the authorities for its certificate", new="aws-tls-secret-arn", new_variable="AWS_TLS_SECRET_ARN", provider=AWS),
)  # fmt: skip


class Setting(NamedTuple):
    """What a row is in one family: its full key, and the variables of its default, the first that is set wins."""

    row: Annotation
    key: str
    variables: tuple[str, ...]
    default: str


class Family(NamedTuple):
    """How the annotations of one provider are read.

    `settings` are all questions, `keys` those that annotations answer. `predecessors` are keys of the first family,
    which are read before and so lose; there are none in that family itself.
    """

    provider: str
    settings: tuple[Setting, ...]
    keys: dict[str, Annotation]
    predecessors: dict[str, Annotation]


def list_settings(provider: str) -> Iterator[Setting]:
    """Give what the rows are for a provider; the empty one is vault-env's."""
    for row in TABLE:
        if not provider:
            if row.suffix or row.field:
                variables = (row.variable,) if row.variable else ()
                yield Setting(row, PREFIX + row.suffix if row.suffix else "", variables, row.default)
        else:
            yield name_setting(row, provider)


def name_setting(row: Annotation, provider: str) -> Setting:
    """Name a row in the second family."""
    suffix, variable = row.new or row.suffix, row.new_variable or row.variable
    default = row.new_default or row.default
    is_mapped = row.variable.startswith(MAPPED_PREFIXES) or row.variable in MAPPED_VARIABLES
    if provider == BAO:
        default = row.bao_default or default
        suffix = swap_start(suffix, "vault-", "bao-")
        if variable.startswith("VAULT_"):
            variable, is_mapped = swap_start(variable, "VAULT_", "BAO_"), False
    variables = (row.variable, variable) if is_mapped and variable != row.variable else (variable,)
    if row.is_shared and row.variable not in variables:
        variables = (*variables, row.variable)
    # Our own mark has one name in both families.
    has_key = row.suffix != MARK and row.provider in {"", provider}
    return Setting(row, NEW_PREFIX + suffix if has_key else "", tuple(filter(None, variables)), default)


def swap_start(text: str, old: str, new: str) -> str:
    return new + text.removeprefix(old) if text.startswith(old) else text


def build_family(provider: str) -> Family:
    """Build the family of a provider. Keys of Vault are no predecessors of those of other servers."""
    settings = tuple(list_settings(provider))
    keys = {one.key: one.row for one in settings if one.key}
    predecessors = {
        PREFIX + row.suffix: row
        for row in (TABLE if provider else ())
        if row.suffix and (provider == VAULT or not (row.new or row.suffix).startswith("vault-"))
    }
    return Family(provider, settings, keys, predecessors)


FAMILIES = {provider: build_family(provider) for provider in ("", *PROVIDERS)}
