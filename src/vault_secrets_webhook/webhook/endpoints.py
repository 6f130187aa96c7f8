"""What the server answers: the table of paths, and one method for each."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import HttpVersion11, web

from .admission import MalformedReview, answer_review, decode_review
from .connection import Connection
from .deadline import find_timeout, set_deadline
from .eager import finish_by
from .faults import log_fault
from .journal import explain, log_verdict
from .responses import JSON, METRICS_TEXT, TEXT, Failure, make_failure, make_response
from .throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

    from vault_secrets_webhook.textlog import Log

    from .events import NoteRefusal
    from .metrics import Metrics
    from .mutation import Reviewer

    Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]

REJECTION_PAUSE = 10.0  # seconds between two log lines about rejected requests of one status
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LARGEST_BODY = 8 * 1024 * 1024  # the API server's limit for a request is 3 MiB, of which an update carries two
BROKEN_REQUESTS = {
    400: "the request is not well-formed HTTP",
    408: "the header of the request did not arrive in time",
}


class Limits(NamedTuple):
    """How long a body may take to arrive, in seconds, and how large it may be, in bytes."""

    body_seconds: float
    body_bytes: int = LARGEST_BODY


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

    def main_table(self, *, with_metrics: bool) -> dict[str, dict[str, Answer]]:
        """List the paths of the port that reviews come to, and the methods of each."""
        table: dict[str, dict[str, Answer]] = {
            **{reviewer.path: {"POST": partial(self.review, reviewer)} for reviewer in self.reviewers},
            "/healthz": {"GET": self.show_health, "HEAD": self.show_health},
            "/readyz": {"GET": self.show_readiness, "HEAD": self.show_readiness},
        }
        return {**table, **self.telemetry_table()} if with_metrics else table

    def telemetry_table(self) -> dict[str, dict[str, Answer]]:
        """List the paths of the port for telemetry."""
        return {"/metrics": {"GET": self.show_metrics, "HEAD": self.show_metrics}}

    async def answer(self, table: Mapping[str, Mapping[str, Answer]], request: web.BaseRequest) -> web.Response:
        """Answer a request by a table of paths and methods."""
        self.under_way += 1
        self.at_rest.clear()
        try:
            response = await find_answer(table, request)(request)
        except Failure as failure:
            response = self.fail(failure)
        finally:
            self.under_way -= 1
            if not self.under_way:
                self.at_rest.set()
            if isinstance(request.protocol, Connection):
                request.protocol.end_answer()
        if self.is_draining or not request.content.is_eof():  # a body that nobody read must not pass for a header
            response.force_close()
        return response

    async def review(self, reviewer: Reviewer, request: web.BaseRequest) -> web.Response:
        """Answer the review of an object."""
        started = perf_counter()
        check_content(request)
        body = await self.read_body(request)
        try:
            review = decode_review(body)
        except MalformedReview as error:
            raise Failure(400, str(error)) from None
        version = review.api_version.rpartition("/")[2]
        try:
            answer_by = set_deadline(find_timeout(request.rel_url.raw_query_string))
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

    async def read_body(self, request: web.BaseRequest) -> bytes:
        """Read a request's body. Raises Failure when it is too large, too slow or broken."""
        limit = self.limits.body_bytes
        content = request.content
        has_arrived = content.is_eof() and content.total_bytes <= limit  # the usual case: it came with the header
        if not has_arrived and (request.content_length or 0) > limit:
            raise self.too_large()
        try:
            if has_arrived:
                return content.read_nowait()
            async with asyncio.timeout(self.limits.body_seconds):
                await send_continue(request)
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise self.too_large() from None
        except TimeoutError:
            seconds = self.limits.body_seconds
            raise Failure(408, f"the body did not arrive within {seconds:g} seconds", closes=True) from None
        except (web.RequestPayloadError, ConnectionError):
            raise Failure(400, "the body is not well-formed HTTP, or the connection was cut", closes=True) from None

    def too_large(self) -> Failure:
        """Make the failure that tells how large a body may be."""
        return Failure(413, f"the body is larger than the limit of {self.limits.body_bytes} bytes", closes=True)

    async def show_health(self, _: web.BaseRequest) -> web.Response:
        """Tell that the process lives."""
        return make_response(b"ok\n", TEXT)

    async def show_readiness(self, _: web.BaseRequest) -> web.Response:
        """Tell whether to send reviews here."""
        if self.is_draining:
            return make_response(b"shutting down\n", TEXT, 503)
        if reasons := [reason for find_obstacle in self.obstacles if (reason := find_obstacle())]:
            return make_response("".join(f"{reason}\n" for reason in reasons).encode(), TEXT, 503)
        return make_response(b"ok\n", TEXT)

    async def show_metrics(self, _: web.BaseRequest) -> web.Response:
        """Give the metrics. Writing those of a large cluster takes half a second, in which reviews must go on."""
        async with self.rendering:
            text = await asyncio.to_thread(self.metrics.render)
        return make_response(text, METRICS_TEXT)

    def reject(self, status: int, error: BaseException | None) -> web.Response:
        """Answer what is not HTTP (400) or never becomes a request (408), and our own faults outside of any review."""
        if status in BROKEN_REQUESTS:
            return self.fail(Failure(status, BROKEN_REQUESTS[status], closes=True))
        if error is not None:
            log_fault(self.log, "a request could not be answered", error)
        return self.fail(Failure(500, "internal error; the webhook's log says where", closes=True))

    def fail(self, failure: Failure) -> web.Response:
        """Count a failure and write its answer. What was wrong with a request is logged, but not each time."""
        self.metrics.rejected.labels(str(failure.code)).inc()
        is_theirs = failure.code < HTTPStatus.INTERNAL_SERVER_ERROR  # ours were logged where they happened
        if is_theirs and (times := self.rejections.count(failure.code)):
            self.log.warning("a request was rejected", status=failure.code, error=failure.message, times=times)
        return make_failure(failure)


def find_answer(table: Mapping[str, Mapping[str, Answer]], request: web.BaseRequest) -> Answer:
    """Find who answers a request. Raises Failure."""
    methods = table.get(request.path)
    if methods is None:
        raise Failure(404, f"there is nothing at this path: {', '.join(sorted(table))} are served")
    answer = methods.get(request.method)
    if answer is None:
        allowed = ", ".join(sorted(methods))
        raise Failure(405, f"this path takes {allowed} only", allowed=allowed)
    return answer


def check_content(request: web.BaseRequest) -> None:
    """Raise Failure for a body that is not plain JSON."""
    if request.headers.get("Content-Type") != JSON and request.content_type != JSON:  # the usual case is the cheap one
        raise Failure(415, f"the content type must be {JSON}", closes=True)
    if "Content-Encoding" in request.headers:
        raise Failure(415, "the body must not be compressed", closes=True)


async def send_continue(request: web.BaseRequest) -> None:
    """Ask for the body, where the client waits for that (RFC 9110, section 10.1.1): curl does from 1 MiB on."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # as aiohttp's own: this is not the answer yet


def make_server(endpoints: Endpoints, table: Mapping[str, Mapping[str, Answer]]) -> web.Server:
    """Make aiohttp's server for a table of paths."""
    loop = asyncio.get_running_loop()
    size = endpoints.limits.body_bytes

    def make_request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if isinstance(protocol, Connection):
            protocol.begin_answer()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=size)

    return web.Server(partial(endpoints.answer, table), request_factory=make_request)
