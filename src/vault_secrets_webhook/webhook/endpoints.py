"""What the server answers: the table of paths, and one method for each.

Everything that is no answer to a review is a `metav1.Status`, because that is what the API server can read: it shows
the message to the user, where for any other body it writes `an error on the server ("unknown")`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

from vault_secrets_webhook.textlog import DEBUG, INFO

from .admission import LONGEST_NAME, MalformedReview, answer_review, cut, decode_review, find_name
from .connection import Connection
from .deadline import set_deadline
from .faults import log_fault
from .kube.errors import KubernetesError
from .throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

    from vault_secrets_webhook.textlog import Log

    from .admission import Review, Verdict
    from .metrics import Metrics
    from .mutate.pod import PodMutation

    Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]
    Mutate = Callable[[bytes, str], Awaitable[PodMutation]]

MOST_LOGGED, LONGEST_LOGGED = 20, 500  # of a list: items, and characters of each
REJECTION_PAUSE = 10.0  # seconds between two log lines about rejected requests of one status
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LARGEST_BODY = 8 * 1024 * 1024  # the API server's limit for a request is 3 MiB, of which an update carries two
SERVER = "vault-secrets-webhook"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
REASONS = {
    400: "BadRequest",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "Timeout",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    500: "InternalError",
    504: "Timeout",
}
BROKEN_REQUESTS = {
    400: "the request is not well-formed HTTP",
    408: "the header of the request did not arrive in time",
}


class Failure(Exception):
    """A request that gets a `Status` instead of what it asked for.

    `closes` ends the connection, `allowed` are the methods that the path takes. The message holds no data of the
    request, because it is logged.
    """

    def __init__(self, code: int, message: str, *, closes: bool = False, allowed: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.closes = closes
        self.allowed = allowed


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """A `metav1.Status` that tells of a failure."""

    code: int
    reason: str
    message: str
    status: str = "Failure"
    api_version: str = "v1"
    kind: str = "Status"


class Limits(NamedTuple):
    """How long a body may take to arrive, in seconds, and how large it may be, in bytes."""

    body_seconds: float
    body_bytes: int = LARGEST_BODY


class Endpoints:
    """Answers requests. `is_draining` makes it answer each as the last one of its connection."""

    def __init__(self, mutate: Mutate, log: Log, metrics: Metrics, limits: Limits) -> None:
        self.mutate = mutate
        self.log = log
        self.metrics = metrics
        self.limits = limits
        self.is_draining = False
        self.under_way = 0
        self.at_rest = asyncio.Event()
        self.at_rest.set()
        self.rejections = Throttle(REJECTION_PAUSE)

    def main_table(self, *, with_metrics: bool) -> dict[str, dict[str, Answer]]:
        """List the paths of the port that reviews come to, and the methods of each."""
        table: dict[str, dict[str, Answer]] = {
            "/pods": {"POST": self.review_pod},
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

    async def review_pod(self, request: web.BaseRequest) -> web.Response:
        """Answer the review of a pod."""
        started = perf_counter()
        check_content(request)
        body = await self.read_body(request)
        try:
            review = decode_review(body)
        except MalformedReview as error:
            raise Failure(400, str(error)) from None
        try:
            async with asyncio.timeout_at(set_deadline(request.query.get("timeout"))):
                verdict = await answer_review(review, self.mutate)
        except Exception as error:  # noqa: BLE001 - whatever it is, the API server needs an answer
            raise self.explain(review, error, perf_counter() - started) from None
        version = review.api_version.rpartition("/")[2]
        self.metrics.observe_review(version, review.request, verdict, perf_counter() - started)
        self.log_verdict(review, verdict)
        return make_response(verdict.body, JSON)

    async def read_body(self, request: web.BaseRequest) -> bytes:
        """Read a request's body. Raises Failure when it is too large, too slow or broken."""
        limit = self.limits.body_bytes
        too_large = Failure(413, f"the body is larger than the limit of {limit} bytes", closes=True)
        if (request.content_length or 0) > limit:
            raise too_large
        try:
            if request.content.is_eof():  # the usual case: it came along with the header
                return await request.read()
            async with asyncio.timeout(self.limits.body_seconds):
                await send_continue(request)
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise too_large from None
        except TimeoutError:
            seconds = self.limits.body_seconds
            raise Failure(408, f"the body did not arrive within {seconds:g} seconds", closes=True) from None
        except (web.RequestPayloadError, ConnectionError):
            raise Failure(400, "the body is not well-formed HTTP, or the connection was cut", closes=True) from None

    def explain(self, review: Review, error: Exception, seconds: float) -> Failure:
        """Log and count a review that cannot be answered; gives what to answer instead."""
        request = review.request
        fields = {
            "uid": cut(request.uid, LONGEST_NAME),
            "namespace": cut(request.namespace, LONGEST_NAME),
            "pod": find_name(request),
        }
        if isinstance(error, KubernetesError):
            reason, failure = "kubernetes-error", Failure(500, str(error))
            self.log.error("a pod could not be reviewed", error=str(error), **fields)
        elif isinstance(error, TimeoutError):
            reason, failure = "timeout", Failure(504, "the review took longer than the time that the request allows")
            self.log.error("a pod could not be reviewed in time", **fields)
        else:
            reason = "internal-error"
            failure = Failure(500, f"internal error ({type(error).__qualname__}); the webhook's log says where")
            log_fault(self.log, "a pod could not be reviewed", error, **fields)
        self.metrics.observe_failure(review.api_version.rpartition("/")[2], request, reason, seconds)
        return failure

    def log_verdict(self, review: Review, verdict: Verdict) -> None:
        """Log how a review ended: changed and refused pods always, the others for debugging."""
        is_news = verdict.mutated or bool(verdict.refusal)
        if verdict.unread:
            self.log_unread(review, verdict.unread)
        if self.log.threshold > (INFO if is_news else DEBUG):
            return
        request = review.request
        write = self.log.info if is_news else self.log.debug
        write(
            "pod refused" if verdict.refusal else "pod mutated" if verdict.mutated else "pod left as it is",
            namespace=cut(request.namespace, LONGEST_NAME),
            pod=find_name(request),
            containers=cut_list(verdict.injected) or None,
            reason=verdict.reason,
            error=verdict.refusal or None,
            dry_run=request.dry_run,
        )

    def log_unread(self, review: Review, unread: list[str]) -> None:
        """Log and count what a pod takes variables from, if it is there, and what could not be looked at."""
        self.metrics.unread.inc(len(unread))
        self.log.warning(
            "optional objects could not be read: a reference in them is not seen",
            namespace=cut(review.request.namespace, LONGEST_NAME),
            pod=find_name(review.request),
            objects=cut_list(unread),
        )

    async def show_health(self, _: web.BaseRequest) -> web.Response:
        """Tell that the process lives."""
        return make_response(b"ok\n", TEXT)

    async def show_readiness(self, _: web.BaseRequest) -> web.Response:
        """Tell whether to send reviews here."""
        if self.is_draining:
            return make_response(b"shutting down\n", TEXT, 503)
        return make_response(b"ok\n", TEXT)

    async def show_metrics(self, _: web.BaseRequest) -> web.Response:
        """Give the metrics."""
        return make_response(self.metrics.render(), METRICS_TEXT)

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
        status = Status(failure.code, REASONS[failure.code], failure.message)
        response = make_response(msgspec.json.encode(status), JSON, failure.code)
        if failure.allowed:
            response.headers["Allow"] = failure.allowed  # RFC 9110, section 15.5.6
        if failure.closes:
            response.force_close()
        return response


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
    if request.content_type != JSON:
        raise Failure(415, f"the content type must be {JSON}", closes=True)
    if "Content-Encoding" in request.headers:
        raise Failure(415, "the body must not be compressed", closes=True)


async def send_continue(request: web.BaseRequest) -> None:
    """Ask for the body, where the client waits for that (RFC 9110, section 10.1.1): curl does from 1 MiB on."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # as aiohttp's own: this is not the answer yet


def cut_list(texts: Sequence[str]) -> list[str]:
    """Shorten a list for a log line: names in a pod that was not validated yet may be long, and many."""
    shown = [cut(text, LONGEST_LOGGED) for text in texts[:MOST_LOGGED]]
    return shown if len(texts) <= MOST_LOGGED else [*shown, f"and {len(texts) - MOST_LOGGED} more"]


def make_response(body: bytes, content_type: str, status: int = 200) -> web.Response:
    """Make a response that does not tell the versions of our libraries."""
    return web.Response(body=body, status=status, headers=CIMultiDict({"Content-Type": content_type, "Server": SERVER}))


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
