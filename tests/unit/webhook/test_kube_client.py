"""Sending requests to the Kubernetes API: what is written, what is tried again, and what each failure says."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.fakes.apiserver import HTML, Given, fake_api_server
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.deadline import set_deadline
from vault_secrets_webhook.webhook.kube import client as client_module
from vault_secrets_webhook.webhook.kube.client import JSON_PATCH, Answer, Call, Client, decode_answer, open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials, TokenFile
from vault_secrets_webhook.webhook.kube.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.fakes.apiserver import Asked, FakeApiServer
    from vault_secrets_webhook.webhook.kube.credentials import Credentials

ANONYMOUS = FixedCredentials(Access({}))
PATH = "/api/v1/namespaces/shop/secrets/own"
PERMISSION = "the verb update for secrets own in namespace shop"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


@contextlib.asynccontextmanager
async def talking(*answers: Given, credentials: Credentials = ANONYMOUS) -> AsyncIterator[tuple[Client, FakeApiServer]]:
    """Give a client and the API server that it talks to."""
    async with fake_api_server(*answers) as server:
        cluster = Cluster(server.url, ssl.create_default_context(), credentials, "the test")
        async with open_client(cluster) as client:
            yield client, server


def call(method: str, body: bytes = b"{}", *, retries: bool = True) -> Call:
    return Call(method, PATH, "secrets shop/own", PERMISSION, body, retries=retries)


SENT: list[tuple[Call, str | None]] = [
    (Call("GET", PATH, "x"), None),
    (Call("DELETE", PATH, "x"), None),
    (Call("POST", PATH, "x", body=b'{"a":1}'), "application/json"),
    (Call("PUT", PATH, "x", body=b'{"a":1}'), "application/json"),
    (Call("PATCH", f"{PATH}?fieldManager=a%2Fb", "x", body=b"[]", content_type=JSON_PATCH), JSON_PATCH),
]


@pytest.mark.parametrize(("sent", "content_type"), SENT, ids=[row[0].method for row in SENT])
def test_what_is_sent(sent: Call, content_type: str | None) -> None:
    async def check() -> None:
        async with talking(Given(201, b'{"kind":"Secret"}')) as (client, server):
            answer = await client.send(sent)
        assert (answer.status, answer.body) == (201, b'{"kind":"Secret"}')
        (asked,) = server.asked
        assert (asked.method, asked.path, asked.body) == (sent.method, sent.path, sent.body)
        assert asked.headers.get("Content-Type") == content_type
        assert asked.headers["Accept"] == "application/json"

    in_loop(check)()


VERBS = [("GET", "read"), ("POST", "create"), ("PUT", "update"), ("PATCH", "change"), ("DELETE", "delete")]
FAILED: list[tuple[int, str]] = [
    (307, "the API server answered with status 307"),
    (401, "the API server does not accept our credentials (401); they come from the test"),
    (404, "the API server answered with status 404"),
    (409, "the API server answered with status 409"),
    (422, "the API server answered with status 422"),
]


@pytest.mark.parametrize(("method", "verb"), VERBS)
@pytest.mark.parametrize(("status", "message"), FAILED)
def test_failed(method: str, verb: str, status: int, message: str, canary: str) -> None:
    """The status is the caller's to handle, and nothing of the answer is in the message."""

    async def check() -> None:
        given = Given(status, json.dumps({"kind": "Status", "message": canary}).encode(), {"Location": "/elsewhere"})
        async with talking(given) as (client, server):
            with pytest.raises(KubernetesError) as caught:
                await client.send(call(method))
            assert len(server.asked) == 1
        assert caught.value.status == status
        assert str(caught.value) == f"cannot {verb} secrets shop/own: {message}"

    in_loop(check)()


FORBIDDEN = "RBAC does not allow it (403): the webhook needs the verb update for secrets own in namespace shop"
HINTS = [
    (call("GET"), f"cannot read secrets shop/own: {FORBIDDEN}"),
    (call("PUT"), f"cannot update secrets shop/own: {FORBIDDEN}, and no quota or admission plugin against it"),
    (Call("PUT", PATH, "secrets shop/own"), "cannot update secrets shop/own: the API server answered with status 403"),
]


@pytest.mark.parametrize(("sent", "message"), HINTS)
def test_forbidden(sent: Call, message: str) -> None:
    async def check() -> None:
        async with talking(Given(403)) as (client, _):
            with pytest.raises(KubernetesError) as caught:
                await client.send(sent)
        assert (caught.value.status, str(caught.value)) == (403, message)

    in_loop(check)()


# What came first, how often a read and a write are sent then, and whether a write comes through.
REPEATED: list[tuple[str, Given, int, int]] = [
    ("429", Given(429), 3, 3),
    ("429 with a pause", Given(429, headers={"Retry-After": "0"}), 3, 3),
    ("408", Given(408), 3, 1),
    ("500", Given(500), 3, 1),
    ("503 with a pause", Given(503, headers={"Retry-After": "0"}), 3, 1),
    ("504 of a proxy", Given(504, HTML), 3, 1),
    ("connection cut", Given(cuts=True), 3, 1),
]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "GET"])
@pytest.mark.parametrize(("given", "reads", "writes"), [row[1:] for row in REPEATED], ids=[row[0] for row in REPEATED])
def test_what_is_sent_again(method: str, given: Given, reads: int, writes: int) -> None:
    """A write that the API server may have begun with is not repeated: it might be done twice."""
    times = reads if method == "GET" else writes

    async def check() -> None:
        async with talking(given, given, Given(body=b"{}")) as (client, server):
            with contextlib.nullcontext() if times == 3 else pytest.raises(KubernetesError):
                await client.send(call(method))
            assert len(server.asked) == times
            assert {asked.body for asked in server.asked} == {b"{}"}

    in_loop(check)()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("given", [Given(429), Given(503), Given(cuts=True)], ids=["429", "503", "cut"])
def test_without_retries(method: str, given: Given) -> None:
    async def check() -> None:
        async with talking(given, Given(body=b"{}")) as (client, server):
            with pytest.raises(KubernetesError):
                await client.send(call(method, retries=False))
            assert len(server.asked) == 1

    in_loop(check)()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_away(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, so a write is tried as often as a read."""
    pauses = []

    def note_pause(number: int, _: float | None) -> float:
        pauses.append(number)
        return 0.0

    monkeypatch.setattr(client_module, "pause_after", note_pause)

    async def check() -> None:
        async with fake_api_server(Given()) as server:
            pass
        cluster = Cluster(server.url, ssl.create_default_context(), ANONYMOUS, "the test")
        async with open_client(cluster) as client:
            with pytest.raises(KubernetesError, match=f"{server.url} cannot be reached: Connect call failed") as caught:
                await client.send(call(method))
        assert caught.value.status is None

    in_loop(check)()
    assert pauses == [1, 2]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_slow(method: str) -> None:
    async def check() -> None:
        async with talking(Given(hangs=True)) as (client, server):
            set_deadline("1s")
            with pytest.raises(KubernetesError, match=r"secrets shop/own: .*(no answer|took too long)") as caught:
                await client.send(call(method))
            if method == "POST":
                assert len(server.asked) == 1
        assert caught.value.status is None

    in_loop(check)()


@in_loop
async def test_write_with_a_rotated_token(tmp_path: Path) -> None:
    """An API server that answers 401 did nothing with the request."""
    file = tmp_path / "token"
    file.write_text("old")

    def choose(asked: Asked) -> Given:
        return Given(201, b"{}") if asked.headers["Authorization"] == "Bearer new" else Given(401)

    async with talking(credentials=TokenFile(str(file))) as (client, server):
        server.choose = choose
        with pytest.raises(KubernetesError, match="does not accept our credentials"):
            await client.send(call("POST"))
        file.write_text("new")
        assert (await client.send(call("POST"))).status == 201
    tokens = [asked.headers["Authorization"].removeprefix("Bearer ") for asked in server.asked]
    assert tokens == ["old", "old", "new"]


class Thing(msgspec.Struct):
    """Any object."""

    kind: str


STRANGE = [HTML, b"", b'{"kind":', b'{"kind":"CANARY', b'{"kind":7}', b'{"kind":"\xff"}', b'{"x":' * 100_000]


@pytest.mark.parametrize("body", STRANGE, ids=range(len(STRANGE)))
def test_an_answer_that_no_api_server_gives(body: bytes) -> None:
    message = "cannot understand the answer about secrets shop/own: what answered is no API server"
    with pytest.raises(KubernetesError, match=re.escape(message)) as caught:
        decode_answer(Answer(200, "", body, None), msgspec.json.Decoder(Thing), "secrets shop/own")
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_decode() -> None:
    answer = Answer(200, "application/json", b'{"kind":"Secret","more":1}', None)
    assert decode_answer(answer, msgspec.json.Decoder(Thing), "x") == Thing("Secret")
