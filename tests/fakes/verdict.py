"""What every answer to a review has to be, whatever was in the review: the judge of captured and of random ones.

A judge knows the contract of admission webhooks
(https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response) and nothing of
ours but its codes: a review is refused by 403 or 422, and 5xx is for our own faults.
"""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

import jsonpatch

REFUSALS = {403, 422}
LONGEST_MESSAGE = 4096
PATHS = {"pods": "/pods", "secrets": "/secrets", "configmaps": "/configmaps"}


class Judged(NamedTuple):
    """What is wrong with an answer, and the object as it is after the answer: None where nothing was changed."""

    faults: list[str]
    result: Any = None
    is_allowed: bool = False


def find_path(review: Any) -> str:
    """Find where the API server sends a review."""
    return PATHS.get(review["request"]["resource"]["resource"], "/objects")


def judge(review: Any, status: int, answer: bytes, canary: str) -> Judged:
    """Judge the answer to a review that the API server might have sent."""
    if status != 200:
        return Judged([f"status {status}: {answer[:500]!r}"])
    document = json.loads(answer)
    response = document["response"]
    faults = []
    if document["apiVersion"] != review["apiVersion"] or document["kind"] != "AdmissionReview":
        faults.append("the answer is of another version than the review")
    if response["uid"] != review["request"]["uid"]:
        faults.append("the answer has another uid than the review")
    if find_canary(response, canary):
        faults.append("the canary is in the answer")
    if not response["allowed"]:
        return Judged([*faults, *judge_refusal(response)])
    if "patch" not in response:
        return Judged(
            [*faults, *(["there is a patchType without a patch"] if "patchType" in response else [])], None, True
        )
    return apply_patch(review, response, faults)


def find_canary(response: Any, canary: str) -> bool:
    """Tell whether the canary is in what people read: everything but the patch."""
    shown = {name: value for name, value in response.items() if name != "patch"}
    return canary in json.dumps(shown)


def judge_refusal(response: Any) -> list[str]:
    """Judge how an object is refused."""
    status = response.get("status", {})
    faults = []
    if status.get("code") not in REFUSALS:
        faults.append(f"refused with code {status.get('code')}")
    if not 0 < len(status.get("message", "")) <= LONGEST_MESSAGE:
        faults.append("refused without a message, or with one that is too long")
    if "patch" in response:
        faults.append("refused, and patched")
    return faults


def apply_patch(review: Any, response: Any, faults: list[str]) -> Judged:
    """Apply the patch as the API server does."""
    if response.get("patchType") != "JSONPatch":
        faults.append("there is a patch without its type")
    try:
        operations = json.loads(base64.b64decode(response["patch"], validate=True))
        result = jsonpatch.JsonPatch(operations).apply(copy_json(review["request"]["object"]), in_place=True)
    except (ValueError, jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        return Judged([*faults, f"the patch does not apply: {error!r}"], None, True)
    if not operations:
        faults.append("the patch is empty")
    return Judged(faults, result, True)


def copy_json(value: Any) -> Any:
    """Copy a value so that nothing in it is shared, as in JSON nothing is."""
    return json.loads(json.dumps(value))


def repeat(review: Any, result: Any) -> Any:
    """Make the review of an object that was changed already."""
    return {**review, "request": {**review["request"], "object": result}}
