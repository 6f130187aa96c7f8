"""The variables for vault-env."""

from __future__ import annotations

import weakref
from typing import Any

import jsonpatch
import msgspec
import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate.environment import (
    Context,
    build_variables,
    check_credentials,
    set_variables,
)
from vault_secrets_webhook.webhook.mutate.patch import Patch
from vault_secrets_webhook.webhook.mutate.spec import Container
from vault_secrets_webhook.webhook.settings import Settings

DEFAULTS = Settings.from_environment({}).defaults
USUAL = [
    ("VAULT_ADDR", "https://vault:8200"),
    ("VAULT_SKIP_VERIFY", "false"),
    ("VAULT_AUTH_METHOD", "jwt"),
    ("VAULT_PATH", "kubernetes"),
    ("VAULT_ROLE", "app"),
    ("VAULT_IGNORE_MISSING_SECRETS", "false"),
    ("VAULT_ENV_PASSTHROUGH", ""),
    ("VAULT_JSON_LOG", "false"),
    ("VAULT_CLIENT_TIMEOUT", "10s"),
    ("VAULT_LOG_LEVEL", "info"),
    ("VAULT_TRANSIT_BATCH_SIZE", "25"),
]


def build(certificate: str = "", token: str = "", log_server: str = "", **options: Any) -> list[tuple[str, str]]:
    changed = msgspec.structs.replace(DEFAULTS, **options)
    variables = build_variables(Context(changed, "app", certificate, token, log_server))
    return [(one["name"], one["value"]) for one in variables]


def test_defaults() -> None:
    assert build() == USUAL


def test_everything_in_its_order() -> None:
    everything = build(
        certificate="/vault/tls/ca.crt",
        token="/vault/.vault-token",
        log_server="log:514",
        vault_addr="https://v",
        vault_skip_verify=True,
        vault_auth_method="kubernetes",
        vault_path="k8s",
        vault_ignore_missing_secrets=True,
        vault_env_passthrough="VAULT_ADDR",
        enable_json_log=True,
        vault_client_timeout=90_000_000_000,
        log_level="debug",
        transit_key_id="key",
        transit_path="transit",
        transit_batch_size=7,
        vault_namespace="team",
        vault_env_daemon=True,
        vault_env_delay=1_500_000_000,
        vault_env_from_path="a,b#2",
    )
    assert everything == [
        ("VAULT_ADDR", "https://v"),
        ("VAULT_SKIP_VERIFY", "true"),
        ("VAULT_AUTH_METHOD", "kubernetes"),
        ("VAULT_PATH", "k8s"),
        ("VAULT_ROLE", "app"),
        ("VAULT_IGNORE_MISSING_SECRETS", "true"),
        ("VAULT_ENV_PASSTHROUGH", "VAULT_ADDR"),
        ("VAULT_JSON_LOG", "true"),
        ("VAULT_CLIENT_TIMEOUT", "1m30s"),
        ("VAULT_LOG_LEVEL", "debug"),
        ("VAULT_TRANSIT_KEY_ID", "key"),
        ("VAULT_TRANSIT_PATH", "transit"),
        ("VAULT_TRANSIT_BATCH_SIZE", "7"),
        ("VAULT_NAMESPACE", "team"),
        ("VAULT_CACERT", "/vault/tls/ca.crt"),
        ("VAULT_TOKEN_FILE", "/vault/.vault-token"),
        ("VAULT_ENV_DAEMON", "true"),
        ("VAULT_ENV_DELAY", "1.5s"),
        ("VAULT_ENV_FROM_PATH", "a,b#2"),
        ("VAULT_ENV_LOG_SERVER", "log:514"),
    ]


def test_a_batch_size_of_zero_is_left_out() -> None:
    assert build(transit_batch_size=0) == USUAL[:-1]


def test_nothing_of_a_pod_is_kept() -> None:
    class Text(str):
        """Text that can be watched."""

        __slots__ = ("__weakref__",)

    text = Text("long " * 1000)
    watch = weakref.ref(text)
    assert ("VAULT_PATH", text) in build(vault_path=text)
    del text
    assert watch() is None


OURS = [{"name": "VAULT_ADDR", "value": "ours"}, {"name": "VAULT_LOG_LEVEL", "value": "info"}]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (None, OURS),
        ([], OURS),
        ([{"name": "A", "value": "1"}], [{"name": "A", "value": "1"}, *OURS]),
        (
            [{"name": "VAULT_ADDR", "value": "theirs"}, {"name": "A"}],
            [OURS[0], {"name": "A"}, OURS[1]],
        ),
        (
            [
                {"name": "VAULT_ADDR", "valueFrom": {"fieldRef": {"fieldPath": "x"}}},
                {"name": "A"},
                {"name": "VAULT_ADDR", "value": "again"},
            ],
            [OURS[0], {"name": "A"}, OURS[0], OURS[1]],
        ),
        (
            [{"name": "VAULT_LOG_LEVEL", "value": "debug"}],
            [{"name": "VAULT_LOG_LEVEL", "value": "debug"}, OURS[0]],
        ),
        (
            [{"name": "VAULT_TOKEN", "value": "vault:login"}],
            [{"name": "VAULT_TOKEN", "value": "vault:login"}, *OURS],
        ),
    ],
    ids=["absent", "empty", "other", "replaced", "all-duplicates", "own-log-level", "token-kept"],
)
def test_set(env: Any, expected: Any) -> None:
    document = {"env": env}
    patch = Patch()
    set_variables(patch, "", msgspec.convert(document, Container), OURS, "")
    operations = msgspec.json.decode(msgspec.json.encode(patch.operations))
    assert jsonpatch.JsonPatch(operations).apply(document) == {"env": expected}


def build_names(provider: str, **options: Any) -> dict[str, Any]:
    """Give the variables of a provider when everything is set."""
    everything = {
        "vault_namespace": "team",
        "transit_key_id": "key",
        "transit_path": "transit",
        "vault_env_daemon": True,
        "vault_env_delay": 1_500_000_000,
        "vault_env_from_path": "a",
        "aws_region": "eu-west-1",
    }
    changed = msgspec.structs.replace(Settings.from_environment({}).families.of(provider), **everything, **options)
    return {
        one["name"]: one.get("value") for one in build_variables(Context(changed, "app", "ca.crt", "token", "log:1"))
    }


OF_SECRET_INIT = ["SECRET_INIT_DAEMON", "SECRET_INIT_DELAY", "SECRET_INIT_JSON_LOG", "SECRET_INIT_LOG_LEVEL"]
OF_SERVER = [
    "ADDR",
    "AUTH_METHOD",
    "CACERT",
    "CLIENT_TIMEOUT",
    "FROM_PATH",
    "IGNORE_MISSING_SECRETS",
    "NAMESPACE",
    "PASSTHROUGH",
    "PATH",
    "ROLE",
    "SKIP_VERIFY",
    "TOKEN_FILE",
    "TRANSIT_BATCH_SIZE",
    "TRANSIT_KEY_ID",
    "TRANSIT_PATH",
]


@pytest.mark.parametrize(("provider", "prefix"), [("vault", "VAULT_"), ("bao", "BAO_")])
def test_variables_of_secret_init(provider: str, prefix: str) -> None:
    expected = [*OF_SECRET_INIT, "SECRET_INIT_LOG_SERVER", *(prefix + name for name in OF_SERVER)]
    assert sorted(build_names(provider)) == sorted(expected)


def test_the_order_is_that_of_vault_env() -> None:
    order = [list(build_names(provider)) for provider in ("", "vault", "bao")]
    short = [[name.rpartition("_")[2] for name in names] for names in order]
    assert short[0] == short[1] == short[2]


KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]


def test_variables_for_aws() -> None:
    expected = ["AWS_REGION", *OF_SECRET_INIT, "SECRET_INIT_LOG_SERVER"]
    assert sorted(build_names("aws")) == sorted(expected)
    with_keys = build_names("aws", aws_load_from_secret=True)
    assert [name for name in with_keys if name in KEYS] == KEYS
    assert {with_keys[name] for name in KEYS} == {None}


CREDENTIALS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"aws_load_from_secret": True, "aws_credentials_namespace": "shop"}, ""),
    ({"aws_load_from_secret": True, "aws_credentials_namespace": "default"}, "aws-load-from-secret: the "),
    (
        {"aws_tls_secret_arn": "arn:aws:acm:x"},
        "aws-tls-secret-arn (or AWS_TLS_SECRET_ARN of the webhook) is not ",
    ),
]


@pytest.mark.parametrize(("options", "words"), CREDENTIALS)
def test_credentials_of_aws(options: dict[str, Any], words: str) -> None:
    changed = msgspec.structs.replace(DEFAULTS, provider="aws", **options)
    if not words:
        check_credentials(changed, "shop")
        return
    with pytest.raises(Refused) as caught:
        check_credentials(changed, "shop")
    assert str(caught.value).startswith(f"annotation secrets-webhook.security.bank-vaults.io/{words}")


@pytest.mark.parametrize("provider", ["vault", "bao", "aws"])
def test_a_container_keeps_its_own_log_level(provider: str) -> None:
    own = [{"name": "SECRET_INIT_LOG_LEVEL", "value": "debug"}, {"name": "VAULT_LOG_LEVEL", "value": "kept"}]
    document = {"env": own}
    patch = Patch()
    variables = [{"name": "SECRET_INIT_LOG_LEVEL", "value": "info"}, {"name": "SECRET_INIT_JSON_LOG", "value": "false"}]
    set_variables(patch, "", msgspec.convert(document, Container), variables, provider)
    operations = msgspec.json.decode(msgspec.json.encode(patch.operations))
    assert jsonpatch.JsonPatch(operations).apply(document)["env"] == [*own, variables[1]]
