"""What the endpoints' answers mean."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.transport import make_client, path_of, respond
from tests.fakes.vault import auth, kv1, kv2
from vault_secrets_webhook.errors import MalformedResponse, RequestRejected, SecretMissing
from vault_secrets_webhook.vault import api

if TYPE_CHECKING:
    from vault_secrets_webhook.wire.message import Request, Response

READ: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("KV 2", "secret/data/a", kv2({"k": "v"}), {"k": "v"}),
    ("KV 2, empty", "secret/data/a", kv2({}), {}),
    (
        "KV 2 with keys data and metadata",
        "secret/data/a",
        kv2({"data": {}, "metadata": {}}),
        {"data": {}, "metadata": {}},
    ),
    ("KV 2 in a mount of two segments", "team/kv/data/a", kv2({"k": "v"}), {"k": "v"}),
    ("KV 1", "kv/a", kv1({"k": "v"}), {"k": "v"}),
    ("KV 1 with a key data", "kv/a", kv1({"data": {"k": "v"}}), {"data": {"k": "v"}}),
    (
        "KV 1 with keys data and metadata",
        "kv/a",
        kv1({"data": {"k": "v"}, "metadata": "x"}),
        {"data": {"k": "v"}, "metadata": "x"},
    ),
    (
        "KV 1 below data/",
        "kv/data/a",
        kv1({"data": {"k": "v"}, "metadata": {"version": 1}}),
        {"data": {"k": "v"}, "metadata": {"version": "1"}},
    ),
    ("KV 1 that imitates KV 2", "data/a", kv2({"k": "v"}), {**kv2({"k": "v"})["data"]}),
    (
        "KV 1 with a third key",
        "kv/data/a",
        kv1({**kv2({"k": "v"})["data"], "x": ""}),
        {**kv2({"k": "v"})["data"], "x": ""},
    ),
    ("metadata of KV 2", "secret/metadata/a", kv1({"versions": {}}), {"versions": {}}),
    (
        "numbers as written",
        "kv/a",
        b'{"data":{"n":1.50,"big":18446744073709551616}}',
        {"n": "1.50", "big": "18446744073709551616"},
    ),
]


def numbers_as_text(value: Any) -> Any:
    return json.loads(json.dumps(value), parse_int=str)


@pytest.mark.parametrize(("path", "body", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_read(path: str, body: Any, expected: dict[str, Any]) -> None:
    client, transport, _ = make_client([respond(200, body)])
    assert api.read_secret(client, path).data == numbers_as_text(expected)
    (request,) = transport.sent
    assert (request.method, path_of(request), request.body) == ("GET", path, b"")


@pytest.mark.parametrize(("version", "query"), [(None, ""), (0, ""), (3, "?version=3")])
def test_read_version(version: int | None, query: str) -> None:
    client, transport, _ = make_client([respond(200, kv2({"k": "v"}, version=3))])
    assert api.read_secret(client, "secret/data/a", version).version == 3
    assert path_of(transport.sent[0]) == f"secret/data/a{query}"


def test_lease() -> None:
    answer = kv1({"username": "u"}, lease_id="database/creds/app/x", lease_duration=3600, renewable=True)
    client, _, _ = make_client([respond(200, answer)])
    secret = api.read_secret(client, "database/creds/app")
    assert (secret.lease_id, secret.lease_seconds, secret.renewable) == ("database/creds/app/x", 3600, True)
    assert secret.hangs_on_token
    assert "u" not in repr(secret).replace("Secret", "")


def test_lease_of_the_wrong_types() -> None:
    client, _, _ = make_client([respond(200, kv1({"k": "v"}, lease_id=5, lease_duration="long", renewable="yes"))])
    secret = api.read_secret(client, "a")
    assert (secret.lease_seconds, secret.renewable) == (0, False)


MISSING: list[tuple[str, int | None, Response, str]] = [
    ("no path", None, respond(404, {"errors": []}), "secret/data/a: no secret at this path"),
    ("no path, no body", None, respond(404), "secret/data/a: no secret at this path"),
    ("no version", 7, respond(404, {"errors": []}), "secret/data/a: no secret, or no version 7 of it"),
    (
        "deleted",
        None,
        respond(404, kv2(None, deletion_time="2026-08-01T12:00:00Z")),
        "secret/data/a: its current version was deleted; undelete it, or name another version",
    ),
    (
        "version deleted",
        2,
        respond(404, kv2(None, deletion_time="2026-08-01T12:00:00Z")),
        "secret/data/a: version 2 of it was deleted; undelete it, or name another version",
    ),
    (
        "destroyed",
        None,
        respond(404, kv2(None, destroyed=True, deletion_time="2026-08-01T12:00:00Z")),
        "secret/data/a: its current version was destroyed",
    ),
    ("version destroyed", 2, respond(404, kv2(None, destroyed=True)), "secret/data/a: version 2 of it was destroyed"),
    (
        "deleted, with 200",
        None,
        respond(200, kv2(None, deletion_time="2026-08-01T12:00:00Z")),
        "secret/data/a: its current version was deleted; undelete it, or name another version",
    ),
    ("empty", None, respond(200, {"data": None}), "secret/data/a: no secret at this path"),
    ("no content", None, respond(204), "secret/data/a: no secret at this path"),
]


@pytest.mark.parametrize(
    ("version", "answer", "message"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING]
)
def test_missing(version: int | None, answer: Response, message: str) -> None:
    client, transport, _ = make_client([answer])
    with pytest.raises(SecretMissing) as raised:
        api.read_secret(client, "secret/data/a", version)
    assert str(raised.value) == message
    assert (raised.value.path, len(transport.sent)) == ("secret/data/a", 1)


def test_missing_path_tells_the_namespace_and_the_servers_words() -> None:
    client, _, _ = make_client(
        [respond(404, {"errors": ["1 error occurred:\n\t* no handler for route 'a'\n\n"]})],
        {"VAULT_NAMESPACE": "team/x"},
    )
    with pytest.raises(
        SecretMissing, match=r"^a: no secret at this path in namespace team/x; no handler for route 'a'$"
    ):
        api.read_secret(client, "a")


def test_empty_answer_to_a_read_is_no_answer_of_vault() -> None:
    client, _, _ = make_client([respond(200, b"")])
    with pytest.raises(MalformedResponse, match=r"^a: the answer \(HTTP 200\) is empty; does VAULT_ADDR"):
        api.read_secret(client, "a")


@pytest.mark.parametrize("inner", ["hunter2", ["hunter2"], 5])
def test_kv2_data_of_the_wrong_type(inner: Any) -> None:
    client, _, _ = make_client([respond(200, kv2(inner))])
    with pytest.raises(MalformedResponse, match="secret/data/a: the secret's data are not an object"):
        api.read_secret(client, "secret/data/a")


def test_write() -> None:
    client, transport, _ = make_client([respond(200, kv1({"certificate": "PEM"}, lease_id="x"))])
    secret = api.write_secret(client, "pki/issue/app", '{"common_name":"\udcff"}')
    assert (secret.data, secret.lease_id) == ({"certificate": "PEM"}, "x")
    (request,) = transport.sent
    assert (request.method, path_of(request), request.body) == ("PUT", "pki/issue/app", b'{"common_name":"\xff"}')


@pytest.mark.parametrize("status", [200, 204])
def test_write_that_gives_nothing(status: int) -> None:
    client, _, _ = make_client([respond(status)])
    secret = api.write_secret(client, "kv/a", "{}")
    assert (secret.data, secret.hangs_on_token) == ({}, False)


def test_answer_that_is_a_token_gives_its_fields() -> None:
    client, _, _ = make_client([respond(200, {"data": None, **auth("child")})])
    for secret in (api.write_secret(client, "auth/token/create", "{}"), api.read_secret(client, "auth/token/x")):
        assert (secret.data["client_token"], secret.lease_id, secret.hangs_on_token) == ("child", "", True)


def test_write_to_nowhere_is_not_a_missing_secret() -> None:
    client, transport, _ = make_client([respond(404, {"errors": ["no handler for route"]})])
    with pytest.raises(RequestRejected, match=r"^a: nothing there \(HTTP 404\): no handler for route$") as raised:
        api.write_secret(client, "a", "{}")
    assert not isinstance(raised.value, SecretMissing)
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "echo",
    [
        "common name hunter2-body not allowed",
        "common name hunter2\\u002dbody not allowed",
        "aHVudGVyMi1ib2R5",
        "...ter2-body",
    ],
)
def test_nothing_of_a_body_is_shown(echo: str) -> None:
    """The server may write it in any way, so what it says of a body is not shown at all."""
    client, _, _ = make_client([respond(400, {"errors": [echo]})])
    with pytest.raises(RequestRejected, match=r"pki/issue/app: .*\(HTTP 400\): .* not shown") as raised:
        api.write_secret(client, "pki/issue/app", '{"common_name":"hunter2-body","inner":[{"pin":"1234"}]}')
    assert echo not in f"{raised.value} {raised.value.details}"


@pytest.mark.parametrize("words", ["1 error occurred:\n\t* permission denied\n\n", "unsupported operation"])
def test_words_that_repeat_nothing_are_shown_of_a_write_too(words: str) -> None:
    client, _, _ = make_client([respond(403, {"errors": [words]})])
    with pytest.raises(RequestRejected) as raised:
        api.write_secret(client, "kv/a", '{"common_name":"hunter2-body"}')
    assert "not shown" not in str(raised.value)


def test_a_short_number_of_a_body_is_not_shown_either() -> None:
    client, _, _ = make_client([respond(400, {"errors": ["pin 1234 is too easy"]})])
    with pytest.raises(RequestRejected) as raised:
        api.write_secret(client, "kv/a", '{"pin":1234}')
    assert "1234" not in str(raised.value)


def test_a_write_without_body_quotes_the_server() -> None:
    client, _, _ = make_client([respond(400, {"errors": ["no such role"]})])
    with pytest.raises(RequestRejected, match="no such role"):
        api.write_secret(client, "kv/a", "{}")


def test_wrapped_answer_is_unwrapped() -> None:
    wrapped = respond(200, {"wrap_info": {"token": "wrapping-token"}})
    client, transport, _ = make_client([wrapped, respond(200, kv2({"k": "v"}))], {"VAULT_WRAP_TTL": "60s"})
    assert api.read_secret(client, "secret/data/a").data == {"k": "v"}
    first, second = transport.sent
    assert (first.headers["X-Vault-Wrap-TTL"], first.headers["X-Vault-Token"]) == ("60s", "the-token")
    assert (second.method, path_of(second)) == ("PUT", "sys/wrapping/unwrap")
    assert second.headers["X-Vault-Token"] == "wrapping-token"
    assert "X-Vault-Wrap-TTL" not in second.headers


WRAPPED = respond(200, {"wrap_info": {"token": "wrapping-token"}})


def test_wrapped_deleted_version_is_told_as_without_wrapping() -> None:
    client, _, _ = make_client([WRAPPED, respond(404, kv2(None, deletion_time="x"))], {"VAULT_WRAP_TTL": "60s"})
    with pytest.raises(SecretMissing, match=r"^secret/data/a: its current version was deleted") as raised:
        api.read_secret(client, "secret/data/a")
    assert raised.value.path == "secret/data/a"


def test_failed_unwrapping_names_the_path_that_was_asked_for_and_not_the_wrapping_token() -> None:
    answers = [WRAPPED, respond(400, {"errors": ["wrapping token wrapping-token is not valid"]})]
    client, _, _ = make_client(answers, {"VAULT_WRAP_TTL": "60s"})
    with pytest.raises(RequestRejected, match=r"^secret/data/a: .* wrapping token \[hidden\] is not valid$") as raised:
        api.read_secret(client, "secret/data/a")
    assert raised.value.path == "secret/data/a"


def test_unwrapped_answer_keeps_its_path() -> None:
    client, _, _ = make_client([WRAPPED, respond(200, kv2("text"))], {"VAULT_WRAP_TTL": "60s"})
    with pytest.raises(MalformedResponse, match=r"^secret/data/a: the secret's data are not an object"):
        api.read_secret(client, "secret/data/a")


CIPHERTEXTS = ["vault:v1:one", "vault:v1:two"]


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_decrypt() -> None:
    results = [{"plaintext": encode(b"\xff\0")}, {"plaintext": ""}]
    client, transport, _ = make_client([respond(200, {"data": {"batch_results": results}})])
    assert api.decrypt_batch(client, "my/transit", "app", CIPHERTEXTS) == [b"\xff\0", b""]
    (request,) = transport.sent
    assert (request.method, path_of(request)) == ("PUT", "my/transit/decrypt/app")
    assert json.loads(request.body) == {"batch_input": [{"ciphertext": text} for text in CIPHERTEXTS]}


@pytest.mark.parametrize("status", [200, 400])
def test_decrypt_some(status: int) -> None:
    results = [{"error": "invalid ciphertext vault:v1:one"}, {"plaintext": encode(b"two")}]
    client, _, _ = make_client([respond(status, {"data": {"batch_results": results}})])
    first, second = api.decrypt_batch(client, "transit", "app", CIPHERTEXTS)
    assert isinstance(first, RequestRejected)
    assert str(first) == "transit/decrypt/app: invalid ciphertext [hidden]"
    assert second == b"two"


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"plaintext": 5},
        {"plaintext": "hunter2!"},
        {"plaintext": "\ud800"},
        {"plaintext": "YQ"},
        "hunter2",
        None,
        [],
    ],
)
def test_decrypt_malformed_result(result: Any) -> None:
    client, _, _ = make_client([respond(200, {"data": {"batch_results": [result]}})])
    (error,) = api.decrypt_batch(client, "transit", "app", ["vault:v1:x"])
    assert isinstance(error, MalformedResponse | RequestRejected)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("data", [{}, {"batch_results": []}, {"batch_results": {}}, {"batch_results": [{}, {}, {}]}])
def test_decrypt_without_a_result_for_each(data: dict[str, Any]) -> None:
    client, _, _ = make_client([respond(200, {"data": data})])
    with pytest.raises(MalformedResponse, match="not one result for each"):
        api.decrypt_batch(client, "transit", "app", CIPHERTEXTS)


@pytest.mark.parametrize(
    ("body", "words"),
    [({"errors": ["no key of vault:v1:one"]}, "no key of [hidden]"), ({"errors": 5}, ""), (b"<html>", None)],
)
def test_decrypt_refused(body: Any, words: str | None) -> None:
    client, _, _ = make_client([respond(400, body)])
    with pytest.raises((RequestRejected, MalformedResponse)) as raised:
        api.decrypt_batch(client, "transit", "app", CIPHERTEXTS)
    if words is not None:
        assert str(raised.value) == f"transit/decrypt/app: refused as a bad request (HTTP 400): {words}"


LONG = ["vault:v1:c2VjcmV0LW9uZQ==", "vault:v12:c2VjcmV0LXR3bw=="]


@pytest.mark.parametrize("token", ["t", "v1", "vault", "c2VjcmV0", "the-token"])
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_ciphertexts_are_not_shown(status: int, token: str) -> None:
    words = f"cannot decrypt {LONG[0]} nor {LONG[1].split(':')[2]} nor {LONG[1][:24]}"
    for body in ({"errors": [words]}, {"data": {"batch_results": [{"error": words}] * 2}}):
        client, _, _ = make_client([respond(status, body)], {"VAULT_MAX_RETRIES": "0"}, token=token)
        try:
            told = str(api.decrypt_batch(client, "transit", "app", LONG))
        except RequestRejected as error:
            told = str(error)
        assert "c2VjcmV0L" not in told
        assert ("nor [hidden] nor [hidden]" in told) is ("errors" in body or status == 400)


def test_decrypt_what_is_no_utf8() -> None:
    client, transport, _ = make_client([respond(200, {"data": {"batch_results": [{"error": "bad"}]}})])
    api.decrypt_batch(client, "transit", "app", ["vault:v1:\udcff"])
    assert json.loads(transport.sent[0].body) == {"batch_input": [{"ciphertext": "vault:v1:?"}]}


def test_login() -> None:
    client, transport, _ = make_client([respond(200, auth("new"))])
    found = api.login(client, "/team/jwt/", {"role": "app", "jwt": "j"})
    assert (found.token, found.accessor, found.policies, found.seconds) == ("new", "a", ["p"], 60)
    assert client.token == "the-token"
    (request,) = transport.sent
    assert (request.method, path_of(request)) == ("PUT", "auth/team/jwt/login")
    assert "X-Vault-Token" not in request.headers
    assert json.loads(request.body) == {"role": "app", "jwt": "j"}
    assert repr(found) == "Auth(...)"


@pytest.mark.parametrize("token", [None, "", 5, ["t"], "a\nb", "\ud800", "ü"])
def test_login_without_a_token(token: Any) -> None:
    client, _, _ = make_client([respond(200, {"auth": {"client_token": token}})])
    with pytest.raises(MalformedResponse, match="auth/kubernetes/login: the answer has no client_token"):
        api.login(client, "kubernetes", {})


@pytest.mark.parametrize("answer", [respond(200, {}), respond(204), respond(200, {"auth": None})], ids=repr)
def test_login_without_an_answer(answer: Response) -> None:
    client, _, _ = make_client([answer])
    with pytest.raises(MalformedResponse, match="no client_token"):
        api.login(client, "kubernetes", {})


def test_lookup() -> None:
    data = {"accessor": "a", "policies": ["p", "q"], "renewable": True, "ttl": 99, "type": "batch"}
    client, transport, _ = make_client([respond(200, {"data": data})])
    found = api.lookup_self(client)
    assert (found.token, found.accessor, found.policies) == ("the-token", "a", ["p", "q"])
    assert (found.renewable, found.seconds, found.is_batch) == (True, 99, True)
    assert (transport.sent[0].method, path_of(transport.sent[0])) == ("GET", "auth/token/lookup-self")


@pytest.mark.parametrize("fields", [{}, {"policies": "p", "ttl": -1, "accessor": None, "renewable": 1, "type": 5}])
def test_lookup_of_the_wrong_types(fields: dict[str, Any]) -> None:
    client, _, _ = make_client([respond(200, {"data": fields})])
    found = api.lookup_self(client)
    assert (found.accessor, found.policies, found.renewable, found.seconds, found.is_batch) == ("", [], False, 0, False)


@pytest.mark.parametrize(("increment", "body"), [(0, {}), (600, {"increment": 600})])
def test_renew_self(increment: int, body: dict[str, int]) -> None:
    client, transport, _ = make_client([respond(200, {"auth": {"lease_duration": 600, "renewable": True}})])
    found = api.renew_self(client, increment)
    assert (found.token, found.seconds, found.renewable) == ("the-token", 600, True)
    (request,) = transport.sent
    assert (request.method, path_of(request), json.loads(request.body)) == ("PUT", "auth/token/renew-self", body)


@pytest.mark.parametrize(("increment", "more"), [(0, {}), (600, {"increment": 600})])
def test_renew_lease(increment: int, more: dict[str, int]) -> None:
    client, transport, _ = make_client([respond(200, {"lease_id": "x/y", "lease_duration": 300})])
    assert api.renew_lease(client, "x/y", increment) == 300
    (request,) = transport.sent
    assert (request.method, path_of(request)) == ("PUT", "sys/leases/renew")
    assert json.loads(request.body) == {"lease_id": "x/y", **more}


def test_revoke() -> None:
    client, transport, _ = make_client([respond(204)])
    api.revoke_self(client)
    assert (transport.sent[0].method, path_of(transport.sent[0])) == ("PUT", "auth/token/revoke-self")


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (
            200,
            {"initialized": True, "sealed": False, "standby": False, "version": "2.7.2"},
            (True, False, False, "2.7.2"),
        ),
        (429, {"initialized": True, "sealed": False, "standby": True, "version": "1"}, (True, False, True, "1")),
        (503, {"initialized": True, "sealed": True}, (True, True, False, "")),
        (501, {"initialized": False, "sealed": True}, (False, True, False, "")),
        (473, {"initialized": "x", "version": None}, (False, True, False, "")),
    ],
)
def test_health(status: int, fields: dict[str, Any], expected: tuple[bool, bool, bool, str]) -> None:
    client, transport, _ = make_client([respond(status, fields)])
    health = api.read_health(client)
    assert (health.initialized, health.sealed, health.standby, health.version) == expected
    (request,) = transport.sent
    assert path_of(request).startswith("sys/health?standbyok=true")
    assert "X-Vault-Token" not in request.headers


def test_requests_of_one_client_do_not_share_headers() -> None:
    seen: list[dict[str, str]] = []

    def answer(request: Request) -> Response:
        seen.append(request.headers)
        return respond(204)

    client, _, _ = make_client(answer)
    api.revoke_self(client)
    api.read_health(client)
    assert seen[0] is not seen[1]
