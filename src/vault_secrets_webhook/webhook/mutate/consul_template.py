"""The container that runs consul-template, which renders files with the token that it finds in its home.

https://github.com/hashicorp/consul-template/blob/main/docs/configuration.md. It knows the variables VAULT_... only;
with OpenBao it gets those of that name beside, for templates that ask for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .agent import build_connection, build_security, build_shared_mounts, mount_config_file, prefix_variables
from .agent_config import CONFIG_KEY
from .copying import leave_out_shared
from .volume import Mount, build_mount

if TYPE_CHECKING:
    from .agent import Surroundings
    from .flavour import Flavour

NAME = "consul-template"
HOME = "/home/consul-template"
FOLDER = "ct-config"
# Where it looks for a token, in its home, which is the shared volume.
TOKEN_NAME = ".vault-token"  # noqa: S105 - the name of a file
PREFIX = "VAULT_"


def list_sinks(flavour: Flavour) -> list[str]:
    """Give the files that an agent must write the token to, so that consul-template finds it too."""
    own = f"{flavour.folder}/{TOKEN_NAME}"
    return [flavour.token_file] if own == flavour.token_file else [flavour.token_file, own]


def build_consul_template(of: Surroundings, name: str, config: str, secrets: Mount) -> dict[str, Any]:
    """Make the container; `config` is the volume with its configuration."""
    options = of.options
    path = f"{of.flavour.folder}/{FOLDER}/{CONFIG_KEY}"
    variables = [variable for prefix in list_prefixes(of.flavour) for variable in build_connection(of, prefix)]
    shares = options.vault_ct_share_process_namespace and not options.vault_ct_once
    return {
        "name": name,
        "image": options.vault_ct_image,
        "imagePullPolicy": options.vault_ct_pull_policy,
        "command": ["consul-template"],
        "args": ["-config", path, *(["-once"] if options.vault_ct_once else ())],
        # Its home is the one of the user in the image's /etc/passwd, who it may not be.
        "env": [*variables, {"name": "HOME", "value": HOME}],
        "resources": leave_out_shared(
            {"limits": {"cpu": options.vault_ct_cpu, "memory": options.vault_ct_memory}}, of.spec
        ),
        "securityContext": build_security(of, shares_processes=shares),
        "volumeMounts": [
            *build_shared_mounts(of),
            build_mount(Mount(of.shared.volume, HOME, of.shared.sub_path), read_only=False),
            build_mount(secrets, read_only=False),
            mount_config_file(config, path),
        ],
    }


def list_prefixes(flavour: Flavour) -> list[str]:
    own = prefix_variables(flavour)
    return [PREFIX] if own == PREFIX else [PREFIX, own]
