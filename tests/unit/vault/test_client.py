"""The Vault client over a transport that is a list of answers: retries, redirects, headers, errors."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.fakes.transport import ADDRESS, FakeClock, make_client, respond
from vault_secrets_webhook.errors import MalformedResponse, RequestRejected, SecretMissing, Unreachable, VaultError
from vault_secrets_webhook.vault.client import RateLimiter

OK = respond(200, {"data": {"a": "b"}})
CUT = Unreachable("connection reset")


@pytest.mark.parametrize("answer", [*(respond(status) for status in (412, 429, 500, 502, 503, 504)), CUT], ids=repr)
def test_passing_trouble_is_tried_again(answer: Any) -> None:
    client, transport, clock = make_client([answer, answer, OK])
    assert client.request("GET", "a").object("data") == {"a": "b"}
    assert (len(transport.sent), len(clock.slept)) == (3, 2)
    assert {request.url for request in transport.sent} == {f"{ADDRESS}/v1/a"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 422])
def test_final_trouble_is_not_tried_again(status: int) -> None:
    client, transport, clock = make_client([respond(status, {"errors": ["no"]}), OK])
    with pytest.raises(RequestRejected) as raised:
        client.request("GET", "a/b")
    assert (raised.value.status, raised.value.path, raised.value.details) == (status, "a/b", ("no",))
    assert not isinstance(raised.value, SecretMissing)  # only who knows that it was a read can tell
    assert (len(transport.sent), clock.slept) == (1, [])


def test_trouble_that_stays_is_not_tried_again() -> None:
    client, transport, _ = make_client([Unreachable("the certificate is not trusted", may_pass=False), OK])
    with pytest.raises(Unreachable, match="a/b: the certificate is not trusted") as raised:
        client.request("GET", "a/b")
    assert (raised.value.path, len(transport.sent)) == ("a/b", 1)


@pytest.mark.parametrize("status", [429, 503])
def test_accepted_status_is_an_answer(status: int) -> None:
    client, transport, _ = make_client([respond(status, {"data": {}})])
    assert client.request("GET", "a", accept=(status,)).status == status
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("chance", "pauses"),
    [
        (0.0, [0.0] * 7),
        (0.5, [0.125, 0.25, 0.5, 1.0, 2.0, 2.5, 2.5]),
        (1.0, [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]),
    ],
)
def test_back_off_is_exponential_with_full_jitter(chance: float, pauses: list[float]) -> None:
    client, _, clock = make_client([CUT] * 7 + [OK], {"VAULT_CLIENT_TIMEOUT": "60s"}, chance=chance)
    client.request("GET", "a")
    assert clock.slept == pauses


def test_retries_end_with_the_time() -> None:
    client, transport, clock = make_client([CUT], {"VAULT_CLIENT_TIMEOUT": "3s"}, chance=1.0)
    with pytest.raises(Unreachable, match="a: connection reset"):
        client.request("GET", "a")
    assert clock.slept == [0.25, 0.5, 1.0]  # the next one, 2 s, would end behind the deadline
    assert transport.timeouts == [3.0, 2.75, 2.25, 1.25]


def test_last_answer_counts_when_time_is_over() -> None:
    client, _, _ = make_client([CUT, respond(503, {"errors": ["Vault is sealed"]})], {"VAULT_CLIENT_TIMEOUT": "1s"})
    with pytest.raises(RequestRejected, match=r"a: Vault is sealed; it must be unsealed .* \(HTTP 503\)"):
        client.request("GET", "a")


def test_answer_of_the_server_says_more_than_a_last_try_without_time() -> None:
    answers: list[Any] = [respond(503, {"errors": ["Vault is sealed"]}), Unreachable("no answer", timed_out=True)]
    client, _, _ = make_client(answers, {"VAULT_MAX_RETRIES": "1"})
    with pytest.raises(RequestRejected, match=r"a: Vault is sealed; it must be unsealed .* \(HTTP 503\)"):
        client.request("GET", "a")


@pytest.mark.parametrize(("retries", "sent"), [("0", 1), ("1", 2), ("3", 4)])
@pytest.mark.parametrize("answer", [CUT, respond(500)], ids=repr)
def test_max_retries(retries: str, sent: int, answer: Any) -> None:
    client, transport, _ = make_client([answer], {"VAULT_MAX_RETRIES": retries})
    with pytest.raises(VaultError):
        client.request("GET", "a")
    assert len(transport.sent) == sent


@pytest.mark.parametrize(
    ("text", "pause"),
    [("2", 2.0), ("0", 0.125), ("", 0.125), ("-3", 0.125), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.125), ("²", 0.125)],
)
def test_retry_after(text: str, pause: float) -> None:
    client, _, clock = make_client([respond(429, retry_after=text), OK])
    client.request("GET", "a")
    assert clock.slept == [pause]


@pytest.mark.parametrize("text", ["10", "99999", "9" * 5000], ids=["timeout", "days", "endless"])
def test_retry_after_beyond_the_time_is_not_waited_for(text: str) -> None:
    client, transport, clock = make_client([respond(503, retry_after=text), OK])
    if text == "9" * 5000:  # no number that anybody means: the usual back-off
        assert client.request("GET", "a").status == 200
        return
    with pytest.raises(RequestRejected, match="HTTP 503"):
        client.request("GET", "a")
    assert (len(transport.sent), clock.slept) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_one_redirect_is_followed(status: int) -> None:
    away = respond(status, location="https://active.example.com:8200/v1/a?version=2")
    client, transport, _ = make_client([away, OK])
    client.request("PUT", "a", query="version=2", body=b"{}")
    first, second = transport.sent
    assert second.url == "https://active.example.com:8200/v1/a?version=2"
    assert (second.method, second.headers, second.body) == (first.method, first.headers, first.body)


@pytest.mark.parametrize(
    ("address", "location", "expected"),
    [
        (ADDRESS, "/v1/b", f"{ADDRESS}/v1/b"),
        (f"{ADDRESS}/prefix", "/prefix/v1/b", f"{ADDRESS}/prefix/v1/b"),
        ("http://vault", "http://other/v1/b", "http://other/v1/b"),
        ("http://vault", "https://vault/v1/b", "https://vault/v1/b"),
        ("unix:///run/vault.sock", "/v1/b", "unix://%2Frun%2Fvault.sock/v1/b"),
    ],
)
def test_where_a_redirect_leads(address: str, location: str, expected: str) -> None:
    client, transport, _ = make_client([respond(307, location=location), OK], {"VAULT_ADDR": address})
    client.request("GET", "a")
    assert transport.sent[1].url == expected


def test_second_redirect_is_an_error_that_names_where_both_lead() -> None:
    answers = [respond(307, location=f"https://vault-{number}:8200/v1/a?secret=x") for number in (1, 2)]
    client, transport, _ = make_client(answers)
    with pytest.raises(
        Unreachable, match=f"^a: {ADDRESS} redirects to vault-1:8200, and that to vault-2:8200; only one"
    ):
        client.request("GET", "a")
    assert len(transport.sent) == 2


@pytest.mark.parametrize(
    ("address", "location", "reason"),
    [
        (ADDRESS, "http://vault.example.com:8200/v1/a", "redirects to http, which is not followed"),
        (ADDRESS, "unix:///run/other.sock", "redirects to unix, which is not followed"),
        ("http://vault", "unix:///run/other.sock", "redirects to unix, which is not followed"),
        ("unix:///run/vault.sock", "http://vault/v1/a", "redirects to http, which is not followed"),
        (ADDRESS, "", "answers 307 to nowhere"),
        (ADDRESS, "ftp://x", "answers 307 to nowhere"),
        (ADDRESS, "https://a b", "answers 307 to nowhere"),
        (ADDRESS, "/a b", "answers 307 to nowhere"),
    ],
)
def test_redirect_that_is_not_followed(address: str, location: str, reason: str) -> None:
    client, transport, _ = make_client([respond(307, location=location), OK], {"VAULT_ADDR": address})
    with pytest.raises(Unreachable, match=reason):
        client.request("GET", "a")
    assert len(transport.sent) == 1


def test_redirects_can_be_switched_off() -> None:
    client, transport, _ = make_client([respond(307, location="/v1/b"), OK], {"VAULT_DISABLE_REDIRECTS": "true"})
    with pytest.raises(RequestRejected, match=r"VAULT_DISABLE_REDIRECTS forbids to follow \(HTTP 307\)"):
        client.request("GET", "a")
    assert len(transport.sent) == 1


def test_redirect_has_the_time_that_is_left() -> None:
    client, transport, clock = make_client(lambda _: OK)

    def spend(request: Any) -> Any:
        clock.time += 4
        return respond(307, location="/v1/b") if request.url.endswith("/a") else OK

    transport.answers = spend
    client.request("GET", "a")
    assert transport.timeouts == [10.0, 6.0]


HEADERS: list[tuple[str, dict[str, str], dict[str, Any], dict[str, str]]] = [
    ("least", {}, {"token": ""}, {"User-Agent": "vault-env", "X-Vault-Request": "true"}),
    (
        "token",
        {},
        {},
        {"User-Agent": "vault-env", "X-Vault-Request": "true", "X-Vault-Token": "the-token"},
    ),
    (
        "other token",
        {},
        {"token": "other"},
        {"User-Agent": "vault-env", "X-Vault-Request": "true", "X-Vault-Token": "other"},
    ),
    (
        "everything",
        {
            "VAULT_NAMESPACE": "/team/a/",
            "VAULT_MFA": "duo:123, totp:456",
            "VAULT_HEADERS": '{"X-A":"1","x-b":["2","3"],"User-Agent":"mine"}',
            "VAULT_WRAP_TTL": "60s",
        },
        {"body": b"{}", "wraps": True},
        {
            "User-Agent": "mine",
            "X-A": "1",
            "x-b": "2, 3",
            "X-Vault-Request": "true",
            "X-Vault-Token": "the-token",
            "X-Vault-Namespace": "team/a",
            "X-Vault-MFA": "duo:123, totp:456",
            "X-Vault-Wrap-TTL": "60s",
            "Content-Type": "application/json",
        },
    ),
]


@pytest.mark.parametrize(
    ("environ", "arguments", "expected"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS]
)
def test_headers(environ: dict[str, str], arguments: dict[str, Any], expected: dict[str, str]) -> None:
    client, transport, _ = make_client([OK], environ)
    client.request("PUT", "a", **arguments)
    assert transport.sent[0].headers == expected


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("a/b", "/v1/a/b"),
        ("/a//b/", "/v1/a/b"),
        ("a b/c?d#e%f", "/v1/a%20b/c%3Fd%23e%25f"),
        ("users/a@b:c=d+e", "/v1/users/a@b:c=d+e"),
        ("größe", "/v1/gr%C3%B6%C3%9Fe"),
        ("a\udcff", "/v1/a%FF"),
        ("a\r\nb", "/v1/a%0D%0Ab"),
        ("a\\..\\b", "/v1/a%5C..%5Cb"),
    ],
)
def test_url_of_a_path(path: str, url: str) -> None:
    client, _, _ = make_client([OK], {"VAULT_ADDR": "http://vault:8200/prefix/"})
    assert client.url(path) == f"http://vault:8200/prefix{url}"


MALFORMED: list[tuple[str, Any, str]] = [
    (
        "HTML",
        respond(200, b"<html>hunter2</html>", content_type="text/html; charset=utf-8"),
        "is text/html instead of JSON",
    ),
    ("a token for a type", respond(200, b"x", content_type="hvs.hunter2hunter2"), "is something instead of JSON"),
    ("text", respond(200, b"hunter2"), "is not valid JSON;"),
    ("list", respond(200, ["hunter2"], content_type="application/json"), "is JSON, but not an object"),
    ("string", respond(200, "hunter2"), "is JSON, but not an object"),
    ("number", respond(200, 5), "is JSON, but not an object"),
    (
        "half a document",
        respond(200, b'{"data": {"password": "hunter2"', content_type="application/json"),
        "is not valid JSON;",
    ),
    ("not UTF-8", respond(200, b'{"data": "\xff"}', content_type="Application/JSON; x=y"), "is not valid JSON"),
]


@pytest.mark.parametrize(("answer", "message"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_malformed_answer(answer: Any, message: str) -> None:
    client, transport, _ = make_client([answer])
    with pytest.raises(MalformedResponse, match=message) as raised:
        client.request("GET", "secret/data/a")
    assert "does VAULT_ADDR name a Vault" in str(raised.value)
    assert str(raised.value).startswith("secret/data/a: ")
    assert "hunter2" not in str(raised.value)
    assert len(transport.sent) == 1


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"data":null}', b"null"], ids=str)
def test_empty_answer(body: bytes) -> None:
    client, _, _ = make_client([respond(204, body)])
    if body == b"null":
        with pytest.raises(MalformedResponse):
            client.request("GET", "a")
        return
    answer = client.request("GET", "a")
    assert (answer.object("data"), answer.text("lease_id")) == ({}, "")


@pytest.mark.parametrize("data", ["hunter2", ["hunter2"], 5, True])
def test_member_of_the_wrong_type(data: Any) -> None:
    client, _, _ = make_client([respond(200, {"data": data, "lease_id": ["x"]})])
    answer = client.request("GET", "a")
    assert answer.text("lease_id") == ""
    with pytest.raises(MalformedResponse, match="a: the answer's data is not an object"):
        answer.object("data")


REJECTED: list[tuple[str, Any, str]] = [
    ("no words", respond(403, b""), "a: permission denied (HTTP 403)"),
    ("its usual words", respond(403, {"errors": ["permission denied"]}), "a: permission denied (HTTP 403)"),
    (
        "more words",
        respond(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}),
        "a: permission denied (HTTP 403)",
    ),
    (
        "a list",
        respond(403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}),
        "a: permission denied (HTTP 403): permission denied; invalid token",
    ),
    (
        "several",
        respond(400, {"errors": ["one", "two", None, ["hunter2"]]}),
        "a: refused as a bad request (HTTP 400): one; two",
    ),
    ("errors of another type", respond(400, {"errors": "hunter2"}), "a: refused as a bad request (HTTP 400)"),
    ("HTML", respond(405, b"<html>hunter2"), "a: this path does not take the operation (HTTP 405)"),
    ("list", respond(418, [1]), "a: failed (HTTP 418)"),
    (
        "sealed",
        respond(503, {"errors": ["Vault is sealed"]}),
        "a: Vault is sealed; it must be unsealed before anything can be read (HTTP 503): Vault is sealed",
    ),
    ("not sealed", respond(503, b"upstream connect error"), "a: sealed, or not ready (HTTP 503)"),
    (
        "our token",
        respond(403, {"errors": ["bad token the-token!"]}),
        "a: permission denied (HTTP 403): bad token [hidden]!",
    ),
    ("long words", respond(400, {"errors": ["x" * 9000]}), "a: refused as a bad request (HTTP 400): " + "x" * 500),
]


@pytest.mark.parametrize(("answer", "message"), [row[1:] for row in REJECTED], ids=[row[0] for row in REJECTED])
def test_rejected(answer: Any, message: str) -> None:
    client, _, _ = make_client([answer], {"VAULT_MAX_RETRIES": "0"})
    with pytest.raises(RequestRejected) as raised:
        client.request("GET", "a")
    assert str(raised.value) == message


def test_server_that_never_stops_is_cut_short() -> None:
    client, _, _ = make_client([respond(400, {"errors": ["long-secret " * 100_000] * 50})])
    with pytest.raises(RequestRejected) as raised:
        client.request("PUT", "a", body=b'{"x":"long-secret"}')
    assert "long" not in str(raised.value)
    assert len(raised.value.details) == 10
    assert len(str(raised.value)) < 6000


def test_missing_path_names_the_namespace() -> None:
    client, _, _ = make_client([respond(404)], {"VAULT_NAMESPACE": "team/x"})
    with pytest.raises(RequestRejected, match=r"^a: nothing there in namespace team/x \(HTTP 404\)$"):
        client.request("PUT", "a")


HEADERS_WITH_SECRETS = {"VAULT_HEADERS": '{"X-Key":"hunter2-header"}', "VAULT_MFA": "duo:776655"}


@pytest.mark.parametrize("repeated", ["hunter2-header", "776655", "hunter2-body", "hunter2-token", "hunter2-own"])
def test_no_error_repeats_what_was_sent(repeated: str) -> None:
    answer = respond(400, {"errors": [f"a {repeated} b"]})
    client, _, _ = make_client([answer], HEADERS_WITH_SECRETS, token="hunter2-own")
    with pytest.raises(RequestRejected, match=r"\(HTTP 400\): a \[hidden\] b$") as raised:
        client.request("PUT", "a", body=b'{"x":["hunter2-body"]}', token="hunter2-token")
    assert raised.value.details == ("a [hidden] b",)


PLAIN_TO_TLS = [
    b"Client sent an HTTP request to an HTTPS server.\n",
    b"<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
]


@pytest.mark.parametrize("body", PLAIN_TO_TLS)
@pytest.mark.parametrize("name", ["VAULT_ADDR", "VAULT_AGENT_ADDR"])
def test_plain_http_to_a_server_that_speaks_tls(body: bytes, name: str) -> None:
    client, transport, _ = make_client([respond(400, body)], {name: "http://vault:8200"})
    with pytest.raises(Unreachable, match=f"^a: http://vault:8200 speaks TLS: write https:// in {name}$") as raised:
        client.request("PUT", "a", accept=(400,))
    assert (raised.value.may_pass, len(transport.sent)) == (False, 1)


def test_timeout_tells_the_whole_time_and_the_variable() -> None:
    answers = [CUT, Unreachable("https://vault did not answer", timed_out=True)]
    client, transport, clock = make_client(answers, {"VAULT_CLIENT_TIMEOUT": "3s"})
    given = transport.answers

    def spend(request: Any) -> Any:
        clock.time += 1.5
        return given(request)

    transport.answers = spend
    message = r"^a: https://vault did not answer within 3 s \(VAULT_CLIENT_TIMEOUT\)$"
    with pytest.raises(Unreachable, match=message):
        client.request("GET", "a")
    assert len(transport.sent) == 2


def test_tries_are_counted() -> None:
    client, _, _ = make_client([CUT], {"VAULT_MAX_RETRIES": "2"})
    with pytest.raises(Unreachable, match=r"^a: connection reset; tried 3 times$"):
        client.request("GET", "a")


def test_retries_are_told() -> None:
    told: list[tuple[str, str, float, int]] = []
    client, _, _ = make_client([CUT, respond(429, {"errors": ["hunter2"]}, retry_after="2"), OK])
    client.on_retry = lambda *note: told.append(note)
    client.request("GET", "a")
    assert told == [("a", "connection reset", 0.125, 1), ("a", "HTTP 429", 2.0, 2)]


def test_one_try_of_the_same_identity() -> None:
    client, transport, _ = make_client([CUT], {"VAULT_CLIENT_TIMEOUT": "1s", "VAULT_RATE_LIMIT": "4:1"})
    hasty = client.with_one_try(2.0)
    assert hasty.limiter is client.limiter
    with pytest.raises(Unreachable):
        hasty.request("GET", "a")
    assert transport.timeouts == [1.0]
    assert transport.sent[0].headers["X-Vault-Token"] == "the-token"


@pytest.mark.parametrize("spent", [0.5, 9.0])
def test_no_request_is_sent_with_less_than_no_time(spent: float) -> None:
    client, transport, clock = make_client([respond(307, location="/v1/b"), OK], {"VAULT_CLIENT_TIMEOUT": "2s"})
    given = transport.answers

    def spend(request: Any) -> Any:
        clock.time += spent
        return given(request)

    transport.answers = spend
    client.request("GET", "a")
    assert transport.timeouts == [2.0, max(0.0, 2.0 - spent)]


def test_waiting_for_the_rate_limit_takes_nothing_of_the_time() -> None:
    client, transport, clock = make_client(
        [OK] * 40 + [CUT, OK], {"VAULT_RATE_LIMIT": "4:1", "VAULT_CLIENT_TIMEOUT": "3s"}, chance=0.0
    )
    limiter = client.limiter
    assert limiter is not None
    for _ in range(40):  # as if as many others had taken their turns before
        limiter.free_at += limiter.interval
    client.request("GET", "a")
    assert transport.timeouts == [3.0]
    transport.answers = make_client([CUT, CUT, CUT, OK])[1].answers
    limiter.free_at += 100.0
    client.request("GET", "a")
    assert transport.timeouts[1:] == [3.0] * 4
    assert sum(clock.slept) > 100


def test_rate_limiter_gives_no_moment_to_two_threads() -> None:
    """The clock hands over to the other thread in the middle of the sum."""
    clock = FakeClock()
    limiter = RateLimiter((4.0, 1), clock)
    inside = threading.Event()
    entered: list[bool] = []
    now = clock.now

    def hand_over() -> float:
        if other.ident is None:
            other.start()
            entered.append(inside.wait(0.2))  # the other one cannot come here, unless there is no lock
        else:
            inside.set()
        return now()

    other = threading.Thread(target=limiter.wait)
    clock.now = hand_over  # type: ignore[method-assign]
    limiter.wait()
    other.join()
    assert entered == [False]
    assert clock.slept == [0.25]


def test_rate_limit_spaces_requests_out() -> None:
    client, _, clock = make_client([OK], {"VAULT_RATE_LIMIT": "4:2"})
    for _ in range(5):
        client.request("GET", "a")
    assert clock.slept == [0.25, 0.25, 0.25]


def test_rate_limit_gives_the_burst_back_in_quiet_times() -> None:
    clock = FakeClock()
    limiter = RateLimiter((4.0, 3), clock)
    for _ in range(3):
        limiter.wait()
    clock.time += 60
    for _ in range(3):
        limiter.wait()
    assert clock.slept == []
    limiter.wait()
    assert clock.slept == [0.25]
