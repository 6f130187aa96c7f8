"""Reviews as values: what is decoded, what is refused as malformed, and what each kind of verdict looks like."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.webhook.serving import UID, make_request, make_review, read_patch
from vault_secrets_webhook.errors import InvalidReference, Refused
from vault_secrets_webhook.webhook.admission import (
    AdmissionRequest,
    MalformedReview,
    Verdict,
    answer_review,
    decode_review,
    find_name,
    shorten_warnings,
)
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.mutate.patch import PatchOperation
from vault_secrets_webhook.webhook.mutation import Mutation, Reviewer
from vault_secrets_webhook.webhook.reviewers import review_pods

PATCHED = Mutation([PatchOperation("add", "/spec/x", {"a": "ü"})], ["careful"], ["app"], "injected")
UNTOUCHED = Mutation([], [], [], "no-references")


def answer(body: bytes, outcome: Mutation | Exception) -> tuple[Verdict, list[tuple[bytes, str]]]:
    """Answer a review with a mutation that has this outcome; gives the verdict, and what the mutation was given."""
    calls = []

    async def mutate(pod: bytes, request: AdmissionRequest) -> Mutation:
        calls.append((pod, request.namespace))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return asyncio.run(answer_review(decode_review(body), review_pods(mutate))), calls


ENVELOPE = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}
MALFORMED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "not an AdmissionReview"),
    ("half a document", make_review()[:200], "not an AdmissionReview"),
    ("not JSON", b"<html>", "not an AdmissionReview"),
    ("something behind it", make_review() + b"x", "not an AdmissionReview"),
    ("an array", b"[]", "Expected `object`, got `array`"),
    ("not UTF-8", b'{"kind":"\xff"}', "not UTF-8"),
    ("nested too deep", b'{"x":' * 100_000, "nested too deep"),
    ("object nested too deep", make_review().replace(b'"containers": []', b'"x":' + b"[" * 100_000), "too deep"),
    ("uid of a wrong type", make_review(uid=7), "Expected `str`, got `int` - at `$.request.uid`"),
    ("no kind", json.dumps({**ENVELOPE, "kind": ""}).encode(), "admission.k8s.io/v1 and admission.k8s.io/v1beta1"),
    ("another kind", json.dumps({"kind": "Pod", "apiVersion": "v1"}).encode(), "admission.k8s.io/v1beta1"),
    ("a later version", make_review("v2"), "admission.k8s.io/v1 and admission.k8s.io/v1beta1 are accepted"),
    ("no version", json.dumps({"kind": "AdmissionReview"}).encode(), "are accepted"),
    ("no request", json.dumps(ENVELOPE).encode(), "no request"),
    ("request is null", json.dumps({**ENVELOPE, "request": None}).encode(), "no request"),
    ("an answer", json.dumps({**ENVELOPE, "response": {"uid": UID}}).encode(), "no request"),
    ("no uid", json.dumps({**ENVELOPE, "request": {}}).encode(), "uid"),
    ("empty uid", make_review(uid=""), "uid"),
    ("empty operation", make_review(operation=""), "no known operation"),
    ("operation in small letters", make_review(operation="create"), "CREATE, UPDATE, DELETE and CONNECT are known"),
]


@pytest.mark.parametrize(("body", "message"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_malformed(body: bytes, message: str) -> None:
    with pytest.raises(MalformedReview) as caught:
        decode_review(body)
    assert message in str(caught.value)


def test_malformed_shows_no_data(canary: str) -> None:
    for body in (make_review(object={"metadata": canary}, dryRun=canary), make_review(operation=canary)):
        with pytest.raises(MalformedReview) as caught:
            decode_review(body)
        assert canary not in str(caught.value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedReview):
        decode_review(body)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_patch(version: str) -> None:
    verdict, calls = answer(make_review(version), PATCHED)
    expected = {
        "apiVersion": f"admission.k8s.io/{version}",
        "kind": "AdmissionReview",
        "response": {
            "uid": UID,
            "allowed": True,
            "patchType": "JSONPatch",
            "auditAnnotations": {"mutation": "injected"},
            "warnings": ["careful"],
        },
    }
    assert read_patch(verdict.body) == [{"op": "add", "path": "/spec/x", "value": {"a": "ü"}}]
    document = json.loads(verdict.body)
    del document["response"]["patch"]
    assert document == expected
    assert (verdict.reason, verdict.mutated, verdict.injected, verdict.warnings) == ("injected", True, ["app"], 1)
    assert [namespace for _, namespace in calls] == ["shop"]


def test_the_object_is_passed_on_byte_for_byte() -> None:
    pod = b'{"spec" : {"future":1.50, "x":"\\u00e9"}}'
    body = make_review(object="HERE").replace(b'"HERE"', pod)
    assert answer(body, UNTOUCHED)[1] == [(pod, "shop")]


def test_no_patch() -> None:
    verdict, _ = answer(make_review(), UNTOUCHED)
    assert json.loads(verdict.body)["response"] == {"uid": UID, "allowed": True}
    assert (verdict.reason, verdict.mutated) == ("no-references", False)


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid")])
def test_refused(code: int, reason: str) -> None:
    verdict, _ = answer(make_review(), Refused("annotation x: no", code=code))
    assert json.loads(verdict.body)["response"] == {
        "uid": UID,
        "allowed": False,
        "status": {"code": code, "reason": reason, "message": "annotation x: no", "status": "Failure"},
    }
    assert (verdict.reason, verdict.refusal, verdict.mutated) == (f"refused-{code}", "annotation x: no", False)


def test_a_long_refusal_is_cut() -> None:
    """What is refused may quote megabytes of the pod: neither user nor log gets them."""
    verdict, _ = answer(make_review(), Refused("x" * 3_000_000))
    message = json.loads(verdict.body)["response"]["status"]["message"]
    assert message == verdict.refusal == "x" * 4095 + "…"


def test_the_log_does_not_show_the_text_of_a_reference() -> None:
    """A value that only begins like a reference may be a password; its author knows it, who reads logs must not."""
    first = f"container 'app', variable 'A': {InvalidReference('no key', 'vault:hunter2', 13, 14)}"
    second = f"annotation x: {InvalidReference('no path', '#hunter3', 0, 1)}"
    verdict, _ = answer(make_review(), Refused(f"{first}\n{second}\nannotation y: no"))
    message = json.loads(verdict.body)["response"]["status"]["message"]
    assert "\n  vault:hunter2\n" in message
    assert "\n  #hunter3\n" in message
    assert verdict.refusal == "container 'app', variable 'A': no key\nannotation x: no path\nannotation y: no"


def test_objects_that_could_not_be_read() -> None:
    mutation = Mutation([], [], [], "no-references", ["Secret shop/db: no"])
    assert answer(make_review(), mutation)[0].unread == ["Secret shop/db: no"]


SKIPPED: list[tuple[str, dict[str, Any], str]] = [
    ("update", {"operation": "UPDATE"}, "operation"),
    ("deletion", {"operation": "DELETE", "object": None}, "operation"),
    ("connection", {"operation": "CONNECT", "kind": {"kind": "PodExecOptions"}}, "operation"),
    ("ephemeral container", {"operation": "UPDATE", "subResource": "ephemeralcontainers"}, "subresource"),
    ("binding", {"subResource": "binding", "kind": {"kind": "Binding"}}, "subresource"),
]


@pytest.mark.parametrize(("fields", "reason"), [row[1:] for row in SKIPPED], ids=[row[0] for row in SKIPPED])
def test_skipped(fields: dict[str, Any], reason: str) -> None:
    verdict, calls = answer(make_review(**fields), PATCHED)
    assert json.loads(verdict.body)["response"] == {"uid": UID, "allowed": True}
    assert (verdict.reason, calls) == (reason, [])


SECRET = {"version": "v1", "kind": "Secret"}
OBJECTS: list[tuple[str, dict[str, Any], str]] = [
    ("creation", {}, "injected"),
    ("update", {"operation": "UPDATE"}, "injected"),
    ("status", {"operation": "UPDATE", "subResource": "status"}, "subresource"),
    ("scale", {"operation": "UPDATE", "subResource": "scale"}, "subresource"),
    ("deletion", {"operation": "DELETE", "object": None}, "operation"),
    (
        "finalizer of what is being deleted",
        {"operation": "UPDATE", "object": {"metadata": {"deletionTimestamp": "2026-08-01T12:00:00Z"}}},
        "deleted",
    ),
    ("not deleted", {"operation": "UPDATE", "object": {"metadata": {"deletionTimestamp": None}}}, "injected"),
    ("metadata of a wrong type", {"operation": "UPDATE", "object": {"metadata": 7}}, "injected"),
    ("deleted already at creation", {"object": {"metadata": {"deletionTimestamp": "2026-08-01"}}}, "injected"),
    ("another kind", {"kind": {"version": "v1", "kind": "Pod"}}, "refused-422"),
    ("another group", {"kind": {"group": "x.example", "version": "v1", "kind": "Secret"}}, "refused-422"),
]


@pytest.mark.parametrize(("fields", "reason"), [row[1:] for row in OBJECTS], ids=[row[0] for row in OBJECTS])
def test_other_objects(fields: dict[str, Any], reason: str) -> None:
    """Creation and update of what is not a pod."""

    async def mutate(document: bytes, request: AdmissionRequest) -> Mutation:
        return PATCHED

    kinds = frozenset((("", "Secret"),))
    reviewer = Reviewer("/secrets", "Secret", "x", kinds, frozenset(("CREATE", "UPDATE")), mutate)
    review = decode_review(make_review(**{"kind": SECRET, **fields}))
    assert asyncio.run(answer_review(review, reviewer)).reason == reason
    any_kind = asyncio.run(answer_review(review, reviewer._replace(kinds=None)))
    assert any_kind.reason == reason.replace("refused-422", "injected")


def test_without_kind_and_operation_it_is_the_creation_of_a_pod() -> None:
    """Whoever writes such a review by hand must not get a pod through that starts without its secrets."""
    body = json.dumps({**ENVELOPE, "request": {"uid": UID, "namespace": "shop", "object": {}}}).encode()
    verdict, calls = answer(body, PATCHED)
    assert verdict.mutated
    assert calls == [(b"{}", "shop")]


WRONG_KINDS = [
    ("deployment", {"group": "apps", "version": "v1", "kind": "Deployment"}, "'apps/Deployment'"),
    ("secret", {"version": "v1", "kind": "Secret"}, "'Secret'"),
    ("pod of another group", {"group": "metrics.k8s.io", "version": "v1", "kind": "Pod"}, "'metrics.k8s.io/Pod'"),
    ("none", {}, "''"),
]


@pytest.mark.parametrize(("kind", "shown"), [row[1:] for row in WRONG_KINDS], ids=[row[0] for row in WRONG_KINDS])
def test_wrong_kind(kind: dict[str, str], shown: str) -> None:
    verdict, calls = answer(make_review(kind=kind), PATCHED)
    response = json.loads(verdict.body)["response"]
    assert (response["allowed"], response["status"]["code"], calls) == (False, 422, [])
    assert shown in response["status"]["message"]
    assert "rules" in response["status"]["message"]


@pytest.mark.parametrize("error", [KubernetesError("no answer"), RuntimeError("fault"), TimeoutError()], ids=repr)
def test_what_is_not_the_pods_fault_is_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        answer(make_review(), error)
    assert caught.value is error


WARNINGS: list[tuple[str, list[str], list[str]]] = [
    ("none", [], []),
    ("short", ["a", "b"], ["a", "b"]),
    ("just short enough", ["x" * 256], ["x" * 256]),
    ("too long", ["x" * 257], ["x" * 255 + "…"]),
    ("control characters", ["a\nb\x00c"], ["a b c"]),
    ("too many", ["x" * 256] * 20, ["x" * 256] * 16),
]


@pytest.mark.parametrize(("warnings", "expected"), [row[1:] for row in WARNINGS], ids=[row[0] for row in WARNINGS])
def test_warnings(warnings: list[str], expected: list[str]) -> None:
    assert shorten_warnings(warnings) == expected


NAMES: list[tuple[str, dict[str, Any], str]] = [
    ("of the request", {"name": "web-1"}, "web-1"),
    ("of the object", {"object": {"metadata": {"name": "web-2", "generateName": "web-"}}}, "web-2"),
    ("start", {}, "web-"),
    ("no object", {"object": None}, ""),
    ("no metadata", {"object": {}}, ""),
    ("metadata of a wrong type", {"object": {"metadata": 7}}, ""),
    ("longest", {"name": "x" * 253}, "x" * 253),
    ("too long", {"name": "x" * 254}, "x" * 252 + "…"),
    ("too long in the object", {"object": {"metadata": {"generateName": "x" * 254}}}, "x" * 252 + "…"),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_name(fields: dict[str, Any], expected: str) -> None:
    assert find_name(decode_review(make_review(**fields)).request) == expected


def test_request_without_object() -> None:
    request = make_request()
    del request["object"]
    body = json.dumps({**ENVELOPE, "request": request}).encode()
    assert answer(body, UNTOUCHED)[1] == [(b"null", "shop")]
