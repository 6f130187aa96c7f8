"""The Vault client over a transport that is a list of answers: retries, redirects, headers, errors."""

from __future__ import annotations

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
    assert isinstance(raised.value, SecretMissing) is (status == 404)
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


def test_second_redirect_is_an_error() -> None:
    client, transport, _ = make_client([respond(307, location="/v1/b")])
    with pytest.raises(RequestRejected, match="HTTP 307"):
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
    with pytest.raises(RequestRejected, match="HTTP 307"):
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
    ("HTML", respond(200, b"<html>hunter2</html>", content_type="text/html; charset=utf-8"), "is text/html instead of"),
    ("text", respond(200, b"hunter2"), "is something instead of"),
    ("list", respond(200, ["hunter2"], content_type="application/json"), "is application/json instead of"),
    ("string", respond(200, "hunter2"), "instead of a JSON object"),
    ("number", respond(200, 5), "instead of a JSON object"),
    ("half a document", respond(200, b'{"data": {"password": "hunter2"'), "instead of a JSON object"),
    ("not UTF-8", respond(200, b'{"data": "\xff"}'), "instead of a JSON object"),
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
        "a: permission denied (HTTP 403): 1 error occurred: * permission denied",
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
