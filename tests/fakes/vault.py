"""Vault's answers in Vault's form, for `FakeServer` and for transports that are functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.server import Asked, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.server import Answer

TOKEN = "token-of-the-login"
METADATA = {
    "created_time": "2026-08-01T12:00:00Z",
    "custom_metadata": None,
    "deletion_time": "",
    "destroyed": False,
    "version": 1,
}


def kv2(data: Any, **metadata: Any) -> dict[str, Any]:
    """An answer of KV version 2; a version that was deleted or destroyed has `data` None."""
    return {"data": {"data": data, "metadata": {**METADATA, **metadata}}, "lease_id": "", "renewable": False}


def kv1(data: Any, **fields: Any) -> dict[str, Any]:
    """An answer of KV version 1 and of most other engines; `fields` such as `lease_id`."""
    return {"data": data, "lease_id": "", "lease_duration": 2764800, "renewable": False, **fields}


def auth(token: str = TOKEN) -> dict[str, Any]:
    """An answer of a login."""
    return {"auth": {"client_token": token, "accessor": "a", "policies": ["p"], "lease_duration": 60}}


def errors(status: int, *messages: str) -> Reply:
    return Reply(status, {"errors": list(messages)})


def serve_paths(paths: Mapping[str, Any]) -> Callable[[Asked], Answer]:
    """Answer by path: an `Answer`, a function that makes one, or the JSON of a 200; everything else is 404."""

    def answer(asked: Asked) -> Answer:
        found = paths.get(asked.path, errors(404))
        if callable(found):
            found = found(asked)
        if isinstance(found, dict):
            return Reply(200, found)
        result: Answer = found
        return result

    return answer
