"""The variables that tell vault-env in a container what to do, in the order that is documented for them.

The webhook's own VAULT_TOKEN is not among them, and no setting can bring it in.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.goparse import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vault_secrets_webhook.webhook.annotations import Options

    from .patch import Patch
    from .spec import Container

LOG_LEVEL = "VAULT_LOG_LEVEL"
write_duration = lru_cache(64)(format_duration)  # of numbers only: what annotations say as text is never kept


class Context(NamedTuple):
    """What the variables are made from, for all containers of a pod. Empty texts stand for "not given"."""

    options: Options
    role: str
    certificate_file: str
    token_file: str
    log_server: str


def format_bool(value: bool) -> str:  # noqa: FBT001 - it is the value itself, not a switch
    return "true" if value else "false"


# Name -> text, or None for a variable that is left out. The first nine are always there, as they always were.
TABLE: tuple[tuple[str, Callable[[Context], str | None]], ...] = (
    ("VAULT_ADDR", lambda of: of.options.vault_addr),
    ("VAULT_SKIP_VERIFY", lambda of: format_bool(of.options.vault_skip_verify)),
    ("VAULT_AUTH_METHOD", lambda of: of.options.vault_auth_method),
    ("VAULT_PATH", lambda of: of.options.vault_path),
    ("VAULT_ROLE", lambda of: of.role),
    ("VAULT_IGNORE_MISSING_SECRETS", lambda of: format_bool(of.options.vault_ignore_missing_secrets)),
    ("VAULT_ENV_PASSTHROUGH", lambda of: of.options.vault_env_passthrough),
    ("VAULT_JSON_LOG", lambda of: format_bool(of.options.enable_json_log)),
    ("VAULT_CLIENT_TIMEOUT", lambda of: write_duration(of.options.vault_client_timeout)),
    (LOG_LEVEL, lambda of: of.options.log_level or None),
    ("VAULT_TRANSIT_KEY_ID", lambda of: of.options.transit_key_id or None),
    ("VAULT_TRANSIT_PATH", lambda of: of.options.transit_path or None),
    ("VAULT_TRANSIT_BATCH_SIZE", lambda of: str(of.options.transit_batch_size or "") or None),
    ("VAULT_NAMESPACE", lambda of: of.options.vault_namespace or None),
    ("VAULT_CACERT", lambda of: of.certificate_file or None),
    ("VAULT_TOKEN_FILE", lambda of: of.token_file or None),
    ("VAULT_ENV_DAEMON", lambda of: "true" if of.options.vault_env_daemon else None),
    ("VAULT_ENV_DELAY", lambda of: write_duration(of.options.vault_env_delay) if of.options.vault_env_delay else None),
    ("VAULT_ENV_FROM_PATH", lambda of: of.options.vault_env_from_path or None),
    ("VAULT_ENV_LOG_SERVER", lambda of: of.log_server or None),
)
NAMES = frozenset(name for name, _ in TABLE)


def build_variables(context: Context) -> list[dict[str, str]]:
    """Give the entries for `env`, the same for every container of a pod.

    They are made anew for each pod and kept for none: what an annotation says may be long.
    """
    return [{"name": name, "value": text} for name, make in TABLE if (text := make(context)) is not None]


def set_variables(patch: Patch, path: str, container: Container, variables: Sequence[dict[str, str]]) -> None:
    """Give the container at `path` the variables.

    One that it has already is replaced where it stands: ours must win, and appended it would be a second entry of
    that name, though `env` is a list that the API keys by name (`x-kubernetes-patch-merge-key`), so that a later
    server-side apply or strategic merge would fail or take the wrong one. Order matters as well: kubelet puts only
    earlier variables in the place of $(NAME). Its own VAULT_LOG_LEVEL a container keeps.
    """
    existing: dict[str, list[int]] = {}
    for index, present in enumerate(container.env or ()):
        if present.name in NAMES:
            existing.setdefault(present.name or "", []).append(index)
    if not existing:  # the usual case
        patch.append(f"{path}/env", container.env, variables)
        return
    missing = []
    for variable in variables:
        places = existing.get(variable["name"])
        if places is None:
            missing.append(variable)
        elif variable["name"] != LOG_LEVEL:
            for index in places:
                patch.replace(f"{path}/env/{index}", variable)
    patch.append(f"{path}/env", container.env, missing)
