"""The table of annotations, and what annotations come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vault_secrets_webhook.errors import ConfigurationError, Refused
from vault_secrets_webhook.webhook.annotations import (
    INJECTED,
    LATER_PREFIX,
    MUTATE,
    PREFIX,
    TABLE,
    Options,
    Reading,
    read_annotations,
)
from vault_secrets_webhook.webhook.settings import Settings

SECOND = 1_000_000_000


def read(given: dict[str, str], **environ: str) -> tuple[Options, list[str]]:
    reading = read_all(given, **environ)
    reading.refuse_later()
    reading.refusals.check()
    return reading.options, reading.warnings


def read_all(given: dict[str, str], **environ: str) -> Reading:
    settings = Settings.from_environment(environ)
    return read_annotations(given, settings.defaults, settings.policy)


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
    ("vault-agent", "true", "not supported by this version", 422),
    ("vault-agent-configmap", "agent", "not supported by this version", 422),
    ("vault-ct-configmap", "templates", "not supported by this version", 422),
    ("vault-agent-cpu", "much", "quantity", 422),
    ("vault-addr", "https://evil.example", "VAULT_ADDR_ALLOWLIST", 403),
    ("vault-addr", "", "URL", 403),
    ("vault-skip-verify", "true", "VAULT_ALLOW_OBJECT_SKIP_VERIFY", 403),
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
        ("VAULT_AGENT", "true"),
        ("VAULT_AUTH_METHOD", "none"),
        ("TRANSIT_BATCH_SIZE", "many"),
    ],
)
def test_wrong_default_names_the_variable(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{variable}\b"):
        Settings.from_environment({variable: text})


@pytest.mark.parametrize("suffix", ["vault-agent", "vault-ct-once", "registry-skip-verify"])
def test_inactive_annotation_of_a_later_version_is_accepted(suffix: str) -> None:
    assert read({PREFIX + suffix: "false"}) == read({})


def test_all_that_is_wrong_is_told_in_order() -> None:
    given = {PREFIX + suffix: text for suffix, text, _, _ in REFUSALS[2:5]}
    with pytest.raises(Refused) as caught:
        read({**given, PREFIX + "vault-addr": "https://evil.example", PREFIX + "vault-skip-verify": "true"})
    lines = str(caught.value).splitlines()
    suffixes = ["run-as-user", "vault-client-timeout", "vault-addr", "vault-skip-verify"]
    assert [line.split()[1].rstrip(":") for line in lines] == [PREFIX + suffix for suffix in suffixes]
    assert (caught.value.code, caught.value.reason) == (403, "Forbidden")


def test_what_is_wrong_counts_as_absent() -> None:
    reading = read_all({PREFIX + "run-as-user": "x", PREFIX + "vault-addr": "https://evil", PREFIX + "vault-role": "r"})
    assert reading.options == read_all({PREFIX + "vault-role": "r"}).options
    assert len(reading.refusals.found) == 2


def test_an_annotation_of_a_later_version_is_no_fault_yet() -> None:
    reading = read_all({PREFIX + "vault-agent": "true", PREFIX + "vault-ct-configmap": ""})
    assert reading.later == [PREFIX + "vault-agent"]
    reading.refusals.check()


@pytest.mark.parametrize("text", ["false", "SKIP", "Skip", " skip", "no"])
def test_a_mutate_that_does_not_skip_warns(text: str) -> None:
    _, warnings = read({MUTATE: text})
    assert warnings == [f"annotation {MUTATE}: {text!r} has no effect; only skip leaves the pod alone"]


@pytest.mark.parametrize("text", ["", "true"])
def test_a_mutate_that_means_what_happens_is_silent(text: str) -> None:
    assert read({MUTATE: text}) == read({})


def test_annotations_of_the_other_webhook_warn_once() -> None:
    given = {f"{LATER_PREFIX}{suffix}": "vault" for suffix in ("provider", "vault-addr")}
    options, warnings = read(given)
    assert options == read({})[0]
    assert warnings == [f"annotations {LATER_PREFIX}... have no effect in this version: write {PREFIX}..."]


@pytest.mark.parametrize("key", [INJECTED, PREFIX + "vault-configfile-path", "example.com/vault-addr"])
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
    fields = [row.field for row in TABLE if row.field]
    assert sorted(fields) == sorted(Options.__struct_fields__)


def test_rows_are_distinct_and_explained() -> None:
    assert len({row.suffix for row in TABLE}) == len(TABLE)
    variables = [row.variable for row in TABLE if row.variable]
    assert len(set(variables)) == len(variables)
    assert all(row.help and "\n" not in row.help for row in TABLE)


def test_every_known_annotation_of_the_contract_has_a_row() -> None:
    names = """mutate injected mutate-probes psp-allow-privilege-escalation run-as-non-root run-as-user run-as-group readonly-root-fs
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
    assert {row.suffix for row in TABLE} == set(names.split())


def test_the_message_of_a_wrong_value_stays_short() -> None:
    with pytest.raises(Refused) as caught:
        read({PREFIX + "vault-client-timeout": "x" * 100_000})
    assert len(str(caught.value)) < 2000


def test_defaults_are_not_changed_by_a_pod() -> None:
    settings = Settings.from_environment({})
    before = msgspec.structs.asdict(settings.defaults)
    read_annotations({PREFIX + "vault-role": "r"}, settings.defaults, settings.policy)
    assert msgspec.structs.asdict(settings.defaults) == before
