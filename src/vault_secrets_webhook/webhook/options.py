"""What is to be done for one object, once its annotations and the operator's defaults are read.

Nothing here knows where an answer comes from (`annotation_table`, `annotations`).
"""

from __future__ import annotations

from typing import Any

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done for one object. Durations are nanoseconds, ids of 0 and empty texts stand for "not given".

    `provider` is empty for vault-env, else `vault`, `bao` or `aws` for secret-init; the fields `vault_*` hold what the
    annotations `bao-*` say where it is `bao`. `only_containers` and `skip_containers` are names; the first one empty
    stands for all.
    """

    provider: str = ""
    only_containers: frozenset[str]
    skip_containers: frozenset[str]
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
    service_account_token_path: str
    vault_image: str
    vault_image_pull_policy: str
    vault_agent: bool
    vault_agent_configmap: str
    vault_agent_once: bool
    vault_agent_share_process_namespace: bool
    vault_agent_cpu_request: str
    vault_agent_cpu_limit: str
    vault_agent_memory_request: str
    vault_agent_memory_limit: str
    vault_agent_env_variables: tuple[dict[str, Any], ...]
    vault_configfile_path: str
    vault_ct_configmap: str
    vault_ct_image: str
    vault_ct_pull_policy: str
    vault_ct_once: bool
    vault_ct_share_process_namespace: bool
    vault_ct_cpu: str
    vault_ct_memory: str
    vault_ct_inject_in_initcontainers: bool
    aws_region: str
    aws_load_from_secret: bool
    aws_credentials_namespace: str
    aws_credentials_secret_name: str
    aws_tls_secret_arn: str
