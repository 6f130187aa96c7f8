"""Agents run as an init container and as a native sidecar, and their applications reach their secrets.

The image of the agent holds OpenBao's executable, also under the name of Vault's, and nothing else: no shell, no user.
consul-template is not proved here, because its executable comes from no package.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e.images import APP, name_image
from images.layout import Image, write_archive
from images.tree import Tree
from tests.servers.lookup import find_openbao, goarch
from tests.servers.process import poll

if TYPE_CHECKING:
    from e2e.node import Node
    from e2e.pods import Namespace, Pod
    from tests.servers.openbao import OpenBao

PATH = "secret/data/app/agent"
WRITTEN = "vault/secrets/password"
CONFIG = f"""
auto_auth {{
  method "kubernetes" {{
    mount_path = "auth/kubernetes"
    config = {{ role = "app" }}
  }}
}}
template {{
  contents = "{{{{ with secret `{PATH}` }}}}{{{{ .Data.data.password }}}}{{{{ end }}}}"
  destination = "/{WRITTEN}"
}}
"""


@pytest.fixture(scope="module")
def agent(node: Node, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The annotations that choose the image of the agent."""
    tree = Tree()
    tree.add_file("bin/bao", find_openbao().read_bytes(), 0o755)
    tree.add_link("bin/vault", "bao")
    path = tmp_path_factory.mktemp("agent") / "agent.tar"
    write_archive(Image(name_image("agent"), goarch(), [tree]), path, epoch=0)
    node.import_image(path)
    return {"vault_image": name_image("agent"), "vault_image_pull_policy": "Never", "vault_agent_cpu_request": "1m"}


@pytest.fixture
def secret(bao: OpenBao, canary: str) -> str:
    """The value at `PATH`."""
    bao.write_kv2("app/agent", {"password": canary})
    return canary


def list_init_containers(pod: Pod) -> list[str]:
    return [container["name"] for container in pod.read()["spec"]["initContainers"]]


@pytest.mark.parametrize("image", ["scratch", "non-root"])
@pytest.mark.parametrize("mode", ["shell", "self", "volume"])
def test_an_agent_fetches_the_token(
    namespaces: dict[str, Namespace], agent: dict[str, str], secret: str, mode: str, image: str
) -> None:
    """Whoever the application runs as, it can read the token; and it does not get it."""
    spec = namespaces[mode].describe_app(image, {"PASSWORD": f"vault:{PATH}#password"}, [APP, "0"])
    pod = namespaces[mode].create_pod(spec, vault_agent="true", **agent)
    log = pod.wait_until_ready()
    names, process = list_init_containers(pod), pod.read_process()
    token = Path(f"/proc/{pod.find_process()}/root/vault/.vault-token").read_bytes()
    pod.remove()
    assert f"env PASSWORD={secret}\n" in log
    assert names == ["vault-agent", "copy-vault-env"]
    assert "VAULT_TOKEN_FILE" not in process.environment
    assert token not in process.memory


def test_a_restricted_namespace_runs_an_agent(
    namespaces: dict[str, Namespace], agent: dict[str, str], secret: str
) -> None:
    namespace = namespaces["shell-restricted"]
    security = {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    spec = namespace.describe_app("non-root", {"PASSWORD": f"vault:{PATH}#password"}, [APP, "0"], security)
    pod = namespace.create_pod(spec, vault_agent="true", **agent)
    log = pod.wait_until_ready()
    pod.remove()
    assert f"env PASSWORD={secret}\n" in log


@pytest.fixture(scope="module")
def beside(namespaces: dict[str, Namespace]) -> Namespace:
    """A namespace with a configuration for agents that render files."""
    namespace = namespaces["volume"]
    namespace.api.create_config_map(namespace.name, "own-agent", {"config.hcl": CONFIG})
    return namespace


def test_a_native_sidecar_writes_files(beside: Namespace, agent: dict[str, str], secret: str) -> None:
    pod = beside.create_pod(beside.describe_app("non-root", {}, [APP, "0"]), vault_agent_configmap="own-agent", **agent)
    pod.wait_until_ready()
    stored: Any = pod.read()["spec"]
    written = Path(f"/proc/{pod.find_process()}/root/{WRITTEN}")
    poll(written.exists, what=f"{WRITTEN} of the application")
    text = written.read_text()
    pod.remove()
    assert text == secret
    assert [one["restartPolicy"] for one in stored["initContainers"]] == ["Always"]
    assert len(stored["containers"]) == 1


def test_a_native_sidecar_ends_with_its_application(beside: Namespace, agent: dict[str, str], secret: str) -> None:
    """So a Job with one comes to its end."""
    pod = beside.create_pod(beside.describe_app("scratch", {}, [APP]), vault_agent_configmap="own-agent", **agent)
    phase = pod.wait(lambda status: status["phase"] if status["phase"] in {"Succeeded", "Failed"} else None, "ended")
    log = pod.read_log()
    pod.remove()
    assert phase == "Succeeded"
    assert secret not in log


def test_an_agent_that_runs_once_has_written_before_the_application_starts(
    beside: Namespace, agent: dict[str, str], secret: str
) -> None:
    spec = beside.describe_app("scratch", {}, [APP, "0"])
    pod = beside.create_pod(spec, vault_agent_configmap="own-agent", vault_agent_once="true", **agent)
    pod.wait_until_ready()
    text = Path(f"/proc/{pod.find_process()}/root/{WRITTEN}").read_text()
    pod.remove()
    assert text == secret
