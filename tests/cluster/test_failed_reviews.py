"""What a user of the cluster reads when a review is refused, or cannot be answered: our words, by way of the API server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from tests.fakes.certificates import make_pair
from tests.unit.webhook.serving import make_settings
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.reviewers import review_pods
from vault_secrets_webhook.webhook.server import running_server
from vault_secrets_webhook.webhook.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.certificates import Pair
    from tests.servers.kubernetes import ApiServer
    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.mutation import Mutation

NAMESPACE = "failed-reviews"
SPEC = {"containers": [{"name": "app", "image": "app"}]}
OUTCOMES: dict[str, Exception] = {
    "refused": Refused("annotation x: no\n  a: b\n  ~~~^", code=403),
    "invalid": Refused("container app, variable A: no key"),
    "cluster": KubernetesError("cannot read secrets shop/db: RBAC does not allow it (403)"),
    "fault": KeyError("CANARY"),
}


async def fail(pod: bytes, _: AdmissionRequest) -> Mutation:
    """Stand in for the mutation: the pod's name chooses the error."""
    raise next(error for name, error in OUTCOMES.items() if f'"name":"{name}"'.encode() in pod)


@contextlib.contextmanager
def serving(pair: Pair) -> Iterator[str]:
    """Serve in a thread; gives the URL."""
    started, ending = threading.Event(), asyncio.Event()
    known: dict[str, Any] = {}

    async def serve() -> None:
        settings = make_settings(pair)
        async with running_server(settings, [review_pods(fail)], log=Log("error"), timing=Timing(finish=1)) as server:
            known.update(url=server.url, loop=asyncio.get_running_loop())
            started.set()
            await ending.wait()

    thread = threading.Thread(target=uvloop.run, args=(serve(),))  # as in production
    thread.start()
    assert started.wait(timeout=30)
    try:
        yield known["url"]
    finally:
        known["loop"].call_soon_threadsafe(ending.set)
        thread.join()


@pytest.fixture(scope="module")
def failing_webhook(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that sends the pods of one namespace to a webhook that has nothing good to say about any."""
    directory: Path = tmp_path_factory.mktemp("failing")
    pair = make_pair(directory)
    api_server.create_namespace(NAMESPACE)
    with serving(pair) as url:
        bundle = pair.certificate.read_text()
        api_server.register_pod_webhook(f"{url}/pods", bundle, name=NAMESPACE, namespace=NAMESPACE)
        yield api_server
        api_server.unregister_webhook(NAMESPACE)


MESSAGES: list[tuple[str, int, str, str]] = [
    ("refused", 403, "Forbidden", "denied the request: annotation x: no\n  a: b\n  ~~~^"),
    ("invalid", 422, "Invalid", "denied the request: container app, variable A: no key"),
    (
        "cluster",
        500,
        "InternalError",
        "failed to call webhook: cannot read secrets shop/db: RBAC does not allow it (403)",
    ),
    ("fault", 500, "InternalError", "failed to call webhook: internal error (KeyError); the webhook's log says where"),
]


@pytest.mark.parametrize(("name", "code", "reason", "message"), MESSAGES)
def test_message(failing_webhook: ApiServer, name: str, code: int, reason: str, message: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": SPEC}
    status, answer = failing_webhook.request("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", pod)
    assert (status, answer["kind"], answer["reason"]) == (code, "Status", reason)
    assert message in answer["message"]
    assert "CANARY" not in answer["message"]
