"""The annotations of `vault.security.banzaicloud.io/` as one table, and what a pod's annotations come to.

The table is the only place that knows a key, the environment variable of the webhook's process that holds its
default, how the text is read, and what it is for; the reference documentation is made from it. Nothing here knows
about pods: the outcome is `Options`, in which every question has an answer.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vault_secrets_webhook.errors import ConfigurationError, InvalidReference, Refused
from vault_secrets_webhook.goparse import parse_bool, parse_duration, parse_whole_number
from vault_secrets_webhook.inject.reference import parse_paths

from .message import show
from .refusals import Refusals
from .values import (
    parse_auth_method,
    parse_id,
    parse_image,
    parse_log_level,
    parse_mount,
    parse_object_name,
    parse_pull_policy,
    parse_quantity,
    parse_role,
    parse_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .policy import Policy

PREFIX = "vault.security.banzaicloud.io/"
MUTATE = PREFIX + "mutate"
SKIP = "skip"
# Written by us: the names of the containers whose command starts vault-env, in the order of the pod.
INJECTED = PREFIX + "injected"
VAULT_ADDR = PREFIX + "vault-addr"
VAULT_SKIP_VERIFY = PREFIX + "vault-skip-verify"
VAULT_ENV_FROM_PATH = PREFIX + "vault-env-from-path"
TOKEN_AUTH_MOUNT = PREFIX + "token-auth-mount"
RUN_AS_USER = PREFIX + "run-as-user"
RUN_AS_NON_ROOT = PREFIX + "run-as-non-root"
# Those of Bank-Vaults' other webhook, which a later version reads.
LATER_PREFIX = "secrets-webhook.security.bank-vaults.io/"
LATER_WARNING = f"annotations {LATER_PREFIX}... have no effect in this version: write {PREFIX}..."
WANTS_MUTATION = frozenset(("", "true"))  # of no effect, and nothing else is meant
MOST_WARNINGS = 10
LONGEST_KEY = 317  # a DNS subdomain, `/` and 63 characters: `validation.IsQualifiedName`
LONGEST_MESSAGE = 1000


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done for one pod. Durations are nanoseconds, ids of 0 and empty texts stand for "not given"."""

    mutate_probes: bool
    allow_privilege_escalation: bool
    run_as_non_root: bool
    run_as_user: int
    run_as_group: int
    readonly_root_fs: bool
    registry_skip_verify: bool
    vault_addr: str
    vault_role: str
    vault_path: str
    vault_auth_method: str
    vault_serviceaccount: str
    vault_skip_verify: bool
    vault_tls_secret: str
    vault_client_timeout: int
    vault_namespace: str
    vault_ignore_missing_secrets: bool
    vault_env_passthrough: str
    vault_env_from_path: str
    vault_env_daemon: bool
    vault_env_delay: int
    vault_env_image: str
    vault_env_pull_policy: str
    enable_json_log: bool
    log_level: str
    transit_key_id: str
    transit_path: str
    transit_batch_size: int
    token_auth_mount: tuple[str, str] | None
    vault_image: str
    vault_image_pull_policy: str


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
    """One row: `field` of Options is empty where nothing of this version depends on the value.

    `supported` is False for what a later version does: then a value that would switch it on is refused.
    """

    suffix: str
    variable: str
    default: str
    parse: Callable[[str], Any]
    field: str
    help: str
    supported: bool = True


TABLE = (
    Annotation("mutate", "", "", parse_text, "", "`skip` leaves the object alone, and nothing else of it is read"),
    Annotation("injected", "", "", parse_text, "", "written by the webhook: the containers whose command starts vault-env"),
    Annotation("mutate-probes", "", "false", parse_bool, "mutate_probes", "start vault-env before the commands of exec probes and lifecycle hooks too"),
    Annotation("psp-allow-privilege-escalation", "PSP_ALLOW_PRIVILEGE_ESCALATION", "false", parse_bool, "allow_privilege_escalation", "allowPrivilegeEscalation of injected containers"),
    Annotation("run-as-non-root", "RUN_AS_NON_ROOT", "false", parse_bool, "run_as_non_root", "true sets runAsNonRoot of injected containers; it is also set where a numeric user other than root is known, and where all containers with references set it"),
    Annotation("run-as-user", "RUN_AS_USER", "0", parse_id, "run_as_user", "runAsUser of injected containers; 0 takes the pod's, or else the one that the containers with references agree on"),
    Annotation("run-as-group", "RUN_AS_GROUP", "0", parse_id, "run_as_group", "runAsGroup of injected containers; 0 sets none"),
    Annotation("readonly-root-fs", "READONLY_ROOT_FS", "true", parse_bool, "readonly_root_fs", "readOnlyRootFilesystem of injected containers"),
    Annotation("registry-skip-verify", "REGISTRY_SKIP_VERIFY", "false", parse_bool, "registry_skip_verify", "leave the certificate of image registries unchecked, where an image has to be looked into"),
    Annotation("vault-addr", "VAULT_ADDR", "https://vault:8200", parse_text, "vault_addr", "address of Vault; an annotation must repeat the operator's or be on VAULT_ADDR_ALLOWLIST"),
    Annotation("vault-role", "VAULT_ROLE", "", parse_role, "vault_role", "role to log in with, or a Go template of it; by default the name of the pod's ServiceAccount"),
    Annotation("vault-path", "VAULT_PATH", "kubernetes", parse_text, "vault_path", "mount of the auth method"),
    Annotation("vault-auth-method", "VAULT_AUTH_METHOD", "jwt", parse_auth_method, "vault_auth_method", "auth method: kubernetes or jwt"),
    Annotation("vault-serviceaccount", "VAULT_SERVICEACCOUNT", "", parse_text, "vault_serviceaccount", "ServiceAccount to log in with for Secrets, ConfigMaps and custom resources; of a pod, only templates of the role see it"),
    Annotation("vault-skip-verify", "VAULT_SKIP_VERIFY", "false", parse_bool, "vault_skip_verify", "leave Vault's certificate unchecked; annotations need VAULT_ALLOW_OBJECT_SKIP_VERIFY"),
    Annotation("vault-tls-secret", "VAULT_TLS_SECRET", "", parse_object_name, "vault_tls_secret", "Secret of the pod's namespace whose key ca.crt holds the authorities that Vault's certificate is checked with"),
    Annotation("vault-client-timeout", "VAULT_CLIENT_TIMEOUT", "10s", parse_duration, "vault_client_timeout", "time limit of requests to Vault"),
    Annotation("vault-namespace", "VAULT_NAMESPACE", "", parse_text, "vault_namespace", "namespace of Vault Enterprise or OpenBao"),
    Annotation("vault-ignore-missing-secrets", "VAULT_IGNORE_MISSING_SECRETS", "false", parse_bool, "vault_ignore_missing_secrets", "leave a variable out, with a warning, when what it asks for does not exist"),
    Annotation("vault-env-passthrough", "VAULT_ENV_PASSTHROUGH", "", parse_text, "vault_env_passthrough", "names of VAULT_* variables that the application gets, separated by commas"),
    Annotation("vault-env-from-path", "", "", parse_from_path, "vault_env_from_path", "paths (path or path#version, separated by commas) all whose keys become variables, in every container"),
    Annotation("vault-env-daemon", "VAULT_ENV_DAEMON", "false", parse_bool, "vault_env_daemon", "vault-env stays and renews leases"),
    Annotation("vault-env-delay", "VAULT_ENV_DELAY", "0s", parse_duration, "vault_env_delay", "time to wait before the application starts"),
    Annotation("vault-env-image", "VAULT_ENV_IMAGE", "ghcr.io/bank-vaults/vault-env:latest", parse_image, "vault_env_image", "image with /usr/local/bin/vault-env, sh, cp and mkdir"),
    Annotation("vault-env-image-pull-policy", "VAULT_ENV_PULL_POLICY", "IfNotPresent", parse_pull_policy, "vault_env_pull_policy", "pull policy of that image"),
    Annotation("enable-json-log", "ENABLE_JSON_LOG", "false", parse_bool, "enable_json_log", "vault-env logs JSON"),
    Annotation("log-level", "LOG_LEVEL", "info", parse_log_level, "log_level", "log level of vault-env; a VAULT_LOG_LEVEL of the container wins"),
    Annotation("transit-key-id", "TRANSIT_KEY_ID", "", parse_text, "transit_key_id", "key of the transit engine"),
    Annotation("transit-path", "TRANSIT_PATH", "", parse_text, "transit_path", "mount of the transit engine"),
    Annotation("transit-batch-size", "TRANSIT_BATCH_SIZE", "25", parse_whole_number, "transit_batch_size", "how many ciphertexts one request decrypts"),
    Annotation("token-auth-mount", "", "", parse_mount, "token_auth_mount", "VOLUME:FILE that holds a Vault token: copied for vault-env, which then does not log in"),
    Annotation("service-account-token-volume-name", "SERVICE_ACCOUNT_TOKEN_VOLUME_NAME", "/var/run/secrets/kubernetes.io/serviceaccount", parse_text, "", "where agents find the ServiceAccount's token"),
    Annotation("vault-image", "VAULT_IMAGE", "hashicorp/vault:latest", parse_image, "vault_image", "image of agents, and of the container that copies the token of token-auth-mount"),
    Annotation("vault-image-pull-policy", "VAULT_IMAGE_PULL_POLICY", "IfNotPresent", parse_pull_policy, "vault_image_pull_policy", "pull policy of that image"),
    Annotation("vault-agent", "VAULT_AGENT", "false", parse_bool, "", "log in by a Vault agent", supported=False),
    Annotation("vault-agent-configmap", "", "", parse_object_name, "", "run a Vault agent with this ConfigMap", supported=False),
    Annotation("vault-agent-once", "", "false", parse_bool, "", "the agent ends after it has rendered"),
    Annotation("vault-agent-share-process-namespace", "", "", parse_text, "", "agent and application see each other's processes"),
    Annotation("vault-agent-cpu", "", "100m", parse_quantity, "", "CPU limit of the agent (old name)"),
    Annotation("vault-agent-cpu-request", "", "100m", parse_quantity, "", "CPU request of the agent"),
    Annotation("vault-agent-cpu-limit", "", "100m", parse_quantity, "", "CPU limit of the agent"),
    Annotation("vault-agent-memory", "", "128Mi", parse_quantity, "", "memory limit of the agent (old name)"),
    Annotation("vault-agent-memory-request", "", "128Mi", parse_quantity, "", "memory request of the agent"),
    Annotation("vault-agent-memory-limit", "", "128Mi", parse_quantity, "", "memory limit of the agent"),
    Annotation("vault-agent-env-variables", "", "", parse_text, "", "environment of the agent, a JSON array"),
    Annotation("vault-configfile-path", "", "/vault/secrets", parse_text, "", "where agents write"),
    Annotation("vault-ct-secrets-mount-path", "", "/vault/secrets", parse_text, "", "where consul-template writes (old name)"),
    Annotation("vault-ct-configmap", "", "", parse_object_name, "", "run consul-template with this ConfigMap", supported=False),
    Annotation("vault-ct-image", "VAULT_CT_IMAGE", "hashicorp/consul-template:0.32.0", parse_image, "", "image of consul-template"),
    Annotation("vault-ct-pull-policy", "VAULT_CT_PULL_POLICY", "IfNotPresent", parse_pull_policy, "", "pull policy of that image"),
    Annotation("vault-ct-once", "", "false", parse_bool, "", "consul-template runs once, before the application"),
    Annotation("vault-ct-share-process-namespace", "", "", parse_text, "", "consul-template and application see each other's processes"),
    Annotation("vault-ct-cpu", "", "100m", parse_quantity, "", "CPU limit of consul-template"),
    Annotation("vault-ct-memory", "", "128Mi", parse_quantity, "", "memory limit of consul-template"),
    Annotation("vault-ct-inject-in-initcontainers", "", "false", parse_bool, "", "init containers get consul-template's files"),
)  # fmt: skip
ROWS = {PREFIX + row.suffix: row for row in TABLE}


class Reading(msgspec.Struct):
    """What a pod's annotations come to: options, sentences for its author, and what is wrong.

    `later` are the annotations that switch on what a later version does.
    """

    options: Options
    warnings: list[str]
    refusals: Refusals
    later: list[str]

    def refuse_later(self) -> None:
        """Add to what is wrong that those of a later version are not supported."""
        for key in self.later:
            self.refusals.add(Refused(f"annotation {key} is not supported by this version: leave it out"))


def read_defaults(environ: Mapping[str, str]) -> Options:
    """Read what holds for a pod without annotations. An empty variable counts as absent.

    Raises ConfigurationError naming the variable.
    """
    fields = {}
    for row in TABLE:
        text = (environ.get(row.variable) if row.variable else "") or row.default
        try:
            value = row.parse(text)
        except ValueError as error:
            raise ConfigurationError(f"{row.variable}: {error}") from None
        if value and not row.supported:
            raise ConfigurationError(f"{row.variable} is not supported by this version: leave it out")
        if row.field:
            fields[row.field] = value
    return Options(**fields)


def read_annotations(annotations: Mapping[str, str], defaults: Options, policy: Policy) -> Reading:
    """Read the annotations of a pod; other families are passed over.

    What is wrong counts as absent and is among the refusals: 403 for what the operator does not allow, 422 for what
    cannot be read. Raises Refused when that is a lot.
    """
    reading = Reading(defaults, [], Refusals(), [])
    changes: dict[str, Any] = {}
    unknown: list[str] = []
    for key, text in annotations.items():
        if key.startswith(PREFIX):
            if (row := ROWS.get(key)) is None:
                unknown.append(key)
            else:
                read_value(key, text, row, changes, reading)
        elif key.startswith(LATER_PREFIX) and LATER_WARNING not in reading.warnings:
            reading.warnings.append(LATER_WARNING)
    reading.warnings.extend(warn_unknown(key) for key in unknown[:MOST_WARNINGS])
    if changes:
        apply_policy(changes, policy, reading.refusals)
        reading.options = msgspec.structs.replace(defaults, **changes)
    return reading


def read_value(key: str, text: str, row: Annotation, changes: dict[str, Any], reading: Reading) -> None:
    """Read one annotation into the changes of options; what is wrong goes to the refusals."""
    try:
        value = row.parse(text)
    except ValueError as error:
        reading.refusals.add(Refused(f"annotation {key}: {str(error)[:LONGEST_MESSAGE]}"))
        return
    if row.field:
        changes[row.field] = value
    elif value and not row.supported:
        reading.later.append(key)
    elif key == MUTATE and text not in WANTS_MUTATION:
        reading.warnings.append(f"annotation {key}: {show(text)} has no effect; only {SKIP} leaves the pod alone")


def apply_policy(changes: dict[str, Any], policy: Policy, refusals: Refusals) -> None:
    """Put what the operator's policy makes of them in the place of the values it restricts."""
    if "vault_addr" in changes:
        address = refusals.attempt(policy.check_address, VAULT_ADDR, changes.pop("vault_addr"))
        if address is not None:
            changes["vault_addr"] = address
    if "vault_skip_verify" in changes:
        refusals.attempt(policy.check_skip_verify, VAULT_SKIP_VERIFY, wanted=changes["vault_skip_verify"])


def warn_unknown(key: str) -> str:
    """Say that an annotation has no effect, with the nearest name that would have one."""
    # The key was not validated yet: a long one would cost the comparison dearly.
    near = get_close_matches(key, ROWS, n=1) if len(key) <= LONGEST_KEY else []
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"annotation {show(key)} is unknown and has no effect{meant}"
