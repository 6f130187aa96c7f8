"""Every variable that holds a default, and every annotation, has its effect, in each family: no row is there for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.webhook.annotation_table import FAMILIES, NEW_PREFIX, Setting
from vault_secrets_webhook.webhook.annotations import read_annotations
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.options import Options

# Field -> what it can be set to; others take any text.
SAMPLES = {
    "transit_batch_size": "7",
    "run_as_user": "7",
    "run_as_group": "7",
    "vault_client_timeout": "7s",
    "vault_env_delay": "7s",
    "vault_addr": "https://seven.example",
    "vault_auth_method": "kubernetes",
    "log_level": "error",
    "vault_env_pull_policy": "Never",
    "vault_image_pull_policy": "Never",
    "vault_ct_pull_policy": "Never",
    "service_account_token_path": "/seven",
    "vault_configfile_path": "/seven",
    "vault_env_from_path": "secret/data/seven",
    "token_auth_mount": "seven:token",
    "vault_agent_env_variables": '[{"name":"SEVEN"}]',
    "vault_agent_cpu_request": "7m",
    "vault_agent_cpu_limit": "7m",
    "vault_agent_memory_request": "7Mi",
    "vault_agent_memory_limit": "7Mi",
    "vault_ct_cpu": "7m",
    "vault_ct_memory": "7Mi",
}
# What the operator allows, so that an annotation may choose it.
ALLOWED = {"VAULT_ADDR_ALLOWLIST": SAMPLES["vault_addr"], "VAULT_ALLOW_OBJECT_SKIP_VERIFY": "true"}


def choose(setting: Setting) -> str:
    """Choose a value that is not the default."""
    if setting.default in {"true", "false"}:
        return str(setting.default == "false").lower()
    return SAMPLES.get(setting.row.field, "seven")


def read(provider: str, annotations: dict[str, str], environ: dict[str, str]) -> Options:
    settings = Settings.from_environment(environ)
    given = {NEW_PREFIX + "provider": provider, **annotations} if provider else annotations
    reading = read_annotations(given, settings.families, settings.policies, "shop")
    reading.refusals.check()
    return reading.options


def list_fields(provider: str) -> list[Setting]:
    return [setting for setting in FAMILIES[provider].settings if setting.row.field]


VARIABLES = [
    pytest.param(provider, setting, variable, id=f"{provider}-{variable}")
    for provider in FAMILIES
    for setting in list_fields(provider)
    for variable in setting.variables
]
ANNOTATIONS = [
    pytest.param(provider, setting, id=f"{provider}-{setting.key}")
    for provider in FAMILIES
    for setting in list_fields(provider)
    if setting.key
]


@pytest.mark.parametrize(("provider", "setting", "variable"), VARIABLES)
def test_variable(provider: str, setting: Setting, variable: str) -> None:
    field, text = setting.row.field, choose(setting)
    before = getattr(read(provider, {}, {}), field)
    after = getattr(read(provider, {}, {variable: text}), field)
    assert after == setting.row.parse(text) != before


@pytest.mark.parametrize(("provider", "setting"), ANNOTATIONS)
def test_annotation(provider: str, setting: Setting) -> None:
    field, text = setting.row.field, choose(setting)
    before = getattr(read(provider, {}, ALLOWED), field)
    after = getattr(read(provider, {setting.key: text}, ALLOWED), field)
    assert after == setting.row.parse(text) != before
