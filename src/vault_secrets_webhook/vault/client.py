"""One identity at one Vault: address, namespace and token, and retries with back-off over any transport.

Knows nothing of endpoints (that is `api`) and nothing of sockets: what waits, tells the time and rolls the dice is a
`Clock`, what sends is a `Transport`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import MalformedResponse, RequestRejected, Unreachable
from vault_secrets_webhook.goparse import is_digits
from vault_secrets_webhook.wire.jsontext import loads
from vault_secrets_webhook.wire.message import URL, Request, percent_encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from vault_secrets_webhook.wire.jsontext import JSON
    from vault_secrets_webhook.wire.message import Response
    from vault_secrets_webhook.wire.transport import Transport

    from .settings import VaultSettings

    class Clock(Protocol):
        """What retries need of the world."""

        def now(self) -> float: ...
        def sleep(self, seconds: float, /) -> None: ...
        def jitter(self) -> float:
            """Give a number from 0 up to 1."""


RETRIED = frozenset((412, 429))
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
REDIRECTS = frozenset((301, 302, 307, 308))
REDIRECT_SCHEMES = {"http": ("http", "https"), "https": ("https",), "unix": ("unix", "https")}
MAX_DETAIL, MAX_DETAILS = 500, 10  # characters of an error, and errors, that are told
MAX_SCRUBBED = 64 * 1024  # characters of an error that are looked at
MAX_RETRY_AFTER_DIGITS = 5
BAD_REQUEST, DENIED, MISSING, SEALED = 400, 403, 404, 503
# What servers say (Go's net/http, nginx) when plain HTTP comes to a port that speaks TLS.
TLS_ONLY = (b"HTTP request to an HTTPS server", b"plain HTTP request was sent to HTTPS port")

MEDIA_TYPE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.+-")
KNOWN_DETAILS = frozenset(
    (
        "permission denied",
        "permission denied; invalid token",
        "invalid token",
        "missing client token",
        "unsupported operation",
        "unsupported path",
        "Vault is sealed",
        "internal server error",
    )
)
NOT_SHOWN = "the server's reason is not shown, for it may repeat the body; its audit log has it"
STATUS_WORDS = {
    400: "refused as a bad request",
    403: "permission denied",
    404: "nothing there",
    405: "this path does not take the operation",
    412: "the server has not caught up with an earlier write",
    429: "too many requests",
    500: "the server failed",
    503: "sealed, or not ready",
}


class Client:
    """Sends requests as one identity. `token` is set by a login. May be used from several threads at once.

    `on_retry` is told of each try that has to be made again: path, cause, seconds of the pause before the next, and
    how many tries there were. It is called from the thread that waits.
    """

    def __init__(
        self,
        settings: VaultSettings,
        transport: Transport,
        clock: Clock,
        token: str = "",
        on_retry: Callable[[str, str, float, int], None] | None = None,
    ) -> None:
        self.settings = settings
        self.transport = transport
        self.clock = clock
        self.token = token
        self.on_retry = on_retry
        self.timeout = settings.timeout
        self.max_retries = settings.max_retries
        self.limiter = RateLimiter(settings.rate_limit, clock) if settings.rate_limit else None

    def with_one_try(self, seconds: float) -> Client:
        """Make a client of the same identity that tries once, and for no longer than this."""
        client = Client(self.settings, self.transport, self.clock, self.token)
        client.timeout, client.max_retries = min(seconds, self.timeout), 0
        client.limiter = self.limiter
        return client

    def request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: bytes = b"",
        token: str | None = None,
        accept: tuple[int, ...] = (),
        wraps: bool = False,
        about: str = "",
        quotes: bool = True,
    ) -> Answer:
        """Send one operation, again if need be, and give its answer.

        `path` is without `/v1/` and not encoded; `token` is used instead of the client's (empty: none); statuses in
        `accept` are answers, not errors; `wraps` lets VAULT_WRAP_TTL apply; `about` is the path that errors name
        instead; without `quotes` errors give the server's words only where they are known to repeat nothing. No error
        shows anything of the token and the body. Raises Unreachable, MalformedResponse,
        RequestRejected, and ConfigurationError for TLS and proxy settings.
        """
        about = about or path
        url = self.url(path) + (f"?{query}" if query else "")
        headers = self.headers(self.token if token is None else token, has_body=bool(body))
        if wraps and self.settings.wrap_ttl:
            headers["X-Vault-Wrap-TTL"] = self.settings.wrap_ttl
        request = Request(method, url, headers, body)
        response = self.send_until_final(request, about, accept)
        if url.startswith("http:") and is_tls_only(response):
            address = f"{self.settings.address} speaks TLS: write https:// in {self.settings.address_name}"
            raise Unreachable(f"{about}: {address}", path=about, may_pass=False)
        if response.status in accept or 200 <= response.status < 300:  # noqa: PLR2004
            return Answer(response, about, self.settings.address_name)
        raise self.rejection(response, about, request, quotes=quotes)

    def url(self, path: str) -> str:
        """Make the URL of an API path; empty segments vanish, as in Vault's own client."""
        segments = [percent_encode(segment, keep="!$&'()*+,;=:@") for segment in path.split("/") if segment]
        return "/".join([self.settings.address, "v1", *segments])

    def headers(self, token: str, *, has_body: bool) -> dict[str, str]:
        headers = {"User-Agent": "vault-env", **self.settings.headers, "X-Vault-Request": "true"}
        if token:
            headers["X-Vault-Token"] = token
        if self.settings.namespace:
            headers["X-Vault-Namespace"] = self.settings.namespace
        if self.settings.mfa:
            headers["X-Vault-MFA"] = ", ".join(self.settings.mfa)
        if has_body:
            headers["Content-Type"] = "application/json"
        return headers

    def send_until_final(self, request: Request, path: str, accept: tuple[int, ...]) -> Response:
        """Send until an answer is final or accepted, or time or tries are over. Raises Unreachable.

        The time that the rate limit takes does not count. A last try for which too little time was left says less than
        the answer before it.
        """
        self.wait_for_turn()
        end = self.clock.now() + self.timeout
        answer: Response | None = None
        for tries, pause in enumerate(self.pauses(), 1):
            try:
                response = self.send_once(request, end)
            except Unreachable as error:
                if pause is None or not error.may_pass or self.clock.now() + pause >= end:
                    if answer is not None and error.timed_out:
                        return answer
                    raise describe_end(error, path, tries, self) from None
                cause = str(error)
            else:
                wait = max(pause or 0.0, retry_after(response))
                is_final = response.status in accept or not is_passing(response.status)
                if is_final or pause is None or self.clock.now() + wait >= end:
                    return response
                answer = response
                pause, cause = wait, f"HTTP {response.status}"  # noqa: PLW2901 - the server knows better
            if self.on_retry:
                self.on_retry(path, cause, pause, tries)
            self.clock.sleep(pause)
            end += self.wait_for_turn()
        raise AssertionError

    def wait_for_turn(self) -> float:
        """Wait until the rate limit lets a request go; the seconds that took."""
        if self.limiter is None:
            return 0.0
        start = self.clock.now()
        self.limiter.wait()
        return self.clock.now() - start

    def pauses(self) -> Iterator[float | None]:
        """Give the pause behind each try: exponential with full jitter; None behind the last one."""
        tries = 0
        while self.max_retries is None or tries < self.max_retries:
            yield self.clock.jitter() * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 10))
            tries += 1
        yield None

    def send_once(self, request: Request, end: float) -> Response:
        """Send, and follow one redirect: a standby names the active server so. Never from https to http.

        `end` is the moment by which the answer must be here.
        """
        response = self.transport.send(request, max(0.0, end - self.clock.now()))
        if response.status not in REDIRECTS or not self.settings.follows_redirects:
            return response
        target = self.redirect_target(URL(request.url), response)
        redirected = Request(request.method, str(target), request.headers, request.body)
        response = self.transport.send(redirected, max(0.0, end - self.clock.now()))
        if response.status in REDIRECTS:
            further = self.redirect_target(target, response)
            raise Unreachable(
                f"{self.settings.address} redirects to {target.netloc() or target.socket}, and that to"
                f" {further.netloc() or further.socket}; only one redirect is followed",
                may_pass=False,
            )
        return response

    def redirect_target(self, origin: URL, response: Response) -> URL:
        """Find where a redirect leads. Raises Unreachable for nowhere, and for what is safe less than the origin."""
        location = response.headers.get("location", "")
        if location.startswith("/"):
            location = f"{str(origin).removesuffix(origin.path)}{location}"
        try:
            target = URL(location)
        except ValueError:
            raise Unreachable(f"{self.settings.address} answers {response.status} to nowhere", may_pass=False) from None
        if target.scheme not in REDIRECT_SCHEMES[origin.scheme]:
            raise Unreachable(
                f"{self.settings.address} redirects to {target.scheme}, which is not followed", may_pass=False
            )
        return target

    def rejection(self, response: Response, path: str, request: Request, *, quotes: bool) -> RequestRejected:
        """Make the error of an answer with an error status."""
        sent = list_secrets(request)
        given = strings(parse_object(response.body).get("errors"))[:MAX_DETAILS]
        details = tuple(self.scrub(text, *sent) for text in given)
        if not quotes:
            details = tuple(map(keep_known, details))
        words = STATUS_WORDS.get(response.status, "failed")
        if any("sealed" in detail.lower() for detail in details) and response.status == SEALED:
            words = "Vault is sealed; it must be unsealed before anything can be read"
        if response.status in REDIRECTS:
            words = f"redirected, which {self.settings.prefix}DISABLE_REDIRECTS forbids to follow"
        if response.status == MISSING:
            words += self.describe_namespace()
        text = f"{path}: {words} (HTTP {response.status})"
        if reasons := [reason for reason in map(fold_list, details) if reason != words]:
            text += f": {'; '.join(reasons)}"
        return RequestRejected(text, path=path, status=response.status, details=details)

    def describe_namespace(self) -> str:
        """Say which namespace requests go to, where that is not the root."""
        return f" in namespace {self.settings.namespace}" if self.settings.namespace else ""

    def scrub(self, text: str, *secrets: str) -> str:
        """Fold white space, cut, and blot out our own token and other secrets, should the server repeat them."""
        from .redaction import hide_secrets

        passcodes = [entry.rpartition(":")[2] for entry in self.settings.mfa]
        text = hide_secrets(text[:MAX_SCRUBBED], [self.token, *passcodes, *self.settings.headers.values(), *secrets])
        return " ".join(text.split())[:MAX_DETAIL]


class Answer:
    """A successful answer. `data`, `auth` and `metadata` are empty objects where Vault gave null or nothing."""

    def __init__(self, response: Response, path: str, address_name: str) -> None:
        self.status = response.status
        self.path = path
        self.address_name = address_name
        self.is_empty = not response.body.strip()
        payload: JSON = {}
        if not self.is_empty:
            try:
                payload = loads(response.body)
            except ValueError:
                kind = response.headers.get("content-type", "").partition(";")[0].strip()
                is_json = kind.lower() in {"", "application/json"}
                if not kind.startswith(("text/", "application/")) or not set(kind) <= MEDIA_TYPE_CHARACTERS:
                    kind = "something"
                raise self.malformed("is not valid JSON" if is_json else f"is {kind} instead of JSON") from None
        if not isinstance(payload, dict):
            raise self.malformed("is JSON, but not an object")
        self.payload = payload

    def malformed(self, what: str) -> MalformedResponse:
        """Make the error of an answer that no Vault gives."""
        return MalformedResponse(
            f"{self.path}: the answer (HTTP {self.status}) {what};"
            f" does {self.address_name} name a Vault, and not a proxy or a web page?",
            path=self.path,
        )

    def object(self, name: str) -> dict[str, JSON]:
        """Give a member that must be an object; null and absent are an empty one. Raises MalformedResponse."""
        value = self.payload.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise MalformedResponse(f"{self.path}: the answer's {name} is not an object", path=self.path)
        return value

    def text(self, name: str) -> str:
        """Give a member that must be a string; null and absent are empty."""
        value = self.payload.get(name)
        return value if isinstance(value, str) else ""


class RateLimiter:
    """VAULT_RATE_LIMIT: a token bucket. Each request takes the next free moment."""

    def __init__(self, limit: tuple[float, int], clock: Clock) -> None:
        from _thread import allocate_lock

        self.interval = 1 / limit[0]
        self.burst = limit[1]
        self.clock = clock
        self.lock = allocate_lock()
        self.free_at = clock.now() - self.burst * self.interval

    def wait(self) -> None:
        """Wait until this request may go."""
        with self.lock:
            now = self.clock.now()
            self.free_at = max(self.free_at, now - self.burst * self.interval) + self.interval
            pause = self.free_at - now
        if pause > 0:
            self.clock.sleep(pause)


def is_passing(status: int) -> bool:
    """Tell whether a request answered with this status may succeed later."""
    return status in RETRIED or status >= 500  # noqa: PLR2004


def is_tls_only(response: Response) -> bool:
    """Tell whether this is what a port that speaks TLS answers to plain HTTP."""
    return response.status == BAD_REQUEST and any(words in response.body for words in TLS_ONLY)


def describe_end(error: Unreachable, path: str, tries: int, client: Client) -> Unreachable:
    """Make the error of the last try that of the operation."""
    text = f"{path}: {error}"
    if error.timed_out:
        text += f" within {client.timeout:g} s ({client.settings.prefix}CLIENT_TIMEOUT)"
    elif tries > 1:
        text += f"; tried {tries} times"
    if client.settings.is_default_address:
        text += f"; {client.settings.address_name} is not set"
    return Unreachable(text, path=path, may_pass=error.may_pass, timed_out=error.timed_out)


def list_secrets(request: Request) -> list[str]:
    """List what of a request no error may show: its token, and what its body carries."""
    from .redaction import list_texts

    return [request.headers.get("X-Vault-Token", ""), *(list_texts(request.body) if request.body else ())]


def keep_known(detail: str) -> str:
    """Give a server's words if they are some that repeat nothing of a request, else a word about them."""
    return detail if fold_list(detail) in KNOWN_DETAILS else NOT_SHOWN


def fold_list(detail: str) -> str:
    """Write the list that Vault makes of errors (`1 error occurred: * x`) as a clause."""
    count, mark, items = detail.partition(" occurred: * ")
    return items.replace(" * ", "; ") if mark and count.endswith((" error", " errors")) else detail


def retry_after(response: Response) -> float:
    """Give the seconds of a Retry-After header (RFC 9110, section 10.2.3); 0 when there is none or it is a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if is_digits(text) and len(text) <= MAX_RETRY_AFTER_DIGITS else 0.0


def parse_object(body: bytes) -> dict[str, JSON]:
    """Read a JSON object; empty when it is none."""
    try:
        payload = loads(body)
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def strings(value: JSON) -> tuple[str, ...]:
    """Give the strings of a list, and nothing for anything else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
