"""A transport and a clock that are values, so that retries take no time and chance is chosen."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from vault_secrets_webhook.vault.client import Client
from vault_secrets_webhook.vault.settings import VaultSettings
from vault_secrets_webhook.wire.message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ADDRESS = "https://vault.example.com:8200"


class FakeClock:
    """Time goes on only by `sleep` and by what a transport `spends`."""

    def __init__(self, chance: float = 0.5) -> None:
        self.time = 1000.0
        self.chance = chance
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def jitter(self) -> float:
        return self.chance


class FakeTransport:
    """Gives the answers one after the other (the last again and again): responses, or errors that are raised.

    `answers` may be a function of the request instead.
    """

    def __init__(self, answers: Iterable[Response | Exception] | Callable[[Request], Response | Exception]) -> None:
        self.answers = answers if callable(answers) else in_order(deque(answers))
        self.sent: list[Request] = []
        self.timeouts: list[float] = []

    def send(self, request: Request, timeout: float) -> Response:
        self.sent.append(request)
        self.timeouts.append(timeout)
        answer = self.answers(request)
        if isinstance(answer, Exception):
            raise answer
        return answer


def in_order(answers: deque[Response | Exception]) -> Callable[[Request], Response | Exception]:
    return lambda _: answers.popleft() if len(answers) > 1 else answers[0]


def respond(status: int = 200, body: Any = b"", **headers: str) -> Response:
    """A response; the body is JSON unless it is bytes; underscores of header names become hyphens."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def make_client(
    answers: Iterable[Response | Exception] | Callable[[Request], Response | Exception],
    environ: Mapping[str, str] | None = None,
    *,
    token: str = "the-token",
    chance: float = 0.5,
) -> tuple[Client, FakeTransport, FakeClock]:
    """A client, and the transport and the clock that it uses."""
    settings = VaultSettings({"VAULT_ADDR": ADDRESS, **(environ or {})})
    transport, clock = FakeTransport(answers), FakeClock(chance)
    return Client(settings, transport, clock, token), transport, clock


def path_of(request: Request) -> str:
    """The API path of a request, with its query."""
    return request.url.partition("/v1/")[2]
