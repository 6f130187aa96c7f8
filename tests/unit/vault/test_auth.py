"""Logins: what is sent, and what a failure says about the JWT without showing it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.fakes.transport import make_client, path_of, respond
from tests.fakes.vault import auth
from vault_secrets_webhook.errors import ConfigurationError, MalformedResponse, RequestRejected, Unreachable
from vault_secrets_webhook.vault.auth import check_method, kubernetes

NOW = 1_800_000_000.0
SIGNATURE = "hunter2-signature"
SUBJECT = "system:serviceaccount:shop:app"


def make_jwt(claims: Any) -> str:
    """A JWT as Kubernetes makes them; the signature is a canary."""
    parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode(), SIGNATURE.encode()]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_login() -> None:
    client, transport, _ = make_client([respond(200, auth("new"))])
    assert kubernetes.login(client, "kubernetes", "app", "the-jwt", NOW).token == "new"
    assert path_of(transport.sent[0]) == "auth/kubernetes/login"
    assert json.loads(transport.sent[0].body) == {"role": "app", "jwt": "the-jwt"}


WHOSE = "; the token is of ServiceAccount shop/app: is it bound to the role?"
EXPLAINED: list[tuple[str, str, str]] = [
    ("valid", make_jwt({"sub": SUBJECT, "nbf": NOW - 60, "exp": NOW + 60}), WHOSE),
    (
        "expired",
        make_jwt({"sub": SUBJECT, "exp": NOW - 90}),
        f"{WHOSE}; the token expired 90 s ago by this machine's clock",
    ),
    (
        "too early",
        make_jwt({"sub": SUBJECT, "nbf": int(NOW) + 300}),
        f"{WHOSE}; the token is valid only in 300 s: the clocks differ",
    ),
    ("a little early", make_jwt({"sub": SUBJECT, "nbf": NOW + 30}), WHOSE),
    ("not of a ServiceAccount", make_jwt({"sub": "alice"}), ""),
    ("no claims", make_jwt({}), ""),
    ("claims of other types", make_jwt({"sub": 5, "exp": "soon", "nbf": [1]}), ""),
    ("claims are a list", make_jwt([1]), ""),
    ("not base64", "a.b!.c", ""),
    ("not JSON", "a.YWJj.c", ""),
    ("not UTF-8", "a._w.c", ""),
    ("two parts", "a.b", ""),
    ("no JWT", "hunter2", ""),
]


@pytest.mark.parametrize(("jwt", "expected"), [row[1:] for row in EXPLAINED], ids=[row[0] for row in EXPLAINED])
def test_failure_is_explained(jwt: str, expected: str) -> None:
    client, transport, _ = make_client([respond(403, {"errors": ["permission denied"]})])
    with pytest.raises(RequestRejected) as raised:
        kubernetes.login(client, "k8s", "app", jwt, NOW)
    assert str(raised.value) == f"login as role 'app' at auth/k8s failed (HTTP 403): permission denied{expected}"
    assert (raised.value.status, raised.value.path, len(transport.sent)) == (403, "auth/k8s/login", 1)


@pytest.mark.parametrize("padding", [0, 440, 490])
def test_server_that_repeats_the_jwt_is_not_repeated(padding: int) -> None:
    jwt = make_jwt({"sub": SUBJECT})
    client, _, _ = make_client([respond(400, {"errors": ["x" * padding + f" error with {jwt} in it"]})])
    with pytest.raises(RequestRejected) as raised:
        kubernetes.login(client, "kubernetes", "app", jwt, NOW)
    assert jwt[:30] not in str(raised.value)
    assert jwt.split(".")[1][:10] not in str(raised.value)
    assert not any(part in detail for detail in raised.value.details for part in jwt.split("."))


@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "claims", "signature"])
def test_server_that_repeats_a_part_of_the_jwt_is_not_repeated(part: int) -> None:
    jwt = make_jwt({"sub": SUBJECT})
    client, _, _ = make_client([respond(403, {"errors": [f"bad part {jwt.split('.')[part]} of it"]})])
    with pytest.raises(RequestRejected, match=r"\(HTTP 403\): bad part \[hidden\] of it; the token is of") as raised:
        kubernetes.login(client, "kubernetes", "app", jwt, NOW)
    assert raised.value.details == ("bad part [hidden] of it",)


def test_failure_without_words() -> None:
    client, _, _ = make_client([respond(403)])
    with pytest.raises(RequestRejected, match=r"failed \(HTTP 403\): no reason given$"):
        kubernetes.login(client, "kubernetes", "app", "x", NOW)


OTHER_TROUBLE: list[tuple[str, Any, type[Exception], str]] = [
    ("unreachable", Unreachable("gone", may_pass=False), Unreachable, "gone"),
    (
        "sealed",
        respond(503, {"errors": ["Vault is sealed"]}),
        RequestRejected,
        "Vault is sealed; it must be unsealed before anything can be read (HTTP 503): Vault is sealed",
    ),
    ("server's own", respond(500, {"errors": ["oops"]}), RequestRejected, "the server failed (HTTP 500): oops"),
    (
        "no such mount",
        respond(404, {"errors": ["no handler for route"]}),
        RequestRejected,
        "nothing there (HTTP 404): no handler for route",
    ),
]


@pytest.mark.parametrize(
    ("answer", "kind", "reason"), [row[1:] for row in OTHER_TROUBLE], ids=[row[0] for row in OTHER_TROUBLE]
)
def test_trouble_that_is_not_the_jwts_names_role_and_mount_and_blames_no_jwt(
    answer: Any, kind: type[Exception], reason: str
) -> None:
    client, _, _ = make_client([answer], {"VAULT_MAX_RETRIES": "0"})
    with pytest.raises(kind) as raised:
        kubernetes.login(client, "kubernetes", "app", make_jwt({"sub": SUBJECT, "exp": NOW - 9}), NOW)
    assert str(raised.value) == f"login as role 'app' at auth/kubernetes failed: {reason}"


def test_answer_that_is_none_is_passed_on() -> None:
    client, _, _ = make_client([respond(200, b"<html>")])
    with pytest.raises(MalformedResponse, match=r"^auth/kubernetes/login: "):
        kubernetes.login(client, "kubernetes", "app", "x", NOW)


@pytest.mark.parametrize("method", ["jwt", "kubernetes"])
def test_known_methods(method: str) -> None:
    assert check_method(method) == "kubernetes"


@pytest.mark.parametrize(
    "method", ["aws-ec2", "aws-iam", "gcp-gce", "gcp-iam", "azure", "namespaced", "ldap", "JWT", " jwt"]
)
def test_methods_that_there_are_not(method: str) -> None:
    with pytest.raises(ConfigurationError, match=f"VAULT_AUTH_METHOD '?{method}.*use kubernetes or jwt"):
        check_method(method)
