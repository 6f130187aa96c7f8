"""The configuration of an agent that fetches a token, and the ConfigMap that brings it into the pod.

Texts come from annotations: they go through `hcl`. The agent's method is `kubernetes` for both methods that vault-env
knows: it sends role and JWT to the mount that `vault-path` names, which is what Vault's `kubernetes` and `jwt` methods
both take (https://developer.hashicorp.com/vault/docs/agent-and-proxy/autoauth/methods/kubernetes), while the agent's
own `jwt` method deletes the token's file after reading it, which cannot be done in a pod.

The name of the ConfigMap holds a digest of its owner and its content, and it is immutable: two pods have the same one
only when both are the same, and what was read once stays true.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotation_names import name_annotation
from vault_secrets_webhook.webhook.values import SUBDOMAIN_LENGTH, is_object_name

from .hcl import Block, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vault_secrets_webhook.webhook.options import Options

    from .hcl import Body
    from .spec import Metadata

METHODS = frozenset(("kubernetes", "jwt"))
CONFIG_KEY = "config.hcl"
SUFFIX = "-vault-agent-config"
DIGEST_LENGTH = 16  # hexadecimal digits: 64 bits against chance; who forges one gets a refusal, see `config_maps`
NAMELESS = "pod"
# `controller` and `blockOwnerDeletion` are left out: the ConfigMap is nothing that a controller counts, and for the
# second the webhook would need the right to finalize any owner (admission plugin OwnerReferencesPermissionEnforcement).
OWNER_FIELDS = ("apiVersion", "kind", "name", "uid")


class GeneratedConfigMap(NamedTuple):
    """A ConfigMap to be made in the pod's namespace."""

    name: str
    data: dict[str, str]
    owner_references: list[dict[str, str]]


class Login(NamedTuple):
    """How an agent logs in, and the files that it writes the token to; `mode` are their permissions."""

    options: Options
    role: str
    jwt_file: str
    sinks: Sequence[str]
    mode: int


def build_config(login: Login) -> str:
    """Write the configuration. Raises Refused for what an agent cannot do."""
    options = login.options
    if options.vault_auth_method not in METHODS:
        raise Refused(
            f"the auth method {options.vault_auth_method} is not one that the configuration of an agent is generated for"
            " (kubernetes and jwt are): name a ConfigMap of your own by annotation"
            f" {name_annotation('vault_agent_configmap', options.provider)}"
        )
    method: dict[str, Any] = {"mount_path": f"auth/{options.vault_path.strip('/')}"}
    if options.vault_namespace:
        method["namespace"] = options.vault_namespace
    method["config"] = {"role": login.role, "token_path": login.jwt_file}
    sinks = [Block(("file",), {"config": {"path": path, "mode": login.mode}}) for path in login.sinks]
    # Locking memory needs the capability IPC_LOCK, which no agent gets.
    document: Body = {
        "disable_mlock": True,
        "auto_auth": Block((), {"method": Block(("kubernetes",), method), "sink": sinks}),
    }
    try:
        return encode(document)
    except ValueError as error:
        raise Refused(f"role, auth path or namespace of Vault cannot be written for an agent: {error}") from None


def generate_config_map(metadata: Metadata, config: str) -> GeneratedConfigMap:
    """Make the ConfigMap of a pod; pods of one owner with the same configuration share it."""
    owners = [pick_owner(owner) for owner in metadata.owner_references or ()]
    digest = hashlib.sha256(config.encode())
    for owner in owners:
        digest.update(b"\0" + owner.get("uid", "").encode())
    tail = f"{SUFFIX}-{digest.hexdigest()[:DIGEST_LENGTH]}"
    base = name_owner(metadata, owners)[: SUBDOMAIN_LENGTH - len(tail)].rstrip("-.")
    return GeneratedConfigMap((base or NAMELESS) + tail, {CONFIG_KEY: config}, owners)


def pick_owner(owner: Mapping[str, object]) -> dict[str, str]:
    return {name: text for name in OWNER_FIELDS if isinstance(text := owner.get(name), str)}


def name_owner(metadata: Metadata, owners: Sequence[Mapping[str, str]]) -> str:
    """Give the pod's name, or that of what it belongs to: its first owner without the part that was made up for it."""
    name = metadata.name or ""
    if not name and owners:
        name = owners[0].get("name", "")
        name = name.rpartition("-")[0] or name
    if not name:
        name = (metadata.generate_name or "").rstrip("-.")
    return name if is_object_name(name) else NAMELESS
