"""The objects that own certificates need, in memory: a Secret and a MutatingWebhookConfiguration, behind `Client.send`.

What is kept of the API's behaviour: `resourceVersion` and 409, 404, merge patches of a Secret, JSON patches of a
configuration. Between asking and being done, and again before the answer, others get their turn.
"""

from __future__ import annotations

import base64
import json
import types
from typing import TYPE_CHECKING, Any, cast

from vault_secrets_webhook.webhook.kube.client import Answer
from vault_secrets_webhook.webhook.kube.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from vault_secrets_webhook.webhook.kube.client import Call, Client

CONFIGURATION = "webhook"
SERVICE = {"namespace": "system", "name": "webhook"}
STRANGER = {"namespace": "elsewhere", "name": "webhook"}


@types.coroutine
def give_way() -> Generator[None]:
    """Let whoever runs the coroutine run another one."""
    yield


class FakeObjects:
    """A client of an API server that has nothing else. `fail` may raise for a call; `calls` are those that came in."""

    def __init__(self, services: tuple[Mapping[str, str], ...] = (SERVICE,)) -> None:
        self.version = 0
        self.secret: dict[str, Any] | None = None
        webhooks = [
            {"name": f"{place}.test", "clientConfig": {"service": dict(service)}, "rules": [{"scope": "*"}]}
            for place, service in enumerate(services)
        ]
        self.configuration: dict[str, Any] | None = {"metadata": {"resourceVersion": "0"}, "webhooks": webhooks}
        self.calls: list[Call] = []
        self.fail: Callable[[Call], None] = lambda _: None

    def client(self) -> Client:
        """Give it as what it stands in for."""
        return cast("Client", self)

    async def send(self, call: Call) -> Answer:
        await give_way()
        self.calls.append(call)
        self.fail(call)
        document = self.act(call)
        await give_way()
        return Answer(200, "application/json", document, None)

    def act(self, call: Call) -> bytes:
        kind = "secret" if "/secrets" in call.path else "configuration"
        found: dict[str, Any] | None = getattr(self, kind)
        if call.method == "POST":
            check(found is None, 409)
            found = json.loads(call.body)
        elif found is None:
            raise KubernetesError("not found", status=404)
        elif call.method == "PATCH":
            found = json.loads(json.dumps(found))
            change = merge if kind == "secret" else patch
            change(found, json.loads(call.body))
        if call.method != "GET":
            self.version += 1
            found["metadata"]["resourceVersion"] = str(self.version)
            setattr(self, kind, found)
        return json.dumps(found).encode()

    def entries(self) -> dict[str, bytes]:
        """Read the data of the Secret."""
        assert self.secret is not None
        return {key: base64.b64decode(value) for key, value in self.secret["data"].items()}

    def set_entries(self, **entries: bytes) -> None:
        """Write data into the Secret as somebody else, `_` for `.` in the names."""
        assert self.secret is not None
        self.version += 1
        self.secret["metadata"]["resourceVersion"] = str(self.version)
        encoded = {key.replace("_", "."): base64.b64encode(value).decode() for key, value in entries.items()}
        self.secret["data"] = {**self.secret["data"], **encoded}

    def bundles(self) -> list[bytes]:
        """Read the bundle of each webhook."""
        assert self.configuration is not None
        return [base64.b64decode(each["clientConfig"].get("caBundle", "")) for each in self.configuration["webhooks"]]

    def set_bundle(self, bundle: bytes, place: int = 0) -> None:
        """Write a bundle as somebody else."""
        assert self.configuration is not None
        self.version += 1
        self.configuration["metadata"]["resourceVersion"] = str(self.version)
        self.configuration["webhooks"][place]["clientConfig"]["caBundle"] = base64.b64encode(bundle).decode()


def check(condition: bool, status: int) -> None:
    if not condition:
        raise KubernetesError(f"status {status}", status=status)


def merge(found: dict[str, Any], change: dict[str, Any]) -> None:
    """Apply a merge patch of a Secret."""
    check(found["metadata"]["resourceVersion"] == change["metadata"]["resourceVersion"], 409)
    found["metadata"]["labels"] = {**(found["metadata"].get("labels") or {}), **change["metadata"]["labels"]}
    found["data"] = {**(found.get("data") or {}), **change["data"]}


def patch(found: dict[str, Any], operations: list[dict[str, Any]]) -> None:
    """Apply a JSON patch of a configuration, of the operations that there are in ours."""
    for operation in operations:
        *folders, last = operation["path"].split("/")[1:]
        target: Any = found
        for folder in folders:
            target = target[int(folder) if isinstance(target, list) else folder]
        if operation["op"] == "test":
            check(target[last] == operation["value"], 422)
        elif operation["path"] == "/metadata/resourceVersion":
            check(target[last] == operation["value"], 409)
        else:
            target[last] = operation["value"]
