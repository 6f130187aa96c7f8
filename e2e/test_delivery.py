"""Secrets arrive in containers of every kind, however vault-env gets there, and the application is left alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from e2e.conftest import DELIVERIES, VAULT_ENV_IMAGE
from e2e.images import APP, RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from e2e.front import Front
    from e2e.pods import Namespace, Pod, Process
    from tests.servers.openbao import OpenBao

IMAGES = ("scratch", "glibc", "musl", "non-root", "entry-point")
EXIT_CODE = 23
COMMAND = [APP, str(EXIT_CODE)]
# 32 and 33, which glibc keeps for its threads and lets nobody set: GNU make leaves them ignored, also for a container.
THREADING_SIGNALS = 0b11 << 31

# What a token of Vault or OpenBao looks like, and one of Kubernetes.
VAULT_TOKEN = re.compile(rb"\b(?:hvs|hvb|s|b)\.[A-Za-z0-9_-]{24,}")
WEB_TOKEN = re.compile(rb"\beyJ[A-Za-z0-9_-]{16,}\.eyJ")


class Row(NamedTuple):
    """One delivery mode with one image."""

    mode: str
    image: str

    @property
    def secret(self) -> str:
        """The secret that only this row's application gets."""
        return f"secret-of-{self.mode}-{self.image}"


class Running(NamedTuple):
    """An application that waits for its end: where it comes from, its pod and its log."""

    row: Row
    pod: Pod
    log: str


ROWS = [Row(mode, image) for mode in DELIVERIES for image in IMAGES]


@pytest.fixture(scope="session")
def create(namespaces: dict[str, Namespace], bao: OpenBao) -> Callable[[Row], Pod]:
    """Create the pod of a row."""

    def create(row: Row) -> Pod:
        path = f"app/{row.mode}/{row.image}"
        bao.write_kv2(path, {"password": row.secret})
        env = {
            "PASSWORD": f"vault:secret/data/{path}#password",
            "LOGIN": f"user:${{vault:secret/data/{path}#password}}",
            "PLAIN": "as it is",
        }
        namespace = namespaces[row.mode]
        return namespace.create_pod(namespace.describe_app(row.image, env, COMMAND))

    return create


@pytest.fixture(scope="session")
def start(create: Callable[[Row], Pod]) -> Iterator[Callable[[Row], Running]]:
    """Start the application of a row, once for all tests that only look at it."""
    started: dict[Row, Running] = {}

    def start(row: Row) -> Running:
        if row not in started:
            pod = create(row)
            started[row] = Running(row, pod, pod.wait_until_ready())
        return started[row]

    yield start
    for running in started.values():
        running.pod.remove()


@pytest.fixture(params=ROWS, ids="-".join)
def running(request: pytest.FixtureRequest, start: Callable[[Row], Running]) -> Running:
    return start(request.param)


def test_secret_arrives(running: Running) -> None:
    assert f"env PASSWORD={running.row.secret}\n" in running.log
    assert f"env LOGIN=user:{running.row.secret}\n" in running.log
    assert "env PLAIN=as it is\n" in running.log


def test_secret_is_not_in_the_cluster(running: Running) -> None:
    stored = json.dumps(running.pod.read())
    assert running.row.secret not in stored
    assert "#password" in stored


def test_application_holds_no_token(running: Running, front: Front) -> None:
    process = running.pod.read_process()
    assert process.environment["PASSWORD"] == running.row.secret
    assert [name for name in process.environment if name.startswith("VAULT_")] == []
    assert find_tokens(process, front) == set()


def find_tokens(process: Process, front: Front) -> set[bytes]:
    """Find in a process what gives access to anything: the very tokens that were used, and what looks like one."""
    assert front.tokens
    known = {token for token in (*front.tokens, process.service_account_token) if token in process.memory}
    return known.union(VAULT_TOKEN.findall(process.memory), WEB_TOKEN.findall(process.memory))


def test_token_would_be_found(namespaces: dict[str, Namespace], front: Front) -> None:
    """The one application that asks for the token has it where the test above looks for it."""
    namespace = namespaces["self"]
    pod = namespace.create_pod(namespace.describe_app("scratch", {"VAULT_TOKEN": "vault:login"}, COMMAND))
    pod.wait_until_ready()
    process = pod.read_process()
    pod.remove()
    assert process.environment["VAULT_TOKEN"].encode() in find_tokens(process, front)


def test_application_is_the_process_of_its_container(running: Running) -> None:
    """Nothing is left of vault-env: no process around it, no signal ignored or blocked, no file open."""
    assert running.pod.read_process().command == COMMAND
    user = RECIPES[running.row.image].security.get("runAsUser", 0)
    assert f"Uid:\t{user}\t" in running.log
    masks = [int(mask, 16) & ~THREADING_SIGNALS for mask in re.findall(r"Sig(?:Blk|Ign):\t(\w+)", running.log)]
    assert masks == [0, 0]
    assert "\nopen " not in running.log


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_application_is_asked_to_end(create: Callable[[Row], Pod], row: Row) -> None:
    """SIGTERM reaches it when the pod is deleted, and its exit code is the container's."""
    pod = create(row)
    pod.wait_until_ready()
    pod.delete()
    ended = pod.wait_until_ended()
    pod.remove()
    assert (ended["exitCode"], ended["message"].splitlines()[-1]) == (EXIT_CODE, "ended by signal 15")


def has_init_container(spec: dict[str, Any], command: str) -> bool:
    return bool(spec["initContainers"][0]["command"][0] == command)


def has_image_volume(spec: dict[str, Any]) -> bool:
    images = [volume["image"]["reference"] for volume in spec["volumes"] if "image" in volume]
    return images == [VAULT_ENV_IMAGE] and "initContainers" not in spec


SHAPES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "shell": lambda spec: has_init_container(spec, "sh"),
    "self": lambda spec: has_init_container(spec, "/usr/local/bin/vault-env"),
    "volume": has_image_volume,
}


@pytest.mark.parametrize("mode", SHAPES)
def test_delivery_is_the_chosen_one(start: Callable[[Row], Running], mode: str) -> None:
    assert SHAPES[mode](start(Row(mode, "scratch")).pod.read()["spec"])
