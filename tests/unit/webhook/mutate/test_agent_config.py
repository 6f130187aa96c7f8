"""The configuration that is generated for an agent, and the name of the ConfigMap that holds it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotations import PREFIX
from vault_secrets_webhook.webhook.mutate.agent_config import Login, build_config, generate_config_map
from vault_secrets_webhook.webhook.mutate.spec import Metadata
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.values import is_object_name

DEFAULTS = Settings.from_environment({}).defaults
JWT_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-7d4b9", "uid": "u-1"}


def build(role: str = "app", **options: Any) -> str:
    changed = msgspec.structs.replace(DEFAULTS, **options)
    return build_config(Login(changed, role, JWT_FILE, ["/vault/.vault-token"], 0o644))


def generate(config: str = "config", **fields: Any) -> Any:
    return generate_config_map(msgspec.convert(fields, Metadata), config)


EXPECTED = """\
disable_mlock = true
auto_auth {
  method "kubernetes" {
    mount_path = "auth/kubernetes"
    config = {
      role = "app"
      token_path = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    }
  }
  sink "file" {
    config = {
      path = "/vault/.vault-token"
      mode = 420
    }
  }
}
"""


@pytest.mark.parametrize("method", ["kubernetes", "jwt"])
def test_configuration(method: str) -> None:
    assert build(vault_auth_method=method) == EXPECTED


def test_mount_and_namespace() -> None:
    config = build(vault_path="/team/k8s/", vault_namespace='a"b\n${c}')
    assert '    mount_path = "auth/team/k8s"\n    namespace = "a\\"b\\n\\u0024{c}"\n' in config


def test_a_role_stays_one_text() -> None:
    config = build('x"\n}\nvault { address = "https://evil.example" }')
    assert '      role = "x\\"\\n}\\nvault { address = \\"https://evil.example\\" }"\n' in config
    assert len(config.splitlines()) == len(EXPECTED.splitlines())


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(Refused, match="role, auth path or namespace"):
        build("a\0b")


@pytest.mark.parametrize("method", ["aws-iam", "gcp-gce", "azure", "namespaced"])
def test_other_methods_are_refused(method: str) -> None:
    with pytest.raises(Refused, match=f"auth method {method} .* annotation {PREFIX}vault-agent-configmap"):
        build(vault_auth_method=method)


NAMES: list[tuple[str, dict[str, Any], str]] = [
    ("pod", {"name": "app"}, "app"),
    ("of a ReplicaSet", {"generateName": "shop-7d4b9-", "ownerReferences": [OWNER]}, "shop"),
    ("of one without a part that was made up", {"ownerReferences": [{**OWNER, "name": "shop"}]}, "shop"),
    ("name wins", {"name": "db-0", "ownerReferences": [OWNER]}, "db-0"),
    ("generated", {"generateName": "job-"}, "job"),
    ("nothing", {}, "pod"),
    ("no name", {"name": "../../secrets"}, "pod"),
    ("empty owner", {"ownerReferences": [{}]}, "pod"),
]


@pytest.mark.parametrize(("fields", "base"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_name(fields: dict[str, Any], base: str) -> None:
    name = generate(**fields).name
    assert name.startswith(f"{base}-vault-agent-config-")
    assert is_object_name(name)


def test_a_long_name_is_cut() -> None:
    name = generate(name="a" * 240 + "." + "b" * 12).name
    assert len(name) <= 253
    assert is_object_name(name)


def test_the_name_tells_owners_and_contents_apart() -> None:
    made = [
        generate(name="a"),
        generate(name="a", config="other"),
        generate(name="a", ownerReferences=[OWNER]),
        generate(name="a", ownerReferences=[{**OWNER, "uid": "u-2"}]),
    ]
    assert len({one.name for one in made}) == len(made)
    assert generate(name="a", ownerReferences=[OWNER]).name == made[2].name


def test_owners_are_copied_without_what_needs_rights() -> None:
    owner = {**OWNER, "controller": True, "blockOwnerDeletion": True, "other": {}}
    assert generate(ownerReferences=[owner]).owner_references == [OWNER]
