"""One identity at one Vault: address, namespace and token, and retries with back-off over any transport.

Knows nothing of endpoints (that is `api`) and nothing of sockets: what waits, tells the time and rolls the dice is a
`Clock`, what sends is a `Transport`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import MalformedResponse, RequestRejected, SecretMissing, Unreachable, VaultError
from vault_secrets_webhook.wire.jsontext import loads
from vault_secrets_webhook.wire.message import URL, Request, percent_encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
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
MAX_DETAIL = 500
BLOT = "[hidden]"
SEALED = 503

STATUS_WORDS = {
    400: "refused as a bad request",
    403: "permission denied",
    404: "nothing there",
    405: "this path does not take the operation",
    412: "the server has not caught up with an earlier write",
    429: "too many requests",
    503: "sealed, or not ready",
}


class Client:
    """Sends requests as one identity. `token` is set by a login. May be used from several threads at once."""

    def __init__(self, settings: VaultSettings, transport: Transport, clock: Clock, token: str = "") -> None:
        self.settings = settings
        self.transport = transport
        self.clock = clock
        self.token = token
        self.limiter = RateLimiter(settings.rate_limit, clock) if settings.rate_limit else None

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
    ) -> Answer:
        """Send one operation, again if need be, and give its answer.

        `path` is without `/v1/` and not encoded; `token` is used instead of the client's (empty: none); statuses in
        `accept` are answers, not errors; `wraps` lets VAULT_WRAP_TTL apply. Raises Unreachable, MalformedResponse,
        SecretMissing, RequestRejected.
        """
        url = self.url(path) + (f"?{query}" if query else "")
        headers = self.headers(self.token if token is None else token, has_body=bool(body))
        if wraps and self.settings.wrap_ttl:
            headers["X-Vault-Wrap-TTL"] = self.settings.wrap_ttl
        response = self.send_until_final(Request(method, url, headers, body), path, accept)
        if response.status in accept or 200 <= response.status < 300:  # noqa: PLR2004
            return Answer(response, path)
        raise self.rejection(response, path)

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
        """Send until an answer is final or accepted, or time or tries are over. Raises Unreachable."""
        end = self.clock.now() + self.settings.timeout
        for pause in self.pauses():
            try:
                response = self.send_once(request, end)
            except Unreachable as error:
                if pause is None or not error.may_pass or self.clock.now() + pause >= end:
                    raise Unreachable(f"{path}: {error}", path=path) from None
            else:
                wait = max(pause or 0.0, retry_after(response))
                is_final = response.status in accept or not is_passing(response)
                if is_final or pause is None or self.clock.now() + wait >= end:
                    return response
                pause = wait  # noqa: PLW2901 - the server knows better
            self.clock.sleep(pause)
        raise AssertionError

    def pauses(self) -> Iterator[float | None]:
        """Give the pause behind each try: exponential with full jitter; None behind the last one."""
        tries = 0
        while self.settings.max_retries is None or tries < self.settings.max_retries:
            yield self.clock.jitter() * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 10))
            tries += 1
        yield None

    def send_once(self, request: Request, end: float) -> Response:
        """Send, and follow one redirect: a standby names the active server so. Never from https to http.

        `end` is the moment by which the answer must be here.
        """
        if self.limiter:
            self.limiter.wait()
        response = self.transport.send(request, end - self.clock.now())
        if response.status not in REDIRECTS or not self.settings.follows_redirects:
            return response
        target = self.redirect_target(URL(request.url), response)
        redirected = Request(request.method, str(target), request.headers, request.body)
        return self.transport.send(redirected, end - self.clock.now())

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

    def rejection(self, response: Response, path: str) -> VaultError:
        """Make the error of an answer with an error status."""
        payload = parse_object(response.body)
        details = tuple(self.scrub(text) for text in strings(payload.get("errors")))
        warnings = tuple(self.scrub(text) for text in strings(payload.get("warnings")))
        words = STATUS_WORDS.get(response.status, "failed")
        if any("sealed" in detail.lower() for detail in details) and response.status == SEALED:
            words = "Vault is sealed; it must be unsealed before anything can be read"
        text = f"{path}: {words} (HTTP {response.status})"
        if details and details != ("permission denied",):
            text += f": {'; '.join(details)}"
        kind = SecretMissing if response.status == 404 else RequestRejected  # noqa: PLR2004
        return kind(text, path=path, status=response.status, details=details, warnings=warnings)

    def scrub(self, text: str, *secrets: str) -> str:
        """Fold white space, cut, and blot out our own token and other secrets, should the server repeat them."""
        text = " ".join(text.split())
        for secret in filter(None, (self.token, *secrets)):
            text = text.replace(secret, BLOT)
        return text[:MAX_DETAIL]


class Answer:
    """A successful answer. `data`, `auth` and `metadata` are empty objects where Vault gave null or nothing."""

    def __init__(self, response: Response, path: str) -> None:
        self.status = response.status
        self.path = path
        payload: JSON = {}
        if response.body.strip():
            try:
                payload = loads(response.body)
            except ValueError:
                raise self.malformed(response) from None
        if not isinstance(payload, dict):
            raise self.malformed(response)
        self.payload = payload

    def malformed(self, response: Response) -> MalformedResponse:
        kind = response.headers.get("content-type", "").partition(";")[0] or "something"
        return MalformedResponse(
            f"{self.path}: the answer (HTTP {response.status}) is {kind} instead of a JSON object;"
            " does VAULT_ADDR name a Vault, and not a proxy or a web page?",
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


def is_passing(response: Response) -> bool:
    """Tell whether the same request may succeed later."""
    return response.status in RETRIED or response.status >= 500  # noqa: PLR2004


def retry_after(response: Response) -> float:
    """Give the seconds of a Retry-After header (RFC 9110, section 10.2.3); 0 when there is none or it is a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0  # noqa: PLR2004


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
