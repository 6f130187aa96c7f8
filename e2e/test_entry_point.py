"""Images with a command of their own: the webhook asks their registry for it, and the application is started by it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from e2e.conftest import DELIVERIES, IN_REGISTRY, REGISTRIES
from e2e.images import APP, ARGUMENTS, ENTRY_POINT, EXIT_CODE

if TYPE_CHECKING:
    from e2e.pods import Namespace
    from tests.servers.openbao import OpenBao
    from tests.servers.registry import Registry

ENV = {"PASSWORD": "vault:secret/data/app/entry-point#password", "PLAIN": "as it is"}
PULL_SECRET = "registry-password"

# What the pod says -> what the application is started with.
STARTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, [*ENTRY_POINT, *ARGUMENTS]),
    "arguments": ({"args": ["$(PLAIN)", "$$(PLAIN)"]}, [*ENTRY_POINT, "as it is", "$(PLAIN)"]),
}


@pytest.fixture(scope="module")
def pulling(namespaces: dict[str, Namespace], registries: dict[str, Registry]) -> dict[str, Namespace]:
    """The namespaces, with the password of the closed registry."""
    user, password = REGISTRIES["closed"] or ("", "")
    entry = {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
    config = json.dumps({"auths": {registries["closed"].address: entry}})
    for mode in DELIVERIES:
        secret = {
            "metadata": {"name": PULL_SECRET},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": config},
        }
        namespaces[mode].api.act("POST", f"/api/v1/namespaces/{mode}/secrets", secret)
    return namespaces


def describe(namespace: Namespace, image: str, env: dict[str, str], **fields: Any) -> dict[str, Any]:
    """Describe a pod that says nothing of its command; the image is pulled unless the node has it."""
    spec = namespace.describe_app("entry-point", env, [])
    spec["containers"][0] |= {"image": image, "imagePullPolicy": "IfNotPresent"}
    return spec | fields


def name_secret(registry: str) -> dict[str, Any]:
    """Give the field of a pod without which nothing is pulled from a closed registry."""
    return {"imagePullSecrets": [{"name": PULL_SECRET}]} if REGISTRIES[registry] else {}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("registry", REGISTRIES)
@pytest.mark.parametrize("mode", DELIVERIES)
def test_command_of_the_image(
    pulling: dict[str, Namespace],
    registries: dict[str, Registry],
    bao: OpenBao,
    canary: str,
    mode: str,
    registry: str,
    start: str,
) -> None:
    """What the image says reaches the application as it is, though Kubernetes would expand it in a pod."""
    bao.write_kv2("app/entry-point", {"password": canary})
    said, expected = STARTS[start]
    image = f"{registries[registry].address}/{IN_REGISTRY}"
    spec = describe(pulling[mode], image, ENV, **name_secret(registry))
    spec["containers"][0] |= said
    pod = pulling[mode].create_pod(spec)
    log = pod.wait_until_ready()
    process = pod.read_process()
    pod.delete()
    ended = pod.wait_until_ended()
    pod.remove()
    assert f"env PASSWORD={canary}\n" in log
    assert [line for line in log.splitlines() if line.startswith("argument ")] == [
        f"argument {text}" for text in expected[1:]
    ]
    assert (process.command, ended["exitCode"]) == (expected, EXIT_CODE)


def test_password_of_the_service_account(
    pulling: dict[str, Namespace], registries: dict[str, Registry], bao: OpenBao, canary: str
) -> None:
    """A pod that names no pull secret has those of its ServiceAccount."""
    namespace = pulling["self"]
    account = {"metadata": {"name": "puller"}, **name_secret("closed")}
    namespace.api.act("POST", f"/api/v1/namespaces/{namespace.name}/serviceaccounts", account)
    bao.create_kubernetes_role("puller", namespace=namespace.name, service_account="puller", policies=["app"])
    bao.write_kv2("app/entry-point", {"password": canary})
    image = f"{registries['closed'].address}/{IN_REGISTRY}"
    pod = namespace.create_pod(describe(namespace, image, ENV, serviceAccountName="puller"), vault_role="puller")
    log = pod.wait_until_ready()
    pod.remove()
    assert f"env PASSWORD={canary}\n" in log


@pytest.mark.parametrize("command", [{}, {"args": ["5"]}], ids=["nothing", "arguments"])
@pytest.mark.parametrize("name", ["{open}/team/other:1", "{open}/team/entry-point:2", "{closed}/team/entry-point:1"])
def test_pod_is_refused_where_the_registry_gives_no_image(
    pulling: dict[str, Namespace], registries: dict[str, Registry], command: dict[str, Any], name: str
) -> None:
    """No such repository, no such tag, no password."""
    image = name.format(**{key: registry.address for key, registry in registries.items()})
    spec = describe(pulling["self"], image, ENV)
    spec["containers"][0] |= command
    status, answer = pulling["self"].request_pod(spec)
    assert status == 422
    assert "container 'app' has no command: write the image's ENTRYPOINT into `command`" in answer["message"]
    assert image in answer["message"]


def test_command_of_the_image_written_out(namespaces: dict[str, Namespace], bao: OpenBao, canary: str) -> None:
    """As the refusal advises: ENTRYPOINT as `command`, CMD as `args`. No registry is asked then: this image is in none."""
    bao.write_kv2("app/entry-point", {"password": canary})
    spec = namespaces["self"].describe_app("entry-point", ENV, [APP])
    spec["containers"][0]["args"] = [str(EXIT_CODE)]
    pod = namespaces["self"].create_pod(spec)
    log = pod.wait_until_ready()
    process = pod.read_process()
    pod.remove()
    assert f"env PASSWORD={canary}\n" in log
    assert process.command == [APP, str(EXIT_CODE)]


@pytest.mark.parametrize("registry", REGISTRIES)
def test_pod_without_references_keeps_the_command_of_its_image(
    pulling: dict[str, Namespace], registries: dict[str, Registry], registry: str
) -> None:
    """It gets the same arguments without the webhook, which are what the tests above expect."""
    image = f"{registries[registry].address}/{IN_REGISTRY}"
    env = {"PLAIN": "as it is", "PASSWORD": "none"}
    pod = pulling["self"].create_pod(describe(pulling["self"], image, env, **name_secret(registry)))
    pod.wait_until_ready()
    command = pod.read_process().command
    pod.remove()
    assert command == [*ENTRY_POINT, *ARGUMENTS]
