"""The variables that tell vault-env or secret-init in a container what to do, in the order that is documented for them.

Vault-env and secret-init for Vault and OpenBao understand the same ones under different names; names of secret-init are
those that its `pkg/common/config.go` and `pkg/provider/*/config.go` read. The webhook's own VAULT_TOKEN is not among
them, and no setting can bring it in; credentials for AWS are taken by kubelet from a Secret of the pod's namespace, and
never seen here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.goparse import format_duration
from vault_secrets_webhook.webhook.annotations import NEW_PREFIX
from vault_secrets_webhook.webhook.message import show

from .flavour import AWS, BAO, VAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vault_secrets_webhook.webhook.options import Options

    from .patch import Patch
    from .spec import Container

write_duration = lru_cache(64)(format_duration)  # of numbers only: what annotations say as text is never kept


class Context(msgspec.Struct, frozen=True):
    """What the variables are made from, for all containers of a pod. Empty texts stand for "not given"."""

    options: Options
    role: str
    certificate_file: str
    token_file: str
    log_server: str


class Words(NamedTuple):
    """What the names of the variables are made of: `prefix` is `VAULT_` or `BAO_`."""

    prefix: str
    passthrough: str
    from_path: str
    json_log: str
    log_level: str
    daemon: str
    delay: str
    log_server: str


class Variables(NamedTuple):
    """The variables of a flavour: name -> text, or None for one that is left out.

    `names` are those that ours replace in a container, except `log_level`, of which it keeps its own. `keys` are
    variables whose value kubelet takes from a Secret, with the key that holds it.
    """

    table: tuple[tuple[str, Callable[[Context], str | None]], ...]
    log_level: str
    names: frozenset[str]
    keys: tuple[tuple[str, str, bool], ...] = ()


def format_bool(value: bool) -> str:  # noqa: FBT001 - it is the value itself, not a switch
    return "true" if value else "false"


def build_table(words: Words) -> Variables:
    """Make the table of a flavour whose server is Vault or OpenBao. The first nine are always there."""
    prefix = words.prefix
    table: tuple[tuple[str, Callable[[Context], str | None]], ...] = (
        (prefix + "ADDR", lambda of: of.options.vault_addr),
        (prefix + "SKIP_VERIFY", lambda of: format_bool(of.options.vault_skip_verify)),
        (prefix + "AUTH_METHOD", lambda of: of.options.vault_auth_method),
        (prefix + "PATH", lambda of: of.options.vault_path),
        (prefix + "ROLE", lambda of: of.role),
        (prefix + "IGNORE_MISSING_SECRETS", lambda of: format_bool(of.options.vault_ignore_missing_secrets)),
        (words.passthrough, lambda of: of.options.vault_env_passthrough),
        (words.json_log, write_json_log),
        (prefix + "CLIENT_TIMEOUT", lambda of: write_duration(of.options.vault_client_timeout)),
        (words.log_level, write_log_level),
        (prefix + "TRANSIT_KEY_ID", lambda of: of.options.transit_key_id or None),
        (prefix + "TRANSIT_PATH", lambda of: of.options.transit_path or None),
        (prefix + "TRANSIT_BATCH_SIZE", lambda of: str(of.options.transit_batch_size or "") or None),
        (prefix + "NAMESPACE", lambda of: of.options.vault_namespace or None),
        (prefix + "CACERT", lambda of: of.certificate_file or None),
        (prefix + "TOKEN_FILE", lambda of: of.token_file or None),
        (words.daemon, write_daemon),
        (words.delay, write_delay),
        (words.from_path, lambda of: of.options.vault_env_from_path or None),
        (words.log_server, write_log_server),
    )
    return Variables(table, words.log_level, frozenset(name for name, _ in table))


def write_json_log(of: Context) -> str:
    return format_bool(of.options.enable_json_log)


def write_log_level(of: Context) -> str | None:
    return of.options.log_level or None


def write_daemon(of: Context) -> str | None:
    return "true" if of.options.vault_env_daemon else None


def write_delay(of: Context) -> str | None:
    return write_duration(of.options.vault_env_delay) if of.options.vault_env_delay else None


def write_log_server(of: Context) -> str | None:
    return of.log_server or None


def build_aws_table(words: Words) -> Variables:
    """Make the table of secret-init for AWS, which has the region told and finds credentials as the SDK of AWS does.

    See https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html: of an identity that the cluster
    gives to the ServiceAccount it needs nothing from here.
    """
    table: tuple[tuple[str, Callable[[Context], str | None]], ...] = (
        ("AWS_REGION", lambda of: of.options.aws_region or None),
        (words.json_log, write_json_log),
        (words.log_level, write_log_level),
        (words.daemon, write_daemon),
        (words.delay, write_delay),
        (words.log_server, write_log_server),
    )
    keys = (
        ("AWS_ACCESS_KEY_ID", "aws_access_key_id", False),
        ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key", False),
        ("AWS_SESSION_TOKEN", "aws_session_token", True),
    )
    names = (*(name for name, _ in table), *(name for name, _, _ in keys))
    return Variables(table, words.log_level, frozenset(names), keys)


OF_VAULT_ENV = Words(
    prefix="VAULT_",
    passthrough="VAULT_ENV_PASSTHROUGH",
    from_path="VAULT_ENV_FROM_PATH",
    json_log="VAULT_JSON_LOG",
    log_level="VAULT_LOG_LEVEL",
    daemon="VAULT_ENV_DAEMON",
    delay="VAULT_ENV_DELAY",
    log_server="VAULT_ENV_LOG_SERVER",
)
OF_SECRET_INIT = Words(
    prefix="VAULT_",
    passthrough="VAULT_PASSTHROUGH",
    from_path="VAULT_FROM_PATH",
    json_log="SECRET_INIT_JSON_LOG",
    log_level="SECRET_INIT_LOG_LEVEL",
    daemon="SECRET_INIT_DAEMON",
    delay="SECRET_INIT_DELAY",
    log_server="SECRET_INIT_LOG_SERVER",
)
OF_BAO = OF_SECRET_INIT._replace(prefix="BAO_", passthrough="BAO_PASSTHROUGH", from_path="BAO_FROM_PATH")
# By the provider of the options.
VARIABLES = {
    "": build_table(OF_VAULT_ENV),
    VAULT: build_table(OF_SECRET_INIT),
    BAO: build_table(OF_BAO),
    AWS: build_aws_table(OF_SECRET_INIT),
}


def build_variables(context: Context) -> list[dict[str, Any]]:
    """Give the entries for `env`, the same for every container of a pod.

    They are made anew for each pod and kept for none: what an annotation says may be long.
    """
    options = context.options
    variables = VARIABLES[options.provider]
    entries: list[dict[str, Any]] = [
        {"name": name, "value": text} for name, make in variables.table if (text := make(context)) is not None
    ]
    if variables.keys and options.aws_load_from_secret:
        secret = options.aws_credentials_secret_name
        entries += [build_key(name, secret, key, optional=optional) for name, key, optional in variables.keys]
    return entries


def build_key(name: str, secret: str, key: str, *, optional: bool) -> dict[str, Any]:
    selector: dict[str, Any] = {"name": secret, "key": key}
    if optional:
        selector["optional"] = True
    return {"name": name, "valueFrom": {"secretKeyRef": selector}}


def check_credentials(options: Options, namespace: str) -> None:
    """Raise Refused for credentials of AWS that kubelet cannot give to a pod of the namespace."""
    if options.aws_tls_secret_arn:
        raise Refused(
            f"annotation {NEW_PREFIX}aws-tls-secret-arn (or AWS_TLS_SECRET_ARN of the webhook) is not supported: mount"
            " the authorities into the container, and name their file in its variable AWS_CA_BUNDLE"
        )
    if options.aws_load_from_secret and options.aws_credentials_namespace != namespace:
        raise Refused(
            f"annotation {NEW_PREFIX}aws-load-from-secret: the credentials are in namespace"
            f" {show(options.aws_credentials_namespace)}, and a pod gets Secrets of its own namespace only: put them"
            f" into a Secret there and name that by {NEW_PREFIX}credentials-namespace and"
            f" {NEW_PREFIX}credentials-secret-name, or give the pod's ServiceAccount a role of AWS"
        )


def set_variables(
    patch: Patch, path: str, container: Container, variables: Sequence[dict[str, Any]], provider: str
) -> None:
    """Give the container at `path` the variables, those of the provider.

    One that it has already is replaced where it stands: ours must win, and appended it would be a second entry of
    that name, though `env` is a list that the API keys by name (`x-kubernetes-patch-merge-key`), so that a later
    server-side apply or strategic merge would fail or take the wrong one. Order matters as well: kubelet puts only
    earlier variables in the place of $(NAME). Its own log level a container keeps.
    """
    _, log_level, names, _ = VARIABLES[provider]
    existing: dict[str, list[int]] = {}
    for index, present in enumerate(container.env or ()):
        if present.name in names:
            existing.setdefault(present.name or "", []).append(index)
    if not existing:  # the usual case
        patch.append(f"{path}/env", container.env, variables)
        return
    missing = []
    for variable in variables:
        places = existing.get(variable["name"])
        if places is None:
            missing.append(variable)
        elif variable["name"] != log_level:
            for index in places:
                patch.replace(f"{path}/env/{index}", variable)
    patch.append(f"{path}/env", container.env, missing)
