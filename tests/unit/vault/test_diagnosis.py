"""What a few look-ups tell of a path that was denied or is not there, and that they are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.transport import make_client, path_of, respond
from vault_secrets_webhook.errors import RequestRejected, SecretMissing, Unreachable
from vault_secrets_webhook.vault.diagnosis import EITHER, INVALID, MAX_LOOKUPS, POLICIES, Diagnosis

if TYPE_CHECKING:
    from tests.fakes.transport import FakeTransport
    from vault_secrets_webhook.wire.message import Request, Response

BARE = respond(403, {"errors": ["permission denied"]})
LISTED = respond(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
WITH_TOKEN = respond(403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]})
OTHER = respond(403, b"<html>")


def mount(path: str, version: str | None) -> Response:
    return respond(200, {"data": {"path": path, "type": "kv", "options": version and {"version": version}}})


def lookup(*policies: str) -> Response:
    return respond(200, {"data": {"policies": list(policies)}})


def missing(path: str) -> SecretMissing:
    return SecretMissing(f"{path}: no secret at this path", path=path, status=404)


def denied(path: str, *details: str) -> RequestRejected:
    return RequestRejected(f"{path}: permission denied (HTTP 403)", path=path, status=403, details=details)


def diagnose(mounted: Any = BARE, looked_up: Any = BARE) -> tuple[Diagnosis, FakeTransport]:
    def answer(request: Request) -> Response | Exception:
        found: Response | Exception = looked_up if path_of(request) == "auth/token/lookup-self" else mounted
        return found

    client, transport, _ = make_client(answer)
    return Diagnosis(client), transport


@pytest.mark.parametrize(
    ("path", "mounted", "hint"),
    [
        ("secret/a/b", mount("secret/", "2"), "; secret/ is KV version 2: write secret/data/a/b"),
        ("/team/kv/a/", mount("team/kv/", "2"), "; team/kv/ is KV version 2: write team/kv/data/a"),
        ("secret", mount("secret/", "2"), ""),
        ("secret/data/a", mount("secret/", "2"), ""),
        ("secret/metadata/a", mount("secret/", "2"), ""),
        ("kv/a", mount("kv/", "1"), ""),
        ("pki/a", mount("pki/", None), ""),
        ("secret/a", mount("other/", "2"), ""),
        ("secret/a", BARE, ""),
        ("secret/a", respond(200, b"<html>"), ""),
        ("secret/a", respond(200, {"data": {"path": ["secret/"], "options": {"version": "2"}}}), ""),
        ("secret/a", respond(200, {"data": {"path": "secret/", "options": "2"}}), ""),
        ("secret/a", respond(200, {"data": [1]}), ""),
        ("secret/a", Unreachable("gone", may_pass=False), ""),
    ],
)
def test_path_without_data(path: str, mounted: Any, hint: str) -> None:
    diagnosis, transport = diagnose(mounted)
    assert diagnosis.explain(missing(path)) == hint
    assert path_of(transport.sent[0]) == f"sys/internal/ui/mounts/{path.strip('/')}"


DENIED: list[tuple[str, tuple[str, ...], Any, str]] = [
    (
        "the token may look at itself",
        (),
        lookup("default", "app"),
        "; the token's policies (default, app) do not allow it",
    ),
    ("the token is dead", ("permission denied",), BARE, INVALID),
    ("the token is dead, newer Vault", ("x",), WITH_TOKEN, INVALID),
    ("the token has no policy default", ("1 error occurred: * permission denied",), LISTED, POLICIES),
    ("an intermediary answers", (), OTHER, EITHER),
    ("an intermediary answers the look-up", ("1 error occurred: * permission denied",), OTHER, POLICIES),
    ("the look-up fails", ("permission denied",), respond(400), EITHER),
    ("the look-up is not answered", ("permission denied",), Unreachable("gone"), EITHER),
    ("the look-up gives HTML", ("permission denied",), respond(200, b"<html>"), EITHER),
]


@pytest.mark.parametrize(
    ("details", "looked_up", "expected"), [row[1:] for row in DENIED], ids=[row[0] for row in DENIED]
)
def test_why_denied(details: tuple[str, ...], looked_up: Any, expected: str) -> None:
    diagnosis, _ = diagnose(BARE, looked_up)
    assert diagnosis.explain(denied("kv/a", *details)) == expected


def test_denied_path_without_data() -> None:
    diagnosis, transport = diagnose(mount("secret/", "2"))
    assert diagnosis.explain(denied("secret/a")).endswith("write secret/data/a")
    assert len(transport.sent) == 1


def test_nothing_is_asked_twice() -> None:
    diagnosis, transport = diagnose(mount("secret/", "2"), lookup("app"))
    for number in range(20):
        assert "write secret/data/a/" in diagnosis.explain(missing(f"secret/a/{number}"))
        assert "(app)" in diagnosis.explain(denied(f"secret/data/{number}"))
    assert sorted(map(path_of, transport.sent)) == ["auth/token/lookup-self", "sys/internal/ui/mounts/secret/a/0"]


def test_look_ups_are_a_handful() -> None:
    diagnosis, transport = diagnose()
    for number in range(20):
        diagnosis.explain(missing(f"m{number}/a"))
    assert len(transport.sent) == MAX_LOOKUPS


def test_all_look_ups_together_have_two_seconds() -> None:
    def answer_late(_: Request) -> Response:
        clock.time += 0.9
        return respond(404)

    client, transport, clock = make_client(answer_late)
    diagnosis = Diagnosis(client)
    for number in range(20):
        diagnosis.explain(missing(f"m{number}/a"))
    assert transport.timeouts == pytest.approx([2.0, 1.1, 0.2])


def test_none_follows_one_that_was_not_answered() -> None:
    diagnosis, transport = diagnose(Unreachable("no answer", timed_out=True))
    for number in range(20):
        diagnosis.explain(denied(f"m{number}/a"))
    assert len(transport.sent) == 1


@pytest.mark.parametrize("answer", [respond(500), respond(429, retry_after="1"), Unreachable("cut")], ids=repr)
def test_a_look_up_is_one_short_try(answer: Any) -> None:
    client, transport, clock = make_client([answer], {"VAULT_CLIENT_TIMEOUT": "60s"})
    assert Diagnosis(client).explain(missing("secret/a")) == ""
    assert (transport.timeouts, clock.slept) == ([2.0], [])
