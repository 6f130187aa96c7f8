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
    from .mutation import Mutation, Reviewer

VERSIONS = {"admission.k8s.io/v1": "v1", "admission.k8s.io/v1beta1": "v1beta1"}
KIND = "AdmissionReview"
CREATE, UPDATE = "CREATE", "UPDATE"
OPERATIONS = frozenset((CREATE, UPDATE, "DELETE", "CONNECT"))
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
    old_object: msgspec.Raw = msgspec.Raw(b"null")


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
    the objects that a pod can do without and that could not be read. `name` is the object's, if the mutation read it.
    """

    body: bytes
    reason: str
    mutated: bool = False
    injected: list[str] = []
    warnings: int = 0
    refusal: str = ""
    unread: list[str] = []
    name: str = ""


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


async def answer_review(review: Review, reviewer: Reviewer) -> Verdict:
    """Answer a review that came to the reviewer's path.

    A Refused of its mutation becomes the answer; any other exception is passed on, because then there is nothing to
    say about the object.
    """
    request = review.request
    if skip_reason := find_skip_reason(request, reviewer.operations):
        return allow(review, skip_reason)
    try:
        check_kind(request.kind, reviewer)
        mutation = await reviewer.mutate(bytes(request.object), request)
    except Refused as refusal:
        return refuse(review, refusal)
    return apply(review, mutation)


def find_skip_reason(request: AdmissionRequest, operations: frozenset[str]) -> str:
    """Tell why a request is none of our business; "" when it is.

    A subresource carries another kind (pods/binding, pods/exec), or what may not be changed there (an ephemeral
    container, a status). An object that is being deleted waits for its finalizers only, and must not be held up.
    """
    if request.sub_resource:
        return "subresource"
    if request.operation not in operations:
        return "operation"
    return "deleted" if request.operation == UPDATE and is_being_deleted(request.object) else ""


def is_being_deleted(document: msgspec.Raw) -> bool:
    """Tell whether the object has a deletionTimestamp, which only the API server sets."""
    try:
        return bool(_decode_deletion(document).metadata.deletion_timestamp)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False  # the mutation says what is wrong with it


def check_kind(kind: GroupVersionKind, reviewer: Reviewer) -> None:
    """Raise Refused for what belongs to another path: then the rules of the webhook configuration are wrong."""
    if reviewer.kinds is not None and (kind.group, kind.kind) not in reviewer.kinds:
        shown = f"{kind.group}/{kind.kind}".lstrip("/")[:LONGEST_WARNING]
        raise Refused(
            f"{reviewer.path} answers for {reviewer.noun}s only and was asked about {shown!r}:"
            " correct the rules of the webhook configuration"
        )


def allow(review: Review, reason: str) -> Verdict:
    """Let the object through as it is."""
    return Verdict(encode_answer(review, AdmissionResponse(review.request.uid, allowed=True)), reason)


def apply(review: Review, mutation: Mutation) -> Verdict:
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
        name=mutation.name,
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


class _DeletionMetadata(msgspec.Struct, frozen=True, rename="camel"):
    deletion_timestamp: str | None = None


class _Deletion(msgspec.Struct, frozen=True):
    metadata: _DeletionMetadata = _DeletionMetadata()


class _Named(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


_decode_name = msgspec.json.Decoder(_Named).decode
_decode_deletion = msgspec.json.Decoder(_Deletion).decode


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
