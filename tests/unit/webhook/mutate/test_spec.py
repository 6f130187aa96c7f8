from __future__ import annotations

import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate.spec import decode_pod

CANARY = "hunter2"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"spec":{"containers":[{"env":"hunter2"}]}}', "$.spec.containers[0].env"),
        (b'{"spec":{"containers":[{"env":[{"name":"A","value":5}]}]}}', "$.spec.containers[0].env[0].value"),
        (b'{"spec":{"containers":[null]}}', "$.spec.containers[0]"),
        (b'{"spec":{"containers":[{"command":"hunter2"}]}}', "$.spec.containers[0].command"),
        (b'{"spec":{"containers":{"hunter2":1}}}', "$.spec.containers"),
        (b'{"metadata":{"annotations":{"hunter2":1}}}', "$.metadata.annotations[...]"),
        (b'{"spec":[]}', "$.spec"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"hunter2"', "object"),
        (b"", "truncated"),
        (b'{"spec":', "truncated"),
        (b"{hunter2}", "malformed"),
        (b'{"spec":{"containers":[{"name":"\xff"}]}}', "UTF-8"),
        (b'{"x":' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_wrong_pod_is_refused_without_its_values(text: bytes, place: str) -> None:
    with pytest.raises(Refused) as caught:
        decode_pod(text)
    message = str(caught.value)
    assert message.startswith("the pod cannot be read: ")
    assert place in message
    assert CANARY not in message
    assert caught.value.code == 422


@pytest.mark.parametrize(
    "text", [b"{}", b'{"metadata":null,"spec":null}', b'{"spec":{"containers":null,"new":[1]},"status":{}}']
)
def test_everything_may_be_absent(text: bytes) -> None:
    assert not decode_pod(text).spec or not getattr(decode_pod(text).spec, "containers", None)
