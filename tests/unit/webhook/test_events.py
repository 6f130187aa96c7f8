"""Events about refused pods: about whom, how often, and what happens when they cannot be written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.apiserver import Given, fake_api_server
from tests.unit.webhook.serving import in_loop, make_review, post, serving, until
from vault_secrets_webhook.errors import InvalidReference, Refused
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook import events as events_module
from vault_secrets_webhook.webhook.admission import decode_review
from vault_secrets_webhook.webhook.events import (
    FORBIDDEN_PAUSE,
    MOST_WAITING,
    REPEAT_PAUSE,
    EventRecorder,
    find_subject,
    open_recorder,
)
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials
from vault_secrets_webhook.webhook.kube.events import Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.fakes.apiserver import FakeApiServer
    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.mutation import Mutation

OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4c", "uid": "1", "controller": True}
OTHER_OWNER = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "2"}
LONG = "x" * 5000


def request_for(**fields: Any) -> AdmissionRequest:
    return decode_review(make_review(**fields)).request


def owned(*owners: object) -> dict[str, Any]:
    return {"metadata": {"generateName": "web-5d4c-", "ownerReferences": list(owners)}}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(events_module, "PAUSE", 0.0)
    return iter(())


class Recording:
    """A recorder, the API server that it writes to, and what became of each Event. `now` is its clock."""

    def __init__(self, server: FakeApiServer) -> None:
        self.server = server
        self.outcomes: list[str] = []
        self.now = 0.0
        self.recorder: EventRecorder

    def note(self, refusal: str = "no", **fields: Any) -> None:
        self.recorder.note_refusal(request_for(**fields), refusal)

    async def wait_for(self, count: int) -> None:
        await until(lambda: len(self.outcomes) >= count)

    def bodies(self) -> list[Any]:
        return [json.loads(asked.body) for asked in self.server.asked]


@contextlib.asynccontextmanager
async def recording(*answers: Given) -> AsyncIterator[Recording]:
    """Record Events on an API server that gives these answers."""
    async with fake_api_server(*(answers or (Given(201, b"{}"),))) as server:
        cluster = Cluster(server.url, ssl.create_default_context(), FixedCredentials(Access({})), "the test")
        known = Recording(server)
        async with open_client(cluster) as client, open_recorder(client, Log(), known.outcomes.append) as recorder:
            recorder.clock = lambda: known.now
            known.recorder = recorder
            yield known


SUBJECTS: list[tuple[str, dict[str, Any], Subject]] = [
    ("controller", {"object": owned(OTHER_OWNER, OWNER)}, Subject("shop", "apps/v1", "ReplicaSet", "web-5d4c", "1")),
    ("no controller", {"object": owned(OTHER_OWNER)}, Subject("shop", "v1", "Pod", "web-5d4c-")),
    ("no owner", {"name": "web"}, Subject("shop", "v1", "Pod", "web")),
    ("owners of a wrong type", {"object": owned(7)}, Subject("shop", "v1", "Pod", "web-5d4c-")),
    ("no object", {"object": None, "name": "web"}, Subject("shop", "v1", "Pod", "web")),
    (
        "names that are too long",
        {"object": owned({**OWNER, "name": LONG})},
        Subject("shop", "apps/v1", "ReplicaSet", "x" * 252 + "…", "1"),
    ),
]


@pytest.mark.parametrize(("fields", "subject"), [row[1:] for row in SUBJECTS], ids=[row[0] for row in SUBJECTS])
def test_subject(fields: dict[str, Any], subject: Subject) -> None:
    assert find_subject(request_for(**fields)) == subject


@in_loop
async def test_what_is_written() -> None:
    async with recording() as known:
        known.note("annotation x: " + LONG, object=owned(OWNER))
        await known.wait_for(1)
    [asked] = known.server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/namespaces/shop/events")
    [event] = known.bodies()
    assert event["involvedObject"] == {
        "namespace": "shop",
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "web-5d4c",
        "uid": "1",
    }
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "SecretInjectionRefused", 1)
    assert event["message"].startswith("annotation x: xxx")
    assert len(event["message"]) == 1024
    assert event["metadata"]["name"].startswith("vault-secrets-webhook.")
    assert known.outcomes == ["written"]


@in_loop
async def test_what_is_repeated_is_counted() -> None:
    async with recording() as known:
        for _ in range(3):
            known.note()
        await known.wait_for(1)
        known.note()  # too soon to write it
        known.now = REPEAT_PAUSE
        known.note()
        await known.wait_for(2)
        known.note("another reason")
        await known.wait_for(3)
    assert [asked.method for asked in known.server.asked] == ["POST", "PATCH", "POST"]
    created, counted, other = known.bodies()
    assert known.server.asked[1].path == f"/api/v1/namespaces/shop/events/{created['metadata']['name']}"
    assert known.server.asked[1].headers["Content-Type"] == "application/merge-patch+json"
    assert (counted["count"], other["message"], other["count"]) == (5, "another reason", 1)


@in_loop
async def test_an_event_that_is_gone_is_written_anew() -> None:
    async with recording(Given(201, b"{}"), Given(404, b"{}"), Given(201, b"{}")) as known:
        known.note()
        await known.wait_for(1)
        known.now = REPEAT_PAUSE
        known.note()
        await known.wait_for(2)
    assert [asked.method for asked in known.server.asked] == ["POST", "PATCH", "POST"]
    assert known.outcomes == ["written", "written"]


NOT_TOLD: list[tuple[str, dict[str, Any]]] = [
    ("dry run", {"dryRun": True}),
    ("another kind", {"kind": {"version": "v1", "kind": "Secret"}}),
    ("no namespace", {"namespace": ""}),
    ("what cannot be a namespace", {"namespace": "../../nodes"}),
]


@pytest.mark.parametrize("fields", [row[1] for row in NOT_TOLD], ids=[row[0] for row in NOT_TOLD])
def test_not_told(fields: dict[str, Any]) -> None:
    async def check() -> None:
        async with recording() as known:
            known.note(**fields)
            assert known.recorder.waiting.empty()
            assert not known.recorder.known

    in_loop(check)()


@in_loop
async def test_forbidden_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    async with recording(Given(403, b"{}"), Given(403, b"{}"), Given(201, b"{}")) as known:
        known.note()
        await known.wait_for(1)
        known.note("another reason")  # the namespace is left alone
        assert known.recorder.waiting.empty()
        known.note(namespace="other")
        await known.wait_for(2)
        known.now = FORBIDDEN_PAUSE
        known.note("a third reason")
        await known.wait_for(3)
    assert known.outcomes == ["failed", "failed", "written"]
    [line] = [line for line in capfd.readouterr().err.splitlines() if "could not be written" in line]
    assert "the webhook needs the verb create for events in namespace shop" in line
    assert "EVENTS=false" in line


FAILURES: list[tuple[str, Given, str]] = [
    ("refused by the API server", Given(422, b"{}"), "status 422"),
    ("internal error", Given(500, b"{}", {"Retry-After": "0"}), "status 500"),
    ("connection cut", Given(cuts=True), "cannot be reached"),
]


@pytest.mark.parametrize(("answer", "message"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_failures(answer: Given, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def check() -> None:
        async with recording(answer, Given(201, b"{}")) as known:
            known.note()
            await known.wait_for(1)
            known.note("the next one")
            await known.wait_for(2)
        assert known.outcomes == ["failed", "written"]

    in_loop(check)()
    assert message in capfd.readouterr().err


@in_loop
async def test_failures_do_not_fill_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever creates pods chooses the owners in them, and with an owner that is none each Event is refused."""
    async with recording(Given(422, b"{}")) as known:
        for number in range(5):
            known.note(str(number))
        await known.wait_for(5)
    assert known.outcomes == ["failed"] * 5
    assert capfd.readouterr().err.count("could not be written") == 1


@in_loop
async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "MOST_REMEMBERED", 2)
    async with recording(Given(403, b"{}")) as known:
        for number in range(4):
            known.note(namespace=f"shop-{number}")
        await known.wait_for(4)
        assert [subject.namespace for subject, _ in known.recorder.known] == ["shop-2", "shop-3"]
        assert list(known.recorder.forbidden_until) == ["shop-2", "shop-3"]


@in_loop
async def test_too_many_are_dropped() -> None:
    async with recording(Given(201, b"{}")) as known:
        for number in range(MOST_WAITING + 5):
            known.note(f"reason {number}")
        assert known.outcomes == ["dropped"] * 5
        await known.wait_for(MOST_WAITING + 5)
    assert known.outcomes.count("written") == MOST_WAITING


@in_loop
async def test_what_waits_is_written_at_the_end() -> None:
    async with recording() as known:
        known.note()
    assert known.outcomes == ["written"]


@in_loop
async def test_an_api_server_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "LAST_SECONDS", 0.01)
    async with asyncio.timeout(20), recording(Given(hangs=True)) as known:
        known.note()
    assert known.outcomes == []


@in_loop
async def test_no_value_gets_into_an_event(canary: str) -> None:
    """What is refused may quote what only looks like a reference, to its author alone."""

    async def refuse(pod: bytes, request: AdmissionRequest) -> Mutation:
        text = f"vault:{canary}"
        raise Refused(f"container 'app', variable 'A': {InvalidReference('no key', text, 1, 2)}")

    told: list[str] = []
    async with serving(mutate=refuse) as (server, session):
        server.endpoints.note_refusal = lambda _, refusal: told.append(refusal)
        _, _, document = await post(session, f"{server.url}/pods", make_review())
    assert canary in document["response"]["status"]["message"]
    assert told == ["container 'app', variable 'A': no key"]
