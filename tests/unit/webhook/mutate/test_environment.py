"""The variables for vault-env."""

from __future__ import annotations

import weakref
from typing import Any

import jsonpatch
import msgspec
import pytest

from vault_secrets_webhook.webhook.mutate.environment import Context, build_variables, set_variables
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
    set_variables(patch, "", msgspec.convert(document, Container), OURS)
    operations = msgspec.json.decode(msgspec.json.encode(patch.operations))
    assert jsonpatch.JsonPatch(operations).apply(document) == {"env": expected}
