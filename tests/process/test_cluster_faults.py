"""What becomes of a pod whose Secret cannot be looked at: every way in which an API server fails, and what is said then.

The webhook is the real process; `tests/cluster/test_failed_reviews.py` shows how its words reach a user. A fault is
never the pod's: the answer is HTTP 500, and the failurePolicy decides.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.fakes.server import Raw, Reply, Silence
from tests.fakes.surroundings import REFERENCE, Reviewed, encode
from tests.fakes.verdict import find_path, judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.server import Answer, Asked

CANARY = "canary-of-cluster-faults"
HTML = f"<html><body>Sign in, {CANARY}</body></html>".encode()
SECRET = "/api/v1/namespaces/shop/secrets/references"
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + b'{"kind":"Secret"'
STATUS = {"kind": "Status", "status": "Failure", "message": CANARY}
OBJECT = "secrets shop/references"
FAULTS: dict[str, Answer] = {
    "401": Reply(401, STATUS),
    "403": Reply(403, STATUS),
    "429": Reply(429, STATUS, {"Retry-After": "0"}),
    "429 for a long time": Reply(429, STATUS, {"Retry-After": "600"}),
    "500": Reply(500, STATUS),
    "503 in HTML": Reply(503, HTML, {"Content-Type": "text/html"}),
    "HTML": Reply(200, HTML, {"Content-Type": "text/html"}),
    "HTML that says it is JSON": Reply(200, HTML, {"Content-Type": "application/json"}),
    "another object": Reply(200, {"kind": "Pod", "metadata": {"name": CANARY}}),
    "half an object": Reply(200, b'{"kind":"Secret","data":{"a":"' + CANARY.encode(), {"Content-Type": "application/json"}),
    "half an answer": Raw(HALF),
    "no HTTP": Raw(f"220 {CANARY}\r\n".encode()),
    "cut off": Raw(b""),
    "sent on": Reply(302, b"", {"Location": f"http://127.0.0.1:1/{CANARY}"}),
    "silent": Silence(),
}  # fmt: skip
# Fault -> what the message says.
LASTING = {
    "401": "does not accept our credentials",
    "403": "RBAC does not allow it .403.: the webhook needs the verb get for secrets in namespace shop",
    "429": "status 429",
    "429 for a long time": "status 429",
    "500": "status 500",
    "503 in HTML": "status 503",
    "HTML": "no API server",
    "HTML that says it is JSON": "no API server",
    "another object": "no API server",
    "half an object": "no API server",
    "half an answer": "cannot be reached",
    "no HTTP": "cannot be reached",
    "cut off": "cannot be reached",
    "sent on": "status 302",
    "silent": "no answer within|took too long to answer",
}
FORGIVEN = ("403", "429", "HTML", "half an answer", "silent")
# What is over by the next try. A 401 has brought other credentials by then.
PASSING = ("429", "500", "503 in HTML", "half an answer", "no HTTP", "cut off")


ONE = {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "references", "key": "password"}}}]}
ALL_OPTIONAL = {"envFrom": [{"secretRef": {"name": "references", "optional": True}}]}
LITERAL = {"env": [{"name": "A", "value": "vault:secret/data/app#password"}]}


def make_review(environment: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """Make the review of a pod with an environment."""
    container = {"name": "app", "image": "app", "command": ["app"], **environment}
    return review_object("Pod", {"spec": {"containers": [container]}}, annotations)


def make_secret_review(**annotations: str) -> dict[str, Any]:
    """Make the review of a Secret with a reference."""
    return review_object("Secret", {"data": {"a": encode(REFERENCE)}}, annotations)


def review_object(kind: str, fields: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    """Make the review of the creation of an object; the annotations are named without their prefix."""
    written = {f"vault.security.banzaicloud.io/{key.replace('_', '-')}": text for key, text in annotations.items()}
    request = {
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": kind},
        "resource": {"group": "", "version": "v1", "resource": f"{kind.lower()}s"},
        "namespace": "shop",
        "operation": "CREATE",
        "object": {"metadata": {"name": "app", "annotations": written}, **fields},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


class Need(NamedTuple):
    """A review that makes the webhook ask the cluster for something: where it asks, and what it must be allowed."""

    review: dict[str, Any]
    method: str
    path: str
    permission: str


CONFIG_MAP = {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "references", "key": "password"}}}]}
NEEDS = {
    "Secret of a variable": Need(make_review(ONE), "GET", SECRET, "get for secrets in namespace shop"),
    "ConfigMap of a variable": Need(
        make_review(CONFIG_MAP),
        "GET",
        "/api/v1/namespaces/shop/configmaps/references",
        "get for configmaps in namespace shop",
    ),
    "token to log in with": Need(
        make_secret_review(vault_serviceaccount="app"),
        "POST",
        "/api/v1/namespaces/shop/serviceaccounts/app/token",
        "create for serviceaccounts/token in namespace shop",
    ),
    "authorities for Vault": Need(
        make_secret_review(vault_tls_secret="vault-ca"),
        "GET",
        "/api/v1/namespaces/vault-system/secrets/vault-ca",
        "get for secrets in namespace vault-system",
    ),
    "configuration of an agent": Need(
        make_review(LITERAL, vault_agent="true"),
        "POST",
        "/api/v1/namespaces/shop/configmaps",
        "create for configmaps in namespace shop",
    ),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    with Reviewed(tmp_path_factory.mktemp("faults"), CANARY) as reviewed:
        yield reviewed
        assert CANARY.encode() not in reviewed.process.log_file.read_bytes()


@pytest.fixture
def reviewed(running: Reviewed) -> Iterator[Reviewed]:
    yield running
    running.surroundings.server.answer = running.surroundings.answer


def fail(
    reviewed: Reviewed, fault: Answer, times: int = 1000, asked_for: tuple[str, str] = ("GET", SECRET)
) -> list[int]:
    """Make the API server fail so many times when it is asked for the Secret; gives a list that grows with each."""
    failures: list[int] = []

    def answer(asked: Asked) -> Answer:
        if (asked.method, asked.target) != asked_for or len(failures) >= times:
            return reviewed.surroundings.answer(asked)
        failures.append(1)
        return fault

    reviewed.surroundings.server.answer = answer
    return failures


def post(reviewed: Reviewed, review: Any) -> tuple[int, bytes]:
    return reviewed.post(f"{find_path(review)}?timeout=1500ms", json.dumps(review).encode())


@pytest.mark.parametrize("name", FAULTS)
def test_lasting(reviewed: Reviewed, name: str) -> None:
    fail(reviewed, FAULTS[name])
    status, answer = post(reviewed, make_review(ONE))
    document = json.loads(answer)
    assert (status, document["kind"], document["reason"]) == (500, "Status", "InternalError")
    assert OBJECT in document["message"]
    assert re.search(LASTING[name], document["message"])
    assert CANARY not in answer.decode()


@pytest.mark.parametrize("name", FORGIVEN)
def test_optional(reviewed: Reviewed, name: str) -> None:
    """What a pod can do without does not keep it out."""
    fail(reviewed, FAULTS[name])
    review = make_review(ALL_OPTIONAL)
    status, answer = post(reviewed, review)
    assert judge(review, status, answer, CANARY) == ([], None, True)
    (warning,) = json.loads(answer)["response"]["warnings"]
    assert "references in the optional Secret references go unseen" in warning


@pytest.mark.parametrize("name", PASSING)
def test_passing(reviewed: Reviewed, name: str) -> None:
    failures = fail(reviewed, FAULTS[name], times=1)
    review = make_review(ONE)
    judged = judge(review, *post(reviewed, review), CANARY)
    assert judged.faults == []
    assert judged.result["spec"]["containers"][0]["command"] == ["/vault/vault-env"]
    assert failures == [1]


@pytest.mark.parametrize("name", NEEDS)
def test_permissions(reviewed: Reviewed, name: str) -> None:
    """What the webhook may not do is named, whatever it is, and every pod or Secret that needs it is kept out."""
    need = NEEDS[name]
    failures = fail(reviewed, Reply(403, STATUS), asked_for=(need.method, need.path))
    status, answer = post(reviewed, need.review)
    assert failures == [1]
    assert status == 500
    assert (
        f"RBAC does not allow it (403): the webhook needs the verb {need.permission}" in json.loads(answer)["message"]
    )
    assert CANARY not in answer.decode()
    reviewed.surroundings.server.answer = reviewed.surroundings.answer  # and with the next review it is there
    assert judge(need.review, *post(reviewed, need.review), CANARY).faults == []


def test_missing(reviewed: Reviewed) -> None:
    """A Secret may come after the pod."""
    fail(reviewed, Reply(404, STATUS))
    review = make_review(ONE)
    assert judge(review, *post(reviewed, review), CANARY) == ([], None, True)


def test_a_pod_that_needs_nothing_of_the_cluster_does_not_mind(reviewed: Reviewed) -> None:
    fail(reviewed, Silence())
    review = make_review(LITERAL)
    assert judge(review, *post(reviewed, review), CANARY).result is not None


def test_away(tmp_path: Path) -> None:
    with Reviewed(tmp_path, CANARY) as reviewed:
        reviewed.surroundings.stop()
        status, answer = post(reviewed, make_review(ONE))
        message = json.loads(answer)["message"]
        assert status == 500
        assert message.startswith(f"cannot read {OBJECT}: http://127.0.0.1:")
        assert "cannot be reached" in message
