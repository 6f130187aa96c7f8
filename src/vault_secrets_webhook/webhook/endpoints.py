"""What the server answers: the table of paths, and one method for each."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from .admission import MalformedReview, answer_review, decode_review
from .deadline import find_timeout, set_deadline
from .eager import finish_by
from .faults import log_fault
from .journal import explain, log_verdict
from .responses import JSON, METRICS_TEXT, TEXT, Failure, make_failure, make_response
from .throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from vault_secrets_webhook.textlog import Log

    from .events import NoteRefusal
    from .metrics import Metrics
    from .mutation import Reviewer
    from .request import Request
    from .responses import Response

    Answer = Callable[[Request], Awaitable[Response]]
    Table = Mapping[str, Mapping[str, "Route"]]

REJECTION_PAUSE = 10.0  # seconds between two log lines about rejected requests of one status
JSON_BYTES = JSON.encode()
LARGEST_BODY = 8 * 1024 * 1024  # the API server's limit for a request is 3 MiB, of which an update carries two
BROKEN_REQUESTS = {
    400: "the request is not well-formed HTTP",
    408: "the header of the request did not arrive in time",
    431: "the header of the request is too large",
}


class Limits(NamedTuple):
    """How long a body may take to arrive, in seconds, and how large it may be, in bytes."""

    body_seconds: float
    body_bytes: int = LARGEST_BODY


class Route(NamedTuple):
    """Who answers a request. `takes_json` tells that the body has to be JSON."""

    answer: Answer
    takes_json: bool = False


class Endpoints:
    """Answers requests. `is_draining` makes it answer each as the last one of its connection.

    Each of `obstacles` tells why reviews must not be sent here yet, and gives an empty text when nothing is in the way.
    `note_refusal` is told of each object that was refused, and why, without the text of references.
    """

    def __init__(
        self,
        reviewers: Sequence[Reviewer],
        log: Log,
        metrics: Metrics,
        limits: Limits,
        note_refusal: NoteRefusal | None = None,
    ) -> None:
        self.reviewers = reviewers
        self.log = log
        self.metrics = metrics
        self.limits = limits
        self.note_refusal = note_refusal
        self.is_draining = False
        self.obstacles: list[Callable[[], str]] = []
        self.under_way = 0
        self.at_rest = asyncio.Event()
        self.at_rest.set()
        self.rejections = Throttle(REJECTION_PAUSE)
        self.rendering = asyncio.Lock()

    def main_table(self, *, with_metrics: bool) -> Table:
        """List the paths of the port that reviews come to, and the methods of each."""
        health, readiness = Route(self.show_health), Route(self.show_readiness)
        table: dict[str, dict[str, Route]] = {
            **{each.path: {"POST": Route(partial(self.review, each), takes_json=True)} for each in self.reviewers},
            "/healthz": {"GET": health, "HEAD": health},
            "/readyz": {"GET": readiness, "HEAD": readiness},
        }
        return {**table, **self.telemetry_table()} if with_metrics else table

    def telemetry_table(self) -> Table:
        """List the paths of the port for telemetry."""
        metrics = Route(self.show_metrics)
        return {"/metrics": {"GET": metrics, "HEAD": metrics}}

    def admit(self, table: Table, request: Request) -> Route:
        """Find who answers a request of which the header has arrived. Raises Failure, whatever the body will be."""
        route = find_route(table, request)
        if route.takes_json:
            check_content(request)
        length = request.headers.get(b"content-length", b"0")
        if int(length) > self.limits.body_bytes:  # llhttp lets nothing but digits pass
            raise self.too_large()
        return route

    def begin_request(self) -> None:
        """Note that a request was admitted."""
        self.under_way += 1
        self.at_rest.clear()

    def end_request(self) -> None:
        """Note that an admitted request was answered, or never will be."""
        self.under_way -= 1
        if not self.under_way:
            self.at_rest.set()

    async def answer(self, route: Route, request: Request) -> Response:
        """Answer a request that has arrived as a whole."""
        try:
            return await route.answer(request)
        except Failure as failure:
            return self.fail(failure)

    async def review(self, reviewer: Reviewer, request: Request) -> Response:
        """Answer the review of an object."""
        started = perf_counter()
        try:
            review = decode_review(request.body)
        except MalformedReview as error:
            raise Failure(400, str(error)) from None
        version = review.api_version.rpartition("/")[2]
        try:
            answer_by = set_deadline(find_timeout(request.query))
            verdict = await finish_by(answer_by, answer_review(review, reviewer))
        except Exception as error:  # noqa: BLE001 - whatever it is, the API server needs an answer
            fault = explain(self.log, reviewer, review, error)
            seconds = perf_counter() - started
            self.metrics.observe_failure(reviewer.webhook_id, version, review.request, fault.reason, seconds)
            raise fault.failure from None
        seconds = perf_counter() - started
        self.metrics.observe_review(reviewer.webhook_id, version, review.request, verdict, seconds)
        log_verdict(self.log, reviewer.noun, review, verdict, seconds)
        if verdict.refusal and self.note_refusal is not None:
            self.note_refusal(review.request, verdict.refusal)
        return make_response(verdict.body, JSON)

    def too_large(self) -> Failure:
        """Make the failure that tells how large a body may be."""
        return Failure(413, f"the body is larger than the limit of {self.limits.body_bytes} bytes", closes=True)

    def too_slow(self) -> Failure:
        """Make the failure that tells how long a body may take."""
        return Failure(408, f"the body did not arrive within {self.limits.body_seconds:g} seconds", closes=True)

    async def show_health(self, _: Request) -> Response:
        """Tell that the process lives."""
        return make_response(b"ok\n", TEXT)

    async def show_readiness(self, _: Request) -> Response:
        """Tell whether to send reviews here."""
        if self.is_draining:
            return make_response(b"shutting down\n", TEXT, 503)
        if reasons := [reason for find_obstacle in self.obstacles if (reason := find_obstacle())]:
            return make_response("".join(f"{reason}\n" for reason in reasons).encode(), TEXT, 503)
        return make_response(b"ok\n", TEXT)

    async def show_metrics(self, _: Request) -> Response:
        """Give the metrics. Writing those of a large cluster takes half a second, in which reviews must go on."""
        async with self.rendering:
            text = await asyncio.to_thread(self.metrics.render)
        return make_response(text, METRICS_TEXT)

    def reject(self, status: int, error: BaseException | None) -> Response:
        """Answer what is not HTTP (400) or never becomes a request (408), and our own faults outside of any review."""
        if status in BROKEN_REQUESTS:
            return self.fail(Failure(status, BROKEN_REQUESTS[status], closes=True))
        if error is not None:
            log_fault(self.log, "a request could not be answered", error)
        return self.fail(Failure(500, "internal error; the webhook's log says where", closes=True))

    def fail(self, failure: Failure) -> Response:
        """Count a failure and write its answer. What was wrong with a request is logged, but not each time."""
        self.metrics.rejected.labels(str(failure.code)).inc()
        is_theirs = failure.code < HTTPStatus.INTERNAL_SERVER_ERROR  # ours were logged where they happened
        if is_theirs and (times := self.rejections.count(failure.code)):
            self.log.warning("a request was rejected", status=failure.code, error=failure.message, times=times)
        return make_failure(failure)


def find_route(table: Table, request: Request) -> Route:
    """Find who answers a request. Raises Failure."""
    methods = table.get(request.path)
    if methods is None:
        raise Failure(404, f"there is nothing at this path: {', '.join(sorted(table))} are served")
    route = methods.get(request.method)
    if route is None:
        allowed = ", ".join(sorted(methods))
        raise Failure(405, f"this path takes {allowed} only", allowed=allowed)
    return route


def check_content(request: Request) -> None:
    """Raise Failure for a body that is not plain JSON."""
    content_type = request.headers.get(b"content-type", b"")
    if content_type != JSON_BYTES and content_type.partition(b";")[0].strip().lower() != JSON_BYTES:
        raise Failure(415, f"the content type must be {JSON}", closes=True)
    if b"content-encoding" in request.headers:
        raise Failure(415, "the body must not be compressed", closes=True)
