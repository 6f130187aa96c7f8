"""HTTP/1.1 as the server speaks it: one connection, its requests one after the other.

The syntax is llhttp's (httptools), which is strict: a request that two servers could read in two ways is refused. What
is added here is what a server of one kind of request needs: limits of size and time, one answer after the other, and
the last answer still reaching a client that goes on sending. Asyncio's protocol and not a framework, because that was
more than a third of what a review takes (benchmarks/admission.py).

    idle -> header -> body -> answering -> idle, or the end

The time of a header counts from its first byte. A connection that sends nothing at all may stay as long as an idle one:
Go's HTTP client, which is the API server's, opens connections ahead, and takes one that is closed before its first
request for a failed call.

Source: RFC 9110, RFC 9112. Whether a path exists, and what is answered, is the business of `endpoints`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

import httptools

from .request import Request, read_target
from .responses import Failure, write_response

if TYPE_CHECKING:
    from .endpoints import Endpoints, Route, Table
    from .responses import Response
    from .timing import Timing

BAD_REQUEST, REQUEST_TIMEOUT, HEADER_TOO_LARGE = 400, 408, 431
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTATION = b"100-continue"
LARGEST_HEADER = 64 * 1024
MOST_WAITING = 64  # requests that arrived together, behind the one that is being answered


class Exchange(NamedTuple):
    """A request that has arrived, and what becomes of it: a route that answers it, or a failure; then what follows."""

    request: Request
    route: Route | None
    failure: Failure | None
    is_last: bool


class Site:
    """What the connections of a listener have in common: who answers, how long things may take, and who they are."""

    def __init__(self, endpoints: Endpoints, table: Table, timing: Timing) -> None:
        self.endpoints = endpoints
        self.table = table
        self.timing = timing
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()

    def connect(self) -> Connection:
        """Make the protocol of a connection."""
        return Connection(self)

    async def close_late_connections(self) -> None:
        """Look after connections that take too long, for ever."""
        while True:
            await asyncio.sleep(self.timing.poll)
            now = self.loop.time()
            for connection in [*self.connections]:
                connection.look_at_clock(now)


class Connection(asyncio.Protocol):
    """One connection. Times are the loop's, 0.0 for never.

    `header_since` is when the header at hand began, `body_since` when it was complete and its body was not,
    `idle_since` when the last answer ended, `unread_since` since when the peer does not take all that was written,
    `linger_until` how long what still comes is thrown away behind the last answer.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.endpoints = site.endpoints
        self.clock = site.loop.time
        self.transport: asyncio.Transport | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.header_since = self.body_since = self.unread_since = self.linger_until = 0.0
        self.idle_since = self.clock()
        self.header_size = 0
        self.is_last = False
        self.is_expecting = False
        self.task: asyncio.Task[None] | None = None
        self.waiting: deque[Exchange] = deque()
        self.held: list[bytes] = []
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self.site.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """End. What is being answered goes on, for others may wait for what it looks up."""
        self.transport = None
        self.site.connections.discard(self)
        if self.body_since and self.route is not None:
            self.endpoints.end_request()
        for exchange in self.waiting:
            if exchange.route is not None:
                self.endpoints.end_request()
        self.waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, unless an answer is still to be given: then it waits, and no more is read."""
        if self.linger_until:
            return
        if self.task is not None:
            self.held.append(data)
            if self.transport is not None:
                self.transport.pause_reading()
            return
        if not self.body_since and not self.header_since:
            self.header_since = self.clock()
            self.header_size = 0
        self.header_size += len(data)
        if not self.parse(data):
            return
        if self.body_since:
            self.await_body()
        elif self.header_since and self.header_size > LARGEST_HEADER:
            self.give_up(HEADER_TOO_LARGE)

    def parse(self, data: bytes) -> bool:
        """Have the parser call the methods below. Tells whether it found nothing wrong."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # no other protocol is spoken here: its answer in this one is the last
            return True
        except httptools.HttpParserError:
            self.is_last = True
            if self.task is None and not self.linger_until:
                self.give_up(BAD_REQUEST)
            return False
        return True

    def await_body(self) -> None:
        """Refuse a request whose body is not worth waiting for; ask for the body where the client waits for that."""
        if self.failure is not None:
            self.respond(self.endpoints.fail(self.failure), self.request, is_last=True)
        elif self.is_expecting and self.task is None and self.transport is not None:
            self.is_expecting = False
            self.transport.write(CONTINUE)

    # What the parser calls. Whatever it is told to call may not raise, or it would be its error.

    def on_message_begin(self) -> None:
        """Make room for a request."""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.parts: list[bytes] = []
        self.size = 0
        self.route: Route | None = None
        self.failure: Failure | None = None
        self.request = Request("", "", "", {})
        self.is_expecting = False

    def on_url(self, url: bytes) -> None:
        """Take the request target, or a part of it."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field."""
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Find who answers."""
        self.header_since = 0.0
        self.body_since = self.clock()
        headers = self.headers
        self.request = Request(self.parser.get_method().decode(), *read_target(self.target), headers)
        if b"expect" in headers and self.parser.get_http_version() == "1.1":
            self.is_expecting = headers[b"expect"].lower() == EXPECTATION
        try:
            self.route = self.endpoints.admit(self.site.table, self.request)
        except Failure as failure:
            self.failure = failure
        else:
            self.endpoints.begin_request()

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self.size += len(part)
        if self.failure is None and self.size > self.endpoints.limits.body_bytes:
            self.refuse(self.endpoints.too_large())
        if self.failure is None:
            self.parts.append(part)

    def on_message_complete(self) -> None:
        """Answer, or keep the request until the one before it is answered."""
        self.body_since = 0.0
        self.request.body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        parser = self.parser
        is_last = not parser.should_keep_alive() or parser.should_upgrade() or len(self.waiting) >= MOST_WAITING
        exchange = Exchange(self.request, self.route, self.failure, is_last)
        if self.task is None and not self.linger_until:
            self.begin_answer(exchange)
        elif self.linger_until or self.is_last:
            self.refuse(Failure(BAD_REQUEST, ""))
        else:
            self.waiting.append(exchange)
        self.is_last = self.is_last or is_last

    def refuse(self, failure: Failure) -> None:
        """Let a request that was admitted fail."""
        if self.route is not None:
            self.route = None
            self.endpoints.end_request()
        self.failure = failure
        self.parts.clear()

    # Answering.

    def begin_answer(self, exchange: Exchange) -> None:
        """Answer a request in a task of its own, or, when it cannot be, here and now."""
        if exchange.route is None:
            failure = exchange.failure or Failure(BAD_REQUEST, "")
            self.respond(self.endpoints.fail(failure), exchange.request, is_last=exchange.is_last)
        else:
            self.task = self.site.loop.create_task(self.answer(exchange, exchange.route))

    async def answer(self, exchange: Exchange, route: Route) -> None:
        """Answer a request, then those that came behind it."""
        try:
            response = await self.endpoints.answer(route, exchange.request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the API server needs an answer
            response = self.endpoints.reject(500, error)
        self.task = None
        self.respond(response, exchange.request, is_last=exchange.is_last)
        self.endpoints.end_request()
        self.go_on()

    def go_on(self) -> None:
        """Turn to what came while there was an answer to give."""
        while self.waiting and self.task is None and self.transport is not None:
            self.begin_answer(self.waiting.popleft())
        if self.held and self.task is None and self.transport is not None:
            data = b"".join(self.held)
            self.held.clear()
            self.transport.resume_reading()
            self.data_received(data)

    def respond(self, response: Response, request: Request, *, is_last: bool) -> None:
        """Write an answer, and close the connection behind the last one."""
        if self.transport is None or self.transport.is_closing():
            return
        is_last = is_last or response.closes or self.endpoints.is_draining or (self.is_last and not self.waiting)
        self.transport.write(write_response(response, has_body=request.method != "HEAD", is_last=is_last))
        self.idle_since = self.clock()
        if not is_last:
            return
        self.is_last = True
        if self.body_since:
            self.linger()
        else:
            self.transport.close()

    def linger(self) -> None:
        """Throw away what still comes: closing now would reset the connection, and the answer might never be read."""
        self.linger_until = self.clock() + self.site.timing.linger

    def give_up(self, status: int) -> None:
        """Answer what never became a request, and close."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(write_response(self.endpoints.reject(status, None), has_body=True, is_last=True))
            if status == REQUEST_TIMEOUT:
                self.transport.close()
            else:
                self.linger()

    # Clocks and the end.

    def look_at_clock(self, now: float) -> None:
        """End what takes too long; to be called again and again."""
        timing, transport = self.site.timing, self.transport
        if transport is None:
            return
        if self.is_unread(now, timing.answer, transport) or (self.linger_until and now > self.linger_until):
            transport.abort()
        elif self.linger_until or transport.is_closing() or self.task is not None:
            return
        elif self.header_since:
            if now - self.header_since > timing.header:
                self.give_up(REQUEST_TIMEOUT)
        elif self.body_since:
            if now - self.body_since > timing.body:
                self.refuse(self.endpoints.too_slow())
                self.await_body()
        elif now - self.idle_since > timing.keep_alive:
            transport.close()

    def is_unread(self, now: float, limit: float, transport: asyncio.Transport) -> bool:
        """Tell whether an answer waits for its reader since more than `limit` seconds.

        It would stay in memory as long as its reader likes. (Over TLS the event loop takes it all at once, and gives up
        by itself some time after the connection was closed as idle.)
        """
        if not transport.get_write_buffer_size():
            self.unread_since = 0.0
            return False
        self.unread_since = self.unread_since or now
        return now - self.unread_since > limit

    def end(self) -> bool:
        """Close an idle connection at once. Tells whether the last answer is still on its way."""
        if self.transport is None:
            return False
        if self.transport.is_closing() or self.linger_until:
            return True
        self.transport.abort()
        return False

    def abort(self) -> None:
        """Close, whatever is under way. TLS would wait for the peer's farewell, longer than the event loop lives."""
        if self.transport is not None:
            self.transport.abort()
