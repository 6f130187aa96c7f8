"""Reading Secrets and ConfigMaps: every answer an API server may give, against one on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.apiserver import HTML, Given, fake_api_server
from tests.fakes.certificates import make_pair
from tests.unit.webhook.serving import in_loop, make_settings
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.deadline import set_deadline
from vault_secrets_webhook.webhook.kube import client as client_module
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials, TokenFile, bearer
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.objects import ClusterLookup, NoCluster, open_cluster
from vault_secrets_webhook.webhook.kube.tls import KeyPair, Trust, make_client_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.fakes.apiserver import Asked, FakeApiServer
    from vault_secrets_webhook.webhook.kube.credentials import Credentials

ANONYMOUS = FixedCredentials(Access({}))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


def secret(**data: str) -> Given:
    """Make the answer that holds a Secret."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return Given(body=json.dumps({"kind": "Secret", "metadata": {"name": "db"}, "data": encoded}).encode())


def config_map(**fields: Any) -> Given:
    """Make the answer that holds a ConfigMap."""
    return Given(body=json.dumps({"kind": "ConfigMap", **fields}).encode())


@contextlib.asynccontextmanager
async def looking_up(
    *answers: Given, credentials: Credentials = ANONYMOUS
) -> AsyncIterator[tuple[ClusterLookup, FakeApiServer]]:
    """Give a look-up and the API server that it asks."""
    async with fake_api_server(*answers) as server:
        cluster = Cluster(server.url, ssl.create_default_context(), credentials, "the test")
        async with open_client(cluster) as client:
            yield ClusterLookup(client), server


@in_loop
async def test_secret() -> None:
    async with looking_up(secret(password="s€cret", user="db")) as (lookup, server):
        assert await lookup.secret("shop", "db.v1") == {"password": "s€cret".encode(), "user": b"db"}
    assert [asked.path for asked in server.asked] == ["/api/v1/namespaces/shop/secrets/db.v1"]
    assert server.asked[0].headers["User-Agent"].startswith("vault-secrets-webhook/")


@in_loop
async def test_config_map() -> None:
    async with looking_up(config_map(data={"a": "ü"}, binaryData={"b": "AA=="})) as (lookup, server):
        assert await lookup.config_map("shop", "settings") == {"a": "ü"}
    assert [asked.path for asked in server.asked] == ["/api/v1/namespaces/shop/configmaps/settings"]


PULL_SECRETS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"imagePullSecrets": None, "secrets": [{"name": "token"}]}, []),
    ({"imagePullSecrets": [{"name": "a"}, {"name": "b"}, {}]}, ["a", "b", ""]),
]


@pytest.mark.parametrize(("fields", "expected"), PULL_SECRETS)
@in_loop
async def test_pull_secrets(fields: dict[str, Any], expected: list[str]) -> None:
    body = json.dumps({"kind": "ServiceAccount", "metadata": {"name": "app"}, **fields}).encode()
    async with looking_up(Given(body=body)) as (lookup, server):
        assert await lookup.pull_secrets("shop", "app") == expected
    assert [asked.path for asked in server.asked] == ["/api/v1/namespaces/shop/serviceaccounts/app"]


EMPTY = [
    ("no data", {"kind": "Secret"}),
    ("null", {"kind": "Secret", "data": None}),
    ("empty", {"kind": "Secret", "data": {}}),
]


@pytest.mark.parametrize("document", [row[1] for row in EMPTY], ids=[row[0] for row in EMPTY])
def test_empty_is_not_missing(document: Any) -> None:
    async def check() -> None:
        async with looking_up(Given(body=json.dumps(document).encode())) as (lookup, _):
            assert await lookup.secret("shop", "db") == {}

    in_loop(check)()


@in_loop
async def test_missing() -> None:
    async with looking_up(Given(404, b'{"kind":"Status"}')) as (lookup, _):
        assert await lookup.secret("shop", "db") is None
        assert await lookup.config_map("shop", "db") is None
        assert await lookup.pull_secrets("shop", "db") is None


IMPOSSIBLE = [
    ("shop", "../../../nodes"),
    ("shop", ".."),
    ("shop", "a/b"),
    ("shop", "a?x=1"),
    ("shop", "a#b"),
    ("shop", "%2e%2e"),
    ("shop", "a\r\nHost: x"),
    ("shop", ""),
    ("shop", "A"),
    ("shop", "a" * 254),
    ("../kube-system", "db"),
    ("shop/secrets", "db"),
    ("", "db"),
    ("a.b", "db"),
]


@pytest.mark.parametrize(("namespace", "name"), IMPOSSIBLE, ids=repr)
def test_names_that_no_object_can_have(namespace: str, name: str) -> None:
    async def check() -> None:
        async with looking_up(secret(password="x")) as (lookup, server):
            assert await lookup.secret(namespace, name) is None
            assert await lookup.config_map(namespace, name) is None
        assert server.asked == []

    in_loop(check)()


NO_API_SERVER: list[tuple[str, Given]] = [
    ("HTML", Given(body=HTML, headers={"Content-Type": "text/html"})),
    ("nothing", Given()),
    ("half a document", Given(body=b'{"kind":"Secret","data":{"pass')),
    ("another kind", Given(body=b'{"kind":"List","data":{}}')),
    ("data of a wrong type", Given(body=b'{"kind":"Secret","data":{"password":7}}')),
    ("not base64", Given(body=b'{"kind":"Secret","data":{"password":"CANARY!"}}')),
    ("not UTF-8", Given(body=b'{"kind":"Secret","data":{"password":"\xff"}}')),
    ("too deep", Given(body=b'{"x":' * 100_000)),
]


@pytest.mark.parametrize("given", [row[1] for row in NO_API_SERVER], ids=[row[0] for row in NO_API_SERVER])
def test_an_answer_that_no_api_server_gives(given: Given) -> None:
    async def check() -> None:
        async with looking_up(given) as (lookup, _):
            with pytest.raises(KubernetesError) as caught:
                await lookup.secret("shop", "db")
        assert str(caught.value) == (
            "cannot read secrets shop/db: what answered is no API server; is there a proxy in between?"
        )
        assert caught.value.__cause__ is None

    in_loop(check)()


REJECTED: list[tuple[int, int, str]] = [
    (302, 1, "the API server answered with status 302"),
    (400, 1, "the API server answered with status 400"),
    (401, 1, "does not accept our credentials (401); they come from the test"),
    (403, 1, "RBAC does not allow it (403): the webhook needs the verb get for secrets in namespace shop"),
    (429, 3, "the API server answered with status 429"),
    (500, 3, "the API server answered with status 500"),
    (503, 3, "the API server answered with status 503"),
]


@pytest.mark.parametrize(("status", "times", "message"), REJECTED)
def test_rejected(status: int, times: int, message: str, canary: str) -> None:
    async def check() -> None:
        body = json.dumps({"kind": "Status", "message": canary}).encode()
        async with looking_up(Given(status, body, {"Location": "/elsewhere"})) as (lookup, server):
            with pytest.raises(KubernetesError) as caught:
                await lookup.secret("shop", "db")
            assert len(server.asked) == times
        assert caught.value.status == status
        assert str(caught.value).startswith("cannot read secrets shop/db: ")
        assert message in str(caught.value)
        assert canary not in str(caught.value)

    in_loop(check)()


PASSING: list[tuple[str, Given]] = [
    ("429", Given(429)),
    ("429 with a pause", Given(429, headers={"Retry-After": "0"})),
    ("500", Given(500)),
    ("503", Given(503)),
    ("504 of a proxy", Given(504, HTML)),
    ("connection cut", Given(cuts=True)),
]


@pytest.mark.parametrize("given", [row[1] for row in PASSING], ids=[row[0] for row in PASSING])
def test_what_passes_is_tried_again(given: Given) -> None:
    async def check() -> None:
        async with looking_up(given, given, secret(password="x")) as (lookup, server):
            assert await lookup.secret("shop", "db") == {"password": b"x"}
            assert len(server.asked) == 3

    in_loop(check)()


@in_loop
async def test_a_pause_longer_than_the_deadline() -> None:
    async with looking_up(Given(429, headers={"Retry-After": "3600"})) as (lookup, server):
        set_deadline("5s")
        with pytest.raises(
            KubernetesError, match="cannot read secrets shop/db: the API server answered with status 429"
        ):
            await lookup.secret("shop", "db")
        assert len(server.asked) == 1


@in_loop
async def test_slow() -> None:
    async with looking_up(Given(hangs=True)) as (lookup, _):
        set_deadline("50ms")
        with pytest.raises(KubernetesError, match="cannot read config"):
            await lookup.config_map("shop", "settings")


@in_loop
async def test_a_dead_connection_leaves_time_for_another() -> None:
    async with looking_up(Given(hangs=True), secret(password="x")) as (lookup, server):
        set_deadline("400ms")
        assert await lookup.secret("shop", "db") == {"password": b"x"}
        assert len(server.asked) == 2


@in_loop
async def test_nobody_listens() -> None:
    async with fake_api_server(Given()) as server:
        pass
    cluster = Cluster(server.url, ssl.create_default_context(), ANONYMOUS, "the test")
    async with open_client(cluster) as client:
        with pytest.raises(KubernetesError, match=f"cannot read secrets shop/db: {server.url} cannot be reached: Conn"):
            await ClusterLookup(client).secret("shop", "db")


@in_loop
async def test_an_answer_without_end() -> None:
    async with looking_up(Given(body=b" " * (client_module.LARGEST_ANSWER + 1))) as (lookup, _):
        with pytest.raises(KubernetesError, match="larger than 4194304 bytes"):
            await lookup.secret("shop", "db")


def accept_token(token: str, given: Given) -> Any:
    """Make an API server's choice: the answer for a bearer of the token, 401 for others."""

    def choose(asked: Asked) -> Given:
        return given if asked.headers.get("Authorization") == f"Bearer {token}" else Given(401)

    return choose


@in_loop
async def test_rotated_token(tmp_path: Path) -> None:
    """The file is newer than what was read from it: one 401, and from then on the new token."""
    file = tmp_path / "token"
    file.write_text("old\n")
    async with looking_up(Given(), credentials=TokenFile(str(file))) as (lookup, server):
        server.choose = accept_token("old", secret(password="1"))
        assert await lookup.secret("shop", "db") == {"password": b"1"}
        file.write_text("new\n")
        server.choose = accept_token("new", secret(password="2"))
        assert await lookup.secret("shop", "db") == {"password": b"2"}
        assert await lookup.secret("shop", "db") == {"password": b"2"}
    tokens = [asked.headers["Authorization"].removeprefix("Bearer ") for asked in server.asked]
    assert tokens == ["old", "old", "new", "new"]


@in_loop
async def test_token_that_is_not_accepted(tmp_path: Path, canary: str) -> None:
    (tmp_path / "token").write_text(canary)
    credentials = TokenFile(str(tmp_path / "token"))
    async with looking_up(Given(401), credentials=credentials) as (lookup, server):
        with pytest.raises(KubernetesError, match="does not accept our credentials") as caught:
            await lookup.secret("shop", "db")
        assert len(server.asked) == 1  # the same token once more would change nothing
    assert canary not in str(caught.value)


@in_loop
async def test_no_token_file(tmp_path: Path) -> None:
    async with looking_up(Given(), credentials=TokenFile(str(tmp_path / "token"))) as (lookup, server):
        with pytest.raises(KubernetesError, match=r"cannot read secrets shop/db: the token .*: No such file"):
            await lookup.secret("shop", "db")
        assert server.asked == []


@in_loop
async def test_a_redirect_does_not_get_our_credentials() -> None:
    async with fake_api_server(Given()) as elsewhere:
        redirect = Given(307, headers={"Location": elsewhere.url})
        async with looking_up(redirect, credentials=FixedCredentials(bearer("t", "t"))) as (lookup, _):
            with pytest.raises(KubernetesError, match="status 307"):
                await lookup.secret("shop", "db")
        assert elsewhere.asked == []


@in_loop
async def test_many_share_a_bounded_pool() -> None:
    async with looking_up(secret(password="x")) as (lookup, server):
        found = await asyncio.gather(*(lookup.secret("shop", f"db-{number}") for number in range(100)))
        assert found == [{"password": b"x"}] * 100
    assert len({asked.path for asked in server.asked}) == 100


def server_context(directory: Path, client: Path | None = None) -> ssl.SSLContext:
    """Make the TLS context of an API server, which asks for a certificate that `client` signed."""
    pair = make_pair(directory, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    if client is not None:
        context.load_verify_locations(client)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@in_loop
async def test_client_certificate(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "client")
    async with fake_api_server(secret(password="x"), context=server_context(tmp_path, pair.certificate)) as server:
        trust = Trust((tmp_path / "server.crt").read_bytes())
        own = KeyPair(pair.certificate.read_bytes(), pair.key.read_bytes())
        access = Access({}, make_client_context(trust, own, "the test"))
        without = make_client_context(trust, None, "the test")
        async with open_client(Cluster(server.url, without, FixedCredentials(access), "the test")) as client:
            assert await ClusterLookup(client).secret("shop", "db") == {"password": b"x"}
    assert server.asked[0].peer is not None


@in_loop
async def test_certificate_of_a_stranger(tmp_path: Path) -> None:
    async with fake_api_server(secret(password="x"), context=server_context(tmp_path)) as server:
        other = Trust(make_pair(tmp_path, "other").certificate.read_bytes())
        cluster = Cluster(server.url, make_client_context(other, None, "t"), ANONYMOUS, "t")
        async with open_client(cluster) as client:
            with pytest.raises(KubernetesError, match=r"certificate of https://.* was not accepted: self-signed"):
                await ClusterLookup(client).secret("shop", "db")
        assert server.asked == []


@in_loop
async def test_server_name(tmp_path: Path) -> None:
    """The name in the certificate is not that of the URL: `tls-server-name` of a kubeconfig says which to expect."""
    async with fake_api_server(secret(password="x"), context=server_context(tmp_path)) as server:
        context = make_client_context(Trust((tmp_path / "server.crt").read_bytes()), None, "t")
        right = Cluster(server.url, context, ANONYMOUS, "t", server_name="localhost")
        async with open_client(right) as client:
            assert await ClusterLookup(client).secret("shop", "db") == {"password": b"x"}
        async with open_client(right._replace(server_name="elsewhere")) as client:
            with pytest.raises(KubernetesError, match="was not accepted: Hostname mismatch"):
                await ClusterLookup(client).secret("shop", "db")


@in_loop
async def test_no_cluster(capfd: pytest.CaptureFixture[str]) -> None:
    async with open_cluster(make_settings(), Log(), {}) as (lookup, client):
        assert isinstance(lookup, NoCluster)
        assert client is None
        reads: dict[str, Callable[[str, str], Awaitable[object]]] = {
            "secrets": lookup.secret,
            "configmaps": lookup.config_map,
            "serviceaccounts": lookup.pull_secrets,
        }
        for resource, read in reads.items():
            with pytest.raises(
                KubernetesError, match=f"cannot read {resource} shop/x: there is no cluster; set KUBECONFIG"
            ):
                await read("shop", "x")
    assert "there is no cluster" in capfd.readouterr().err
