"""Containers that run a Vault or OpenBao agent, and what containers of all kinds of agents have in common.

They start the executable itself: the entry points of the images call setcap and su-exec, which need capabilities that
agents do not get. Their root is read-only, so all that they write is in volumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotation_names import name_annotation

from .agent_config import CONFIG_KEY
from .copying import escape_dollars, leave_out_shared
from .environment import format_bool
from .flavour import BAO
from .quantity import fit_request
from .volume import CERTIFICATE_KEY, Mount, build_mount

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.options import Options

    from .flavour import Flavour
    from .spec import PodSpec

NAME = "vault-agent"
# Folders below the flavour's one: of the configuration of an agent that fetches a token, and of one that renders files.
LOGIN_FOLDER, RENDERING_FOLDER = "agent", "config"
EXIT_AFTER_AUTH = "-exit-after-auth"
PTRACE = "SYS_PTRACE"
ALWAYS = "Always"
# What annotations and the operator decide for agents, without the prefix of the flavour.
DECIDED = ("ADDR", "AGENT_ADDR", "SKIP_VERIFY", "CACERT", "CACERT_BYTES", "CAPATH")
PREFIXES = ("VAULT_", "BAO_")


class Surroundings(NamedTuple):
    """What the agents of a pod have in common.

    `shared` is the volume that all agents write to, `token_mount` brings the ServiceAccount's token, None where the API
    server sees to that.
    """

    spec: PodSpec
    options: Options
    flavour: Flavour
    security_context: dict[str, Any]
    shared: Mount
    certificate: Mount | None
    token_mount: dict[str, Any] | None


def prefix_variables(flavour: Flavour) -> str:
    """Give what the names of an agent's variables begin with."""
    return "BAO_" if flavour.provider == BAO else "VAULT_"


def build_connection(of: Surroundings, prefix: str) -> list[dict[str, Any]]:
    """Make the variables that say where Vault is."""
    found = {"ADDR": of.options.vault_addr, "SKIP_VERIFY": format_bool(of.options.vault_skip_verify)}
    if of.certificate:
        found["CACERT"] = f"{of.certificate.folder}/{CERTIFICATE_KEY}"
    # The texts are annotations': kubelet shall not take a $(NAME) in them for a variable.
    return [{"name": prefix + name, "value": escape_dollars(text)} for name, text in found.items()]


def build_shared_mounts(of: Surroundings) -> list[dict[str, Any]]:
    """Make the mounts of the shared volume, which an agent writes to, and of the certificate."""
    mounts = [build_mount(of.shared, read_only=False)]
    if of.certificate:
        mounts.append(build_mount(of.certificate, read_only=True))
    return mounts


def build_security(of: Surroundings, *, shares_processes: bool) -> dict[str, Any]:
    """Make the security context: to see into other processes needs a capability."""
    if not shares_processes:
        return of.security_context
    return {**of.security_context, "capabilities": {**of.security_context["capabilities"], "add": [PTRACE]}}


def build_agent(of: Surroundings, name: str, folder: str, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    """Make what both kinds of agents have."""
    options, spec = of.options, of.spec
    cpu, memory = options.vault_agent_cpu_limit, options.vault_agent_memory_limit
    # An annotation may lower the limit below the request that is usual.
    requests = {
        "cpu": fit_request(options.vault_agent_cpu_request, cpu),
        "memory": fit_request(options.vault_agent_memory_request, memory),
    }
    limits = {"cpu": cpu, "memory": memory}
    return {
        "name": name,
        "image": options.vault_image,
        "imagePullPolicy": options.vault_image_pull_policy,
        "command": ["bao" if of.flavour.provider == BAO else "vault"],
        "args": ["agent", "-config", f"{of.flavour.folder}/{folder}/{CONFIG_KEY}"],
        "env": [*build_connection(of, prefix_variables(of.flavour)), *pick_variables(options)],
        "resources": leave_out_shared({"requests": requests, "limits": limits}, spec),
        "securityContext": of.security_context,
        "volumeMounts": [*build_shared_mounts(of), *([of.token_mount] if of.token_mount else ()), *mounts],
    }


def build_login_agent(of: Surroundings, name: str, config: str, secrets: Mount | None) -> dict[str, Any]:
    """Make the agent that fetches a token and ends; `config` is the volume with its configuration.

    With a volume for secrets it renders files too, if its configuration says so.
    """
    mounts = [build_mount(Mount(config, f"{of.flavour.folder}/{LOGIN_FOLDER}"), read_only=True)]
    if secrets:
        mounts.append(build_mount(secrets, read_only=False))
    agent = build_agent(of, name, LOGIN_FOLDER, mounts)
    agent["args"].append(EXIT_AFTER_AUTH)
    return agent


def build_rendering_agent(of: Surroundings, name: str, config: str, secrets: Mount) -> dict[str, Any]:
    """Make the agent that renders files into the volume for secrets; `config` is the volume with its configuration."""
    mounts = [
        build_mount(secrets, read_only=False),
        mount_config_file(config, f"{of.flavour.folder}/{RENDERING_FOLDER}/{CONFIG_KEY}"),
    ]
    agent = build_agent(of, name, RENDERING_FOLDER, mounts)
    if of.options.vault_agent_once:
        agent["args"].append(EXIT_AFTER_AUTH)
    agent["securityContext"] = build_security(
        of, shares_processes=of.options.vault_agent_share_process_namespace and not of.options.vault_agent_once
    )
    return agent


def mount_config_file(volume: str, path: str) -> dict[str, Any]:
    return {"name": volume, "mountPath": path, "subPath": CONFIG_KEY, "readOnly": True}


def pick_variables(options: Options) -> list[dict[str, Any]]:
    """Give the variables of the annotation. Raises Refused for one that would change what the operator decides."""
    for variable in options.vault_agent_env_variables:
        name = str(variable.get("name", ""))
        if any(name == prefix + decided for prefix in PREFIXES for decided in DECIDED):
            key, *others = (
                name_annotation(field, options.provider)
                for field in ("vault_agent_env_variables", "vault_addr", "vault_skip_verify", "vault_tls_secret")
            )
            raise Refused(
                f"annotation {key}: {name} is decided by other annotations, which the operator may restrict: use these"
                f" ({', '.join(others)})",
                code=403,
            )
    return list(options.vault_agent_env_variables)


def make_sidecar(container: dict[str, Any], *, is_native: bool) -> dict[str, Any]:
    """Have a container run as long as the application: as an init container it says so by its restart policy."""
    return {**container, "restartPolicy": ALWAYS} if is_native else container
