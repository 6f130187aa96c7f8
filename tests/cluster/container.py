"""What a kubelet does with a container of a stored pod, as far as a local process can: environment and command.

The path of the copied executable is replaced by this interpreter running the same program; nothing else is.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.servers.kubernetes import ApiServer

EXPANSION = re.compile(r"\$\$|\$\(([^)]*)\)")
VAULT_ENV = "/vault/vault-env"
VAULT_ENV_COMMAND = [sys.executable, "-m", "vault_secrets_webhook.vaultenv"]
SECRET_INIT = re.compile(r"/(vault|bao)/secret-init")
# The program goes by the name that it is called by.
CALLED = "import sys; sys.argv[0] = {!r}; from vault_secrets_webhook.vaultenv.__main__ import main; main()"


def run_container(api: ApiServer, pod: dict[str, Any], name: str = "app") -> subprocess.CompletedProcess[str]:
    """Run a container's command with the environment that the pod gives it."""
    container = find_container(pod, name)
    environment = make_environment(api, pod["metadata"]["namespace"], container)
    command = [expand(word, environment) for word in (*container.get("command", []), *container.get("args", []))]
    if command[0] == VAULT_ENV:
        command = [*VAULT_ENV_COMMAND, *command[1:]]
    elif SECRET_INIT.fullmatch(command[0]):
        command = [sys.executable, "-c", CALLED.format(command[0]), *command[1:]]
    environment.setdefault("PATH", os.environ["PATH"])
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def expand(word: str, environment: Mapping[str, str]) -> str:
    """Put variables in the place of `$(NAME)`, as `k8s.io/kubernetes/third_party/forked/golang/expansion` does."""
    return EXPANSION.sub(lambda found: "$" if found[0] == "$$" else environment.get(found[1], found[0]), word)


def find_container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a container or init container by its name."""
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    found: dict[str, Any] = next(container for container in containers if container["name"] == name)
    return found


def make_environment(api: ApiServer, namespace: str, container: dict[str, Any]) -> dict[str, str]:
    """Put the environment together in kubelet's order: envFrom first, then env, where a later name wins."""
    environment: dict[str, str] = {}
    for source in container.get("envFrom", []):
        prefix = source.get("prefix", "")
        kind, key = ("configmaps", "configMapRef") if "configMapRef" in source else ("secrets", "secretRef")
        data = read_data(api, namespace, kind, source[key]["name"])
        environment.update({prefix + name: value for name, value in data.items()})
    for variable in container.get("env", []):
        value = read_variable(api, namespace, variable)
        if value is not None:
            environment[variable["name"]] = value
    return environment


def read_variable(api: ApiServer, namespace: str, variable: dict[str, Any]) -> str | None:
    reference = variable.get("valueFrom", {})
    if key := reference.get("secretKeyRef"):
        return read_data(api, namespace, "secrets", key["name"]).get(key["key"])
    if key := reference.get("configMapKeyRef"):
        return read_data(api, namespace, "configmaps", key["name"]).get(key["key"])
    return str(variable.get("value", ""))


def read_data(api: ApiServer, namespace: str, kind: str, name: str) -> dict[str, str]:
    """Read the data of a Secret or ConfigMap; empty when it does not exist."""
    status, found = api.request("GET", f"/api/v1/namespaces/{namespace}/{kind}/{name}")
    data: dict[str, str] = (found.get("data") or {}) if status == 200 else {}
    if kind == "configmaps":
        return data
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
