"""The table of annotations, and what annotations come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vault_secrets_webhook.errors import ConfigurationError, Refused
from vault_secrets_webhook.webhook.annotation_table import FAMILIES, TABLE
from vault_secrets_webhook.webhook.annotations import (
    INJECTED,
    MUTATE,
    NEW_MUTATE,
    NEW_PREFIX,
    PREFIX,
    PROVIDER,
    Reading,
    find_reason_to_skip,
    merge_defaults,
    read_annotations,
)
from vault_secrets_webhook.webhook.options import Options
from vault_secrets_webhook.webhook.role import Owner
from vault_secrets_webhook.webhook.settings import Settings

SECOND = 1_000_000_000
NAMESPACE = "shop"


def read(given: dict[str, str], **environ: str) -> tuple[Options, list[str]]:
    reading = read_all(given, **environ)
    reading.refusals.check()
    return reading.options, reading.warnings


def read_all(given: dict[str, str], **environ: str) -> Reading:
    settings = Settings.from_environment(environ)
    return read_annotations(given, settings.families, settings.policies, NAMESPACE)


# Environment of the webhook, annotation, field, expected.
VALUES: list[tuple[dict[str, str], dict[str, str], str, Any]] = [
    ({}, {}, "mutate_probes", False),
    ({}, {"mutate-probes": "T"}, "mutate_probes", True),
    ({"PSP_ALLOW_PRIVILEGE_ESCALATION": "1"}, {}, "allow_privilege_escalation", True),
    ({"PSP_ALLOW_PRIVILEGE_ESCALATION": "1"}, {"psp-allow-privilege-escalation": "F"}, "allow_privilege_escalation", False),
    ({}, {"run-as-non-root": "true"}, "run_as_non_root", True),
    ({"RUN_AS_USER": "65534"}, {}, "run_as_user", 65534),
    ({"RUN_AS_USER": "65534"}, {"run-as-user": "1000"}, "run_as_user", 1000),
    ({}, {"run-as-group": "1000"}, "run_as_group", 1000),
    ({}, {}, "readonly_root_fs", True),
    ({}, {"readonly-root-fs": "false"}, "readonly_root_fs", False),
    ({}, {}, "vault_addr", "https://vault:8200"),
    ({"VAULT_ADDR": "https://10.0.0.7:8200"}, {}, "vault_addr", "https://10.0.0.7:8200"),
    ({"VAULT_ADDR": ""}, {}, "vault_addr", "https://vault:8200"),
    ({}, {"vault-addr": "https://VAULT:8200/"}, "vault_addr", "https://vault:8200"),
    ({"VAULT_ADDR_ALLOWLIST": "https://v2"}, {"vault-addr": "https://v2/"}, "vault_addr", "https://v2"),
    ({"VAULT_ROLE": "all"}, {}, "vault_role", "all"),
    ({"VAULT_ROLE": "all"}, {"vault-role": "one"}, "vault_role", "one"),
    ({"VAULT_ROLE": "all"}, {"vault-role": ""}, "vault_role", ""),
    ({}, {}, "vault_path", "kubernetes"),
    ({}, {"vault-path": "k8s-2"}, "vault_path", "k8s-2"),
    ({}, {}, "vault_auth_method", "jwt"),
    ({}, {"vault-auth-method": "kubernetes"}, "vault_auth_method", "kubernetes"),
    ({"VAULT_SKIP_VERIFY": "true"}, {"vault-skip-verify": "true"}, "vault_skip_verify", True),
    ({"VAULT_SKIP_VERIFY": "true"}, {"vault-skip-verify": "false"}, "vault_skip_verify", False),
    ({"VAULT_ALLOW_OBJECT_SKIP_VERIFY": "true"}, {"vault-skip-verify": "true"}, "vault_skip_verify", True),
    ({}, {"vault-tls-secret": "vault-ca"}, "vault_tls_secret", "vault-ca"),
    ({}, {}, "vault_client_timeout", 10 * SECOND),
    ({}, {"vault-client-timeout": "10"}, "vault_client_timeout", 10 * SECOND),
    ({}, {"vault-client-timeout": "1m30s"}, "vault_client_timeout", 90 * SECOND),
    ({}, {"vault-namespace": "team/a"}, "vault_namespace", "team/a"),
    ({"VAULT_IGNORE_MISSING_SECRETS": "true"}, {}, "vault_ignore_missing_secrets", True),
    ({}, {"vault-env-passthrough": "VAULT_ADDR, VAULT_ROLE"}, "vault_env_passthrough", "VAULT_ADDR, VAULT_ROLE"),
    ({}, {"vault-env-from-path": "secret/data/a#2,b"}, "vault_env_from_path", "secret/data/a#2,b"),
    ({}, {"vault-env-from-path": "secret/data/$(NAME)#$(VERSION)"}, "vault_env_from_path", "secret/data/$(NAME)#$(VERSION)"),
    ({}, {"vault-env-from-path": " , "}, "vault_env_from_path", ""),
    ({}, {"vault-env-daemon": "true"}, "vault_env_daemon", True),
    ({"VAULT_ENV_DELAY": "1.5s"}, {}, "vault_env_delay", 1.5 * SECOND),
    ({}, {"vault-env-image": "a/b:c"}, "vault_env_image", "a/b:c"),
    ({"VAULT_ENV_PULL_POLICY": "always"}, {}, "vault_env_pull_policy", "Always"),
    ({}, {"vault-env-image-pull-policy": "never"}, "vault_env_pull_policy", "Never"),
    ({"ENABLE_JSON_LOG": "true"}, {}, "enable_json_log", True),
    ({"LOG_LEVEL": "warn"}, {"log-level": "debug"}, "log_level", "debug"),
    ({}, {"transit-key-id": "key"}, "transit_key_id", "key"),
    ({}, {"transit-path": "transit2"}, "transit_path", "transit2"),
    ({}, {"transit-batch-size": "7"}, "transit_batch_size", 7),
    ({}, {"token-auth-mount": "tokens:app"}, "token_auth_mount", ("tokens", "app")),
    ({"VAULT_IMAGE": "v"}, {}, "vault_image", "v"),
    ({}, {"vault-image-pull-policy": "Always"}, "vault_image_pull_policy", "Always"),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "given", "field", "expected"), VALUES)
def test_value(environ: dict[str, str], given: dict[str, str], field: str, expected: Any) -> None:
    options, warnings = read({PREFIX + key: text for key, text in given.items()}, **environ)
    assert getattr(options, field) == expected
    assert warnings == []


# Annotation, what the message says, code.
REFUSALS = [
    ("mutate-probes", "yes", "boolean", 422),
    ("mutate-probes", "", "boolean", 422),
    ("run-as-user", "-5", "numeric id", 422),
    ("vault-client-timeout", "abc", "duration", 422),
    ("vault-client-timeout", "-10s", "duration", 422),
    ("vault-env-delay", "1e3", "duration", 422),
    ("transit-batch-size", "1e3", "whole number", 422),
    ("transit-batch-size", "9223372036854775808", "range", 422),
    ("vault-env-image-pull-policy", "Sometimes", "pull policy", 422),
    ("vault-env-image", "", "image", 422),
    ("vault-tls-secret", "../other", "name of an object", 422),
    ("vault-role", "{{ .namespace ", "unclosed action", 422),
    ("vault-role", "{{ .namespace | env }}", 'function "env" not defined', 422),
    ("vault-auth-method", "magic", "auth method", 422),
    ("vault-env-from-path", "secret/../x", "path must not", 422),
    ("vault-env-from-path", "secret/x#new", "version", 422),
    ("token-auth-mount", "volume", "VOLUME:FILE", 422),
    ("token-auth-mount", "volume:../x", "VOLUME:FILE", 422),
    ("log-level", "loud", "log level", 422),
    ("vault-agent-env-variables", "{", "JSON", 422),
    ("vault-configfile-path", "secrets", "path of a folder", 422),
    ("vault-configfile-path", "/vault/../etc", "path of a folder", 422),
    ("containers", "a,B", "name of a container", 422),
    ("vault-agent-cpu", "much", "quantity", 422),
    ("vault-addr", "https://evil.example", "VAULT_ADDR_ALLOWLIST", 403),
    ("vault-addr", "", "URL", 403),
]


@pytest.mark.parametrize(("suffix", "text", "words", "code"), REFUSALS)
def test_refusal_names_the_annotation(suffix: str, text: str, words: str, code: int) -> None:
    with pytest.raises(Refused) as caught:
        read({PREFIX + suffix: text})
    assert str(caught.value).startswith(f"annotation {PREFIX}{suffix}")
    assert words in str(caught.value)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("RUN_AS_USER", "root"),
        ("READONLY_ROOT_FS", "yes"),
        ("VAULT_CLIENT_TIMEOUT", "soon"),
        ("VAULT_ENV_PULL_POLICY", "often"),
        ("VAULT_ROLE", "{{ .name }"),
        ("VAULT_AGENT", "maybe"),
        ("BAO_CLIENT_TIMEOUT", "soon"),
        ("SECRET_INIT_DELAY", "soon"),
        ("AWS_LOAD_FROM_SECRET", "ja"),
        ("PROVIDER", "gcp"),
        ("VAULT_AUTH_METHOD", "none"),
        ("TRANSIT_BATCH_SIZE", "many"),
    ],
)
def test_wrong_default_names_the_variable(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{variable}\b"):
        Settings.from_environment({variable: text})


def test_all_that_is_wrong_is_told_in_order() -> None:
    given = {PREFIX + suffix: text for suffix, text, _, _ in REFUSALS[2:5]}
    with pytest.raises(Refused) as caught:
        read({**given, PREFIX + "vault-addr": "https://evil.example"})
    lines = str(caught.value).splitlines()
    suffixes = ["run-as-user", "vault-client-timeout", "vault-addr"]
    assert [line.split()[1].rstrip(":") for line in lines] == [PREFIX + suffix for suffix in suffixes]
    assert (caught.value.code, caught.value.reason) == (403, "Forbidden")


def test_what_is_wrong_counts_as_absent() -> None:
    reading = read_all({PREFIX + "run-as-user": "x", PREFIX + "vault-addr": "https://evil", PREFIX + "vault-role": "r"})
    assert reading.options == read_all({PREFIX + "vault-role": "r"}).options
    assert len(reading.refusals.found) == 2


@pytest.mark.parametrize("text", ["false", "SKIP", "Skip", " skip", "no"])
def test_a_mutate_that_does_not_skip_warns(text: str) -> None:
    _, warnings = read({MUTATE: text})
    assert warnings == [f"annotation {MUTATE}: {text!r} has no effect; only skip leaves the object alone"]


@pytest.mark.parametrize("text", ["", "true"])
def test_a_mutate_that_means_what_happens_is_silent(text: str) -> None:
    assert read({MUTATE: text}) == read({})


def test_annotations_of_the_second_family_warn_once_without_a_provider() -> None:
    given = {f"{NEW_PREFIX}{suffix}": "vault" for suffix in ("vault-role", "vault-path")}
    options, warnings = read(given)
    assert options == read({})[0]
    assert warnings == [f"annotations {NEW_PREFIX}... have no effect without {PROVIDER}: write vault, bao or aws there"]


@pytest.mark.parametrize("key", [INJECTED, "example.com/vault-addr"])
def test_known_and_foreign_annotations_change_nothing(key: str) -> None:
    assert read({key: "anything"}) == read({})


@pytest.mark.parametrize(
    ("suffix", "nearest"),
    [("vault-adr", "vault-addr"), ("vault_role", "vault-role"), ("xyz", None), ("x" * 100_000, None)],
)
def test_unknown_annotation_warns(suffix: str, nearest: str | None) -> None:
    options, warnings = read({PREFIX + suffix: "x"})
    assert options == read({})[0]
    assert len(warnings) == 1
    assert "is unknown and has no effect" in warnings[0]
    assert len(warnings[0]) < 500
    assert (f"did you mean {PREFIX}{nearest}?" in warnings[0]) == (nearest is not None)


@pytest.mark.parametrize(
    ("provider", "key", "meant"),
    [
        ("vault", NEW_PREFIX + "vault-env-daemon", NEW_PREFIX + "secret-init-daemon"),
        ("vault", NEW_PREFIX + "vault-env-image", NEW_PREFIX + "secret-init-image"),
        ("bao", NEW_PREFIX + "bao-env-daemon", NEW_PREFIX + "secret-init-daemon"),
        ("bao", NEW_PREFIX + "bao-env-from-path", NEW_PREFIX + "bao-from-path"),
        ("", PREFIX + "secret-init-image", PREFIX + "vault-env-image"),
        ("", PREFIX + "vault-from-path", PREFIX + "vault-env-from-path"),
    ],
)
def test_names_of_the_other_family_are_known(provider: str, key: str, meant: str) -> None:
    _, warnings = read({key: "x", **({PROVIDER: provider} if provider else {})})
    assert warnings == [f"annotation {key!r} is unknown and has no effect; did you mean {meant}?"]


def test_a_very_long_name_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(key: str, *_: Any, **__: Any) -> list[str]:
        compared.append(key)
        return []

    monkeypatch.setattr("vault_secrets_webhook.webhook.annotations.get_close_matches", compare)
    read({PREFIX + "x" * 1000: ""})
    assert compared == []
    read({PREFIX + "vault-rol": ""})
    assert compared == [PREFIX + "vault-rol"]


def test_warnings_are_bounded() -> None:
    _, warnings = read({f"{PREFIX}vault-addr-{number}": "" for number in range(5000)})
    assert len(warnings) == 10


def test_rows_and_options_fit_each_other() -> None:
    fields = {row.field for row in TABLE if row.field}
    assert fields | {"provider"} == set(Options.__struct_fields__)
    older = [row.field for row in TABLE if row.is_older]
    assert sorted(row.field for row in TABLE if row.field) == sorted([*fields, *older])


def test_rows_are_distinct_and_explained() -> None:
    assert len({row.suffix or row.new for row in TABLE}) == len(TABLE)
    for family in FAMILIES.values():
        assert len(family.keys) == len([setting for setting in family.settings if setting.key])
    variables = [row.variable for row in TABLE if row.variable]
    assert len(set(variables)) == len(variables)
    assert all(row.help and "\n" not in row.help for row in TABLE)


def test_every_known_annotation_of_the_contract_has_a_row() -> None:
    names = """mutate injected containers skip-containers mutate-probes psp-allow-privilege-escalation run-as-non-root run-as-user run-as-group readonly-root-fs
        registry-skip-verify vault-addr vault-role vault-path vault-auth-method vault-serviceaccount vault-skip-verify
        vault-tls-secret vault-client-timeout vault-namespace vault-ignore-missing-secrets vault-env-passthrough
        vault-env-from-path vault-env-daemon vault-env-delay vault-env-image vault-env-image-pull-policy
        enable-json-log log-level transit-key-id transit-path transit-batch-size token-auth-mount
        service-account-token-volume-name vault-image vault-image-pull-policy vault-agent vault-agent-configmap
        vault-agent-once vault-agent-share-process-namespace vault-agent-cpu vault-agent-cpu-limit
        vault-agent-cpu-request vault-agent-memory vault-agent-memory-limit vault-agent-memory-request
        vault-agent-env-variables vault-configfile-path vault-ct-secrets-mount-path vault-ct-configmap vault-ct-image
        vault-ct-pull-policy vault-ct-once vault-ct-share-process-namespace vault-ct-cpu vault-ct-memory
        vault-ct-inject-in-initcontainers"""
    assert {row.suffix for row in TABLE if row.suffix} == set(names.split())


def test_the_message_of_a_wrong_value_stays_short() -> None:
    with pytest.raises(Refused) as caught:
        read({PREFIX + "vault-client-timeout": "x" * 100_000})
    assert len(str(caught.value)) < 2000


def test_defaults_are_not_changed_by_a_pod() -> None:
    settings = Settings.from_environment({})
    before = msgspec.structs.asdict(settings.defaults)
    read_annotations({PREFIX + "vault-role": "r"}, settings.families, settings.policies)
    assert msgspec.structs.asdict(settings.defaults) == before


SWITCH_KEYS = (
    "provider aws-region aws-load-from-secret credentials-namespace credentials-secret-name aws-tls-secret-arn"
)


def test_the_second_family_has_the_names_of_the_contract() -> None:
    names = [
        "mutate",
        "provider",
        "mutate-probes",
        "psp-allow-privilege-escalation",
        "run-as-non-root",
        "run-as-user",
        "run-as-group",
        "readonly-root-fs",
        "registry-skip-verify",
        "containers",
        "skip-containers",
        "secret-init-daemon",
        "secret-init-delay",
        "secret-init-json-log",
        "secret-init-image",
        "secret-init-image-pull-policy",
        "vault-addr",
        "vault-role",
        "vault-path",
        "vault-auth-method",
        "vault-serviceaccount",
        "vault-skip-verify",
        "vault-tls-secret",
        "vault-client-timeout",
        "vault-namespace",
        "vault-ignore-missing-secrets",
        "vault-passthrough",
        "vault-from-path",
        "vault-transit-key-id",
        "vault-transit-path",
        "vault-transit-batch-size",
        "vault-token-auth-mount",
        "vault-service-account-token-volume-name",
        "vault-log-level",
        "vault-image",
        "vault-image-pull-policy",
        "vault-agent",
        "vault-agent-configmap",
        "vault-agent-once",
        "vault-agent-share-process-namespace",
        "vault-agent-cpu",
        "vault-agent-cpu-limit",
        "vault-agent-cpu-request",
        "vault-agent-memory",
        "vault-agent-memory-limit",
        "vault-agent-memory-request",
        "vault-agent-env-variables",
        "vault-configfile-path",
        "vault-ct-configmap",
        "vault-ct-image",
        "vault-ct-once",
        "vault-ct-pull-policy",
        "vault-ct-share-process-namespace",
        "vault-ct-cpu",
        "vault-ct-memory",
        "vault-ct-secrets-mount-path",
        "vault-ct-inject-in-initcontainers",
    ]
    of_bao = [name.replace("vault-", "bao-", 1) if name.startswith("vault-") else name for name in names]
    assert set(FAMILIES["vault"].keys) == {NEW_PREFIX + name for name in names}
    assert set(FAMILIES["bao"].keys) == {NEW_PREFIX + name for name in of_bao}
    assert set(FAMILIES["aws"].keys) >= {NEW_PREFIX + name for name in SWITCH_KEYS.split()}


# Environment of the webhook, annotations by their names (a new one has no slash, an old one begins with one), field, expected.
SECOND_FAMILY: list[tuple[dict[str, str], dict[str, str], str, Any]] = [
    ({}, {"provider": "vault"}, "provider", "vault"),
    ({"PROVIDER": "bao"}, {}, "provider", "bao"),
    ({"PROVIDER": "bao"}, {"provider": "vault"}, "provider", "vault"),
    ({"PROVIDER": "vault"}, {"provider": ""}, "provider", "vault"),
    ({}, {"provider": "vault", "vault-role": "new", "/vault-role": "old"}, "vault_role", "new"),
    ({}, {"provider": "vault", "/vault-role": "old"}, "vault_role", "old"),
    ({}, {"provider": "vault", "/vault-env-image": "old"}, "vault_env_image", "old"),
    ({}, {"provider": "vault", "secret-init-image": "new", "/vault-env-image": "old"}, "vault_env_image", "new"),
    ({}, {"provider": "vault"}, "vault_env_image", "ghcr.io/bank-vaults/secret-init:latest"),
    ({"SECRET_INIT_IMAGE": "i"}, {"provider": "vault"}, "vault_env_image", "i"),
    ({"SECRET_INIT_IMAGE": "i", "VAULT_ENV_IMAGE": "o"}, {"provider": "vault"}, "vault_env_image", "o"),
    ({"SECRET_INIT_DELAY": "2s"}, {"provider": "aws"}, "vault_env_delay", 2 * SECOND),
    ({"SECRET_INIT_DELAY": "2s"}, {}, "vault_env_delay", 0),
    ({"TRANSIT_KEY_ID": "o", "VAULT_TRANSIT_KEY_ID": "n"}, {"provider": "vault"}, "transit_key_id", "o"),
    ({"VAULT_TRANSIT_KEY_ID": "n"}, {"provider": "vault"}, "transit_key_id", "n"),
    ({"TRANSIT_KEY_ID": "o", "BAO_TRANSIT_KEY_ID": "b"}, {"provider": "bao"}, "transit_key_id", "b"),
    ({"TRANSIT_KEY_ID": "o"}, {"provider": "bao"}, "transit_key_id", ""),
    ({}, {"provider": "bao"}, "vault_addr", "https://bao:8300"),
    ({}, {"provider": "bao"}, "vault_image", "openbao/openbao:latest"),
    ({}, {"provider": "bao"}, "vault_configfile_path", "/bao/secrets"),
    ({"BAO_ADDR": "https://b"}, {"provider": "bao", "bao-addr": "https://B/"}, "vault_addr", "https://b"),
    ({}, {"provider": "bao", "bao-role": "b", "/vault-role": "old"}, "vault_role", "b"),
    ({}, {"provider": "bao", "bao-from-path": "secret/data/a"}, "vault_env_from_path", "secret/data/a"),
    ({}, {"provider": "bao", "/run-as-user": "5"}, "run_as_user", 5),
    ({}, {"provider": "bao", "/enable-json-log": "true"}, "enable_json_log", True),
    ({"LOG_LEVEL": "error", "SECRET_INIT_LOG_LEVEL": "debug"}, {"provider": "vault"}, "log_level", "debug"),
    ({"LOG_LEVEL": "error"}, {"provider": "vault"}, "log_level", "info"),
    ({}, {"provider": "aws", "aws-region": "eu-west-1"}, "aws_region", "eu-west-1"),
    ({"AWS_REGION": "eu-west-1"}, {"provider": "aws"}, "aws_region", "eu-west-1"),
    ({}, {"provider": "aws", "aws-load-from-secret": "true"}, "aws_load_from_secret", True),
    ({}, {"provider": "aws", "credentials-namespace": "n"}, "aws_credentials_namespace", "n"),
    ({}, {"provider": "aws"}, "aws_credentials_secret_name", "aws-credentials"),
    ({}, {"/vault-agent-cpu": "1", "/vault-agent-cpu-limit": "2"}, "vault_agent_cpu_limit", "1"),
    ({}, {"/vault-agent-memory-limit": "2", "/vault-agent-memory": "1"}, "vault_agent_memory_limit", "1"),
    ({}, {"/vault-ct-secrets-mount-path": "/a"}, "vault_configfile_path", "/a"),
    ({}, {"/vault-ct-secrets-mount-path": "/a", "/vault-configfile-path": "/b"}, "vault_configfile_path", "/b"),
    ({}, {"provider": "vault", "vault-agent-cpu-limit": "2", "/vault-agent-cpu": "1"}, "vault_agent_cpu_limit", "2"),
    ({}, {"/vault-agent-share-process-namespace": "true"}, "vault_agent_share_process_namespace", True),
    ({}, {"/vault-agent-env-variables": '[{"Name":"A","Value":"b"}]'}, "vault_agent_env_variables", ({"name": "A", "value": "b"},)),
    ({}, {"/containers": "a, b,"}, "only_containers", {"a", "b"}),
    ({}, {"provider": "vault", "skip-containers": "a"}, "skip_containers", {"a"}),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "given", "field", "expected"), SECOND_FAMILY)
def test_value_of_the_second_family(environ: dict[str, str], given: dict[str, str], field: str, expected: Any) -> None:
    options, _ = read(
        {PREFIX + name[1:] if name[0] == "/" else NEW_PREFIX + name: given[name] for name in given}, **environ
    )
    assert getattr(options, field) == expected


def test_a_wrong_provider_is_refused() -> None:
    with pytest.raises(Refused, match=rf"^annotation {PROVIDER}: 'gcp' is not a provider: write vault, bao or aws$"):
        read({PROVIDER: "gcp"})


def test_annotations_of_another_provider_have_no_effect() -> None:
    options, warnings = read({PROVIDER: "bao", NEW_PREFIX + "vault-addr": "https://evil.example"})
    assert options.vault_addr == "https://bao:8300"
    assert warnings == [f"annotation {NEW_PREFIX}vault-addr has no effect with provider bao"]


@pytest.mark.parametrize(
    ("given", "opt_in", "needs_provider", "expected"),
    [
        ({}, False, False, ""),
        ({MUTATE: "skip"}, False, False, "skipped"),
        ({NEW_MUTATE: "skip"}, False, False, "skipped"),
        ({MUTATE: "skip", NEW_MUTATE: "true"}, True, False, "skipped"),
        ({}, True, False, "not-opted-in"),
        ({MUTATE: "True"}, True, False, "not-opted-in"),
        ({MUTATE: "true"}, True, False, ""),
        ({NEW_MUTATE: "true"}, True, False, ""),
        ({}, False, True, "no-provider"),
        ({PROVIDER: "vault"}, False, True, ""),
        ({PROVIDER: ""}, False, True, "no-provider"),
    ],
)
def test_reason_to_skip(given: dict[str, str], opt_in: bool, needs_provider: bool, expected: str) -> None:
    assert find_reason_to_skip(given, opt_in=opt_in, needs_provider=needs_provider) == expected


@pytest.mark.parametrize(
    ("defaults", "own", "expected"),
    [
        ({}, {"a": "1"}, {"a": "1"}),
        ({PREFIX + "vault-role": "d"}, {}, {PREFIX + "vault-role": "d"}),
        ({PREFIX + "vault-role": "d"}, {PREFIX + "vault-role": "o"}, {PREFIX + "vault-role": "o"}),
        ({NEW_PREFIX + "vault-role": "d"}, {PREFIX + "vault-role": "o"}, {PREFIX + "vault-role": "o"}),
        ({PREFIX + "vault-agent-cpu": "1"}, {PREFIX + "vault-agent-cpu-limit": "2"}, {PREFIX + "vault-agent-cpu-limit": "2"}),
        ({MUTATE: "skip"}, {NEW_MUTATE: "true"}, {NEW_MUTATE: "true"}),
        ({INJECTED: "app"}, {}, {}),
        ({PREFIX + "vault-rle": "d"}, {}, {PREFIX + "vault-rle": "d"}),
    ],
)  # fmt: skip
def test_defaults_of_the_namespace(defaults: dict[str, str], own: dict[str, str], expected: dict[str, str]) -> None:
    assert merge_defaults(defaults, own) == expected


LISTED = [
    ("VAULT_ROLE_ALLOWLIST", "vault-role", "shop-app", "admin"),
    ("VAULT_PATH_ALLOWLIST", "vault-path", "shop-k8s", "kubernetes-2"),
    ("VAULT_NAMESPACE_ALLOWLIST", "vault-namespace", "shop-team", ""),
    ("VAULT_SERVICEACCOUNT_ALLOWLIST", "vault-serviceaccount", "shop-vault", "default"),
    ("VAULT_TLS_SECRET_ALLOWLIST", "vault-tls-secret", "shop-ca", "ca"),
    ("IMAGE_ALLOWLIST", "vault-env-image", "shop-/a:b", "a:b"),
    ("IMAGE_ALLOWLIST", "vault-image", "shop-/a:b", "shop"),
    ("IMAGE_ALLOWLIST", "vault-ct-image", "shop-/a:b", "x/shop-/a:b"),
    ("IMAGE_ALLOWLIST", "vault-ct-image", "shop-/a:b", "a{{b}}"),
]


@pytest.mark.parametrize(("variable", "suffix", "allowed", "refused"), LISTED)
def test_lists_restrict_what_annotations_choose(variable: str, suffix: str, allowed: str, refused: str) -> None:
    environ = {variable: "nothing,{namespace}-*", "VAULT_NAMESPACE": "own"}
    read({PREFIX + suffix: allowed}, **environ)
    read({PREFIX + suffix: refused}, VAULT_NAMESPACE="own")
    with pytest.raises(Refused) as caught:
        read({PREFIX + suffix: refused}, **environ)
    assert str(caught.value).startswith(f"annotation {PREFIX}{suffix}: the ")
    assert variable in str(caught.value)
    assert caught.value.code == 403


NAMESPACES_OF_AGENTS = [
    ('{"name":"VAULT_NAMESPACE","value":"shop-team"}', True),
    ('{"name":"VAULT_NAMESPACE","value":"/own/"}', True),
    ('{"name":"VAULT_LOG_LEVEL","value":"debug"}', True),
    ('{"name":"VAULT_NAMESPACE","value":"team"}', False),
    ('{"Name":"BAO_NAMESPACE","Value":"team"}', False),
    ('{"name":"VAULT_NAMESPACE"}', False),
    ('{"name":"VAULT_NAMESPACE","value":"shop-$(X)"}', False),
    ('{"name":"VAULT_NAMESPACE","valueFrom":{"configMapKeyRef":{"name":"a","key":"b"}}}', False),
]


@pytest.mark.parametrize(("variable", "is_allowed"), NAMESPACES_OF_AGENTS)
def test_the_namespace_that_an_agent_gets_by_its_variables_is_held_against_the_list(
    variable: str, is_allowed: bool
) -> None:
    given = {PREFIX + "vault-agent-env-variables": f"[{variable}]"}
    environ = {"VAULT_NAMESPACE": "own", "VAULT_NAMESPACE_ALLOWLIST": "{namespace}-*"}
    read(given, VAULT_NAMESPACE="own")
    refusals = read_all(given, **environ).refusals
    if is_allowed:
        refusals.check()
    else:
        with pytest.raises(
            Refused, match=r"vault-agent-env-variables: the namespace .* VAULT_NAMESPACE_ALLOWLIST"
        ) as one:
            refusals.check()
        assert one.value.code == 403


def test_what_the_operator_chose_may_be_repeated() -> None:
    environ = {"VAULT_ROLE": "own", "VAULT_ROLE_ALLOWLIST": "x", "VAULT_PATH_ALLOWLIST": "x", "IMAGE_ALLOWLIST": "x"}
    given = {"vault-role": "own", "vault-path": "/kubernetes/", "vault-image": "hashicorp/vault:latest"}
    read({PREFIX + suffix: text for suffix, text in given.items()}, **environ)


@pytest.mark.parametrize(("template", "is_allowed"), [("{{ .namespace }}-app", True), ("{{ .name }}", False)])
def test_the_role_of_a_template_is_held_against_the_list(template: str, is_allowed: bool) -> None:
    reading = read_all({PREFIX + "vault-role": template}, VAULT_ROLE_ALLOWLIST="{namespace}-*")
    reading.refusals.check()
    if is_allowed:
        assert reading.find_role(Owner(NAMESPACE, "pod"), "jwt", "default") == "shop-app"
        return
    with pytest.raises(Refused, match="the role 'pod' is not one of those that the operator allows"):
        reading.find_role(Owner(NAMESPACE, "pod"), "jwt", "default")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ""),
        ({"VAULT_SERVICEACCOUNT": "default"}, "default"),
        ({"VAULT_SERVICEACCOUNT": "default", "BAO_SERVICEACCOUNT": "bao"}, "bao"),
    ],
)
def test_an_object_cannot_leave_the_account_of_the_operator_by_another_provider(
    environ: dict[str, str], expected: str
) -> None:
    assert read({PROVIDER: "bao"}, **environ)[0].vault_serviceaccount == expected


@pytest.mark.parametrize("listed", ["", "*", "app"])
def test_an_object_cannot_take_the_webhooks_identity_where_the_operator_names_an_account(listed: str) -> None:
    environ = {"VAULT_SERVICEACCOUNT": "default", "VAULT_SERVICEACCOUNT_ALLOWLIST": listed}
    with pytest.raises(Refused, match=r"vault-serviceaccount: .* not as the webhook itself") as caught:
        read({PREFIX + "vault-serviceaccount": ""}, **environ)
    assert caught.value.code == 403
    assert read({PREFIX + "vault-serviceaccount": "app"}, **environ)[0].vault_serviceaccount == "app"
    assert read({PREFIX + "vault-serviceaccount": ""})[0].vault_serviceaccount == ""


def test_the_role_of_the_operator_and_the_default_are_not() -> None:
    reading = read_all({}, VAULT_ROLE="{{ .name }}", VAULT_ROLE_ALLOWLIST="x")
    assert reading.find_role(Owner(NAMESPACE, "pod"), "jwt", "default") == "pod"
    reading = read_all({PREFIX + "vault-path": "k8s"}, VAULT_ROLE="{{ .name }}", VAULT_ROLE_ALLOWLIST="x")
    assert reading.find_role(Owner(NAMESPACE, "pod"), "jwt", "default") == "pod"
    assert read_all({}, VAULT_ROLE_ALLOWLIST="x").find_role(Owner(NAMESPACE, "pod"), "jwt", "account") == "account"


def test_registries_stay_checked_where_the_operator_says_so() -> None:
    switched = {PREFIX + "registry-skip-verify": "true"}
    assert read(switched)[0].registry_skip_verify
    with pytest.raises(Refused, match="REGISTRY_ALLOW_OBJECT_SKIP_VERIFY"):
        read(switched, REGISTRY_ALLOW_OBJECT_SKIP_VERIFY="false")
    read(switched, REGISTRY_ALLOW_OBJECT_SKIP_VERIFY="false", REGISTRY_SKIP_VERIFY="true")


def test_a_default_of_the_namespace_is_named_as_one() -> None:
    settings = Settings.from_environment({"VAULT_ROLE_ALLOWLIST": "x"})
    own, inherited = {PREFIX + "run-as-user": "x"}, {PREFIX + "vault-role": "admin", PREFIX + "run-as-group": "x"}
    annotations = merge_defaults(inherited, own)
    reading = read_annotations(annotations, settings.families, settings.policies, NAMESPACE, own)
    names = sorted(str(refusal).split(": ")[0] for refusal in reading.refusals.found)
    assert names == [
        f"annotation {PREFIX}run-as-group (a default of the namespace)",
        f"annotation {PREFIX}run-as-user",
        f"annotation {PREFIX}vault-role (a default of the namespace)",
    ]


@pytest.mark.parametrize(
    "given", [{PREFIX + "vault-skip-verify": "true"}, {PROVIDER: "bao", NEW_PREFIX + "bao-skip-verify": "1"}]
)
def test_a_certificate_stays_checked_with_a_warning(given: dict[str, str]) -> None:
    options, warnings = read(given)
    assert not options.vault_skip_verify
    (warning,) = warnings
    assert warning.startswith(f"annotation {list(given)[-1]}: the certificate is checked all the same")
    assert "VAULT_ALLOW_OBJECT_SKIP_VERIFY" in warning
