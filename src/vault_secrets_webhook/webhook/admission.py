"""AdmissionReview in, AdmissionReview out, as values: no HTTP, no clock, no logging.

Shapes: https://kubernetes.io/docs/reference/config-api/apiserver-admission.v1/ (v1beta1 has the same fields that are
used here). The object under review stays the bytes that came in; only the mutation looks into it, and the answer
holds nothing of it but the patch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.errors import Error, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .mutate.pod import PodMutation

VERSIONS = {"admission.k8s.io/v1": "v1", "admission.k8s.io/v1beta1": "v1beta1"}
KIND = "AdmissionReview"
POD = ("", "Pod")
CREATE = "CREATE"
OPERATIONS = frozenset((CREATE, "UPDATE", "DELETE", "CONNECT"))
# Limits of the API server: longer warnings may be cut, and what comes after the total is dropped.
LONGEST_WARNING = 256
LONGEST_WARNINGS = 4096
# Ours: what somebody reads of a refusal, and the longest name that an object can have. Whoever sends reviews must not
# be able to have megabytes sent back and logged.
LONGEST_MESSAGE = 4096
LONGEST_NAME = 253
# What `InvalidReference` puts before the text of a reference and the marks under it.
MARKER_INDENT = "  "
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


class MalformedReview(Error):
    """A request body that is no AdmissionReview of an accepted version. Answered with HTTP 400."""


class GroupVersionKind(msgspec.Struct, frozen=True):
    """`metav1.GroupVersionKind`; the core group is empty."""

    group: str = ""
    version: str = ""
    kind: str = ""


class AdmissionRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of `AdmissionRequest`.

    The API server always sends kind and operation. A review without them is taken for what reviews are here: were it
    passed over, its pod would start without its secrets.
    """

    uid: str
    kind: GroupVersionKind = GroupVersionKind(version="v1", kind="Pod")
    operation: str = CREATE
    sub_resource: str = ""
    namespace: str = ""
    name: str = ""
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")  # `Raw | None` does not decode


class AdmissionReview(msgspec.Struct, frozen=True, rename="camel"):
    """The envelope of a request."""

    api_version: str = ""
    kind: str = ""
    request: AdmissionRequest | None = None


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is used of `metav1.Status`."""

    code: int
    message: str
    reason: str = ""
    status: str = ""


class AdmissionResponse(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """`AdmissionResponse`; `patch` is written as base64, `patch_type` must be there exactly when it is."""

    uid: str
    allowed: bool
    status: Status | None = None
    patch: bytes = b""
    patch_type: str = ""
    audit_annotations: dict[str, str] = {}
    warnings: list[str] = []


class ReviewAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The envelope of an answer."""

    api_version: str
    kind: str
    response: AdmissionResponse


class Review(msgspec.Struct, frozen=True):
    """A request that can be answered: its API version as it was written, and the request itself."""

    api_version: str
    request: AdmissionRequest


class Verdict(msgspec.Struct, frozen=True):
    """How a review ended. `body` is the answer; the rest is for log lines and metrics.

    `reason` is a word for a metric, `refusal` the message of a refused object ("" when it was allowed), without the
    text of references: what only looks like one may be a password, and more people read logs. `unread` are
    the objects that the pod can do without and that could not be read.
    """

    body: bytes
    reason: str
    mutated: bool = False
    injected: list[str] = []
    warnings: int = 0
    refusal: str = ""
    unread: list[str] = []


_decode = msgspec.json.Decoder(AdmissionReview).decode
_encode = msgspec.json.Encoder().encode


def decode_review(body: bytes) -> Review:
    """Decode the body of a request. Raises MalformedReview, whose text says what was expected and shows no data."""
    try:
        envelope = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedReview(f"the body is not an AdmissionReview: {describe_fault(error)}") from None
    if envelope.kind != KIND or envelope.api_version not in VERSIONS:
        accepted = " and ".join(VERSIONS)
        raise MalformedReview(f"the body is not an {KIND} of an accepted version: {accepted} are accepted")
    if envelope.request is None or not envelope.request.uid:
        raise MalformedReview(f"the {KIND} has no request with a uid: only requests can be answered")
    if envelope.request.operation not in OPERATIONS:  # not let through: what a pod is created by may look like this
        raise MalformedReview(f"the {KIND} has no known operation: CREATE, UPDATE, DELETE and CONNECT are known")
    return Review(envelope.api_version, envelope.request)


def describe_fault(error: Exception) -> str:
    """Describe why a document could not be decoded: position or path, and expected type."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)  # msgspec names types and places, never values


async def answer_review(review: Review, mutate: Callable[[bytes, str], Awaitable[PodMutation]]) -> Verdict:
    """Answer a review of a pod.

    `mutate` gets the pod as JSON and its namespace. Its Refused becomes the answer; any other exception is passed on,
    because then there is nothing to say about the pod.
    """
    request = review.request
    if skip_reason := find_skip_reason(request):
        return allow(review, skip_reason)
    try:
        check_kind(request.kind)
        mutation = await mutate(bytes(request.object), request.namespace)
    except Refused as refusal:
        return refuse(review, refusal)
    return apply(review, mutation)


def find_skip_reason(request: AdmissionRequest) -> str:
    """Tell why a request is none of our business; "" when it is.

    Only the creation of an object can change what its containers start. An ephemeral container comes as an update of
    a subresource, and pods/binding and pods/exec are no pods at all.
    """
    if request.sub_resource:
        return "subresource"
    return "" if request.operation == CREATE else "operation"


def check_kind(kind: GroupVersionKind) -> None:
    """Raise Refused for anything but a Pod: then the rules of the webhook configuration are wrong."""
    if (kind.group, kind.kind) != POD:
        shown = f"{kind.group}/{kind.kind}".lstrip("/")[:LONGEST_WARNING]
        raise Refused(
            f"/pods answers for pods only and was asked about {shown!r}: correct the rules of the webhook configuration"
        )


def allow(review: Review, reason: str) -> Verdict:
    """Let the object through as it is."""
    return Verdict(encode_answer(review, AdmissionResponse(review.request.uid, allowed=True)), reason)


def apply(review: Review, mutation: PodMutation) -> Verdict:
    """Let the object through with the changes of a mutation."""
    warnings = shorten_warnings(mutation.warnings)
    patch = _encode(mutation.patch) if mutation.patch else b""
    response = AdmissionResponse(
        review.request.uid,
        allowed=True,
        patch=patch,
        patch_type="JSONPatch" if patch else "",
        audit_annotations={"mutation": mutation.reason} if patch else {},
        warnings=warnings,
    )
    return Verdict(
        encode_answer(review, response),
        mutation.reason,
        mutated=bool(patch),
        injected=mutation.injected,
        warnings=len(warnings),
        unread=mutation.unread,
    )


def refuse(review: Review, refusal: Refused) -> Verdict:
    """Keep the object out, and tell its author why."""
    text = str(refusal)
    message = cut(text, LONGEST_MESSAGE)
    status = Status(refusal.code, message, reason=refusal.reason, status="Failure")
    response = AdmissionResponse(review.request.uid, allowed=False, status=status)
    return Verdict(
        encode_answer(review, response),
        f"refused-{refusal.code}",
        refusal=cut(leave_out_markers(text), LONGEST_MESSAGE),
    )


def leave_out_markers(message: str) -> str:
    """Give a refusal without the lines that show a reference and mark what is wrong in it."""
    return "\n".join(line for line in message.split("\n") if not line.startswith(MARKER_INDENT))


def encode_answer(review: Review, response: AdmissionResponse) -> bytes:
    """Write the answer in the version in which it was asked for."""
    return _encode(ReviewAnswer(review.api_version, KIND, response))


def shorten_warnings(warnings: list[str]) -> list[str]:
    """Fit warnings into the limits of the API server, which drops a warning with a control character altogether."""
    shortened: list[str] = []
    room = LONGEST_WARNINGS
    for warning in warnings:
        text = "".join(char if char.isprintable() else " " for char in cut(warning, LONGEST_WARNING))
        room -= len(text)
        if room < 0:
            break
        shortened.append(text)
    return shortened


def cut(text: str, longest: int) -> str:
    """Cut a text that is longer than `longest` characters, and show that it goes on."""
    return text if len(text) <= longest else text[: longest - 1] + ELLIPSIS


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    generate_name: str = ""


class _Named(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


_decode_name = msgspec.json.Decoder(_Named).decode


def find_name(request: AdmissionRequest) -> str:
    """Find what to call the object in a log line: its name, or the start of it that is not made unique yet.

    The object was not validated yet, so what is too long to be a name is cut.
    """
    if request.name:
        return cut(request.name, LONGEST_NAME)
    try:
        metadata = _decode_name(request.object).metadata
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""
    return cut(metadata.name or metadata.generate_name, LONGEST_NAME)
