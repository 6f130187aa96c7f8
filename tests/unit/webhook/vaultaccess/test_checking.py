"""Logging in as a pod: real sockets and threads, an API server and a Vault that answer as they are told."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.apiserver import Given, fake_api_server
from tests.fakes.cluster import FakeCluster
from tests.fakes.server import Asked, FakeServer, Reply, Silence
from tests.fakes.vault import TOKEN, auth, errors, serve_paths
from vault_secrets_webhook.errors import Refused, VaultError
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.deadline import set_deadline
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.cluster import Cluster
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.objects import KubernetesCluster
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.vaultaccess.checking import PathQuestion, VaultPathChecker, describe_pod_access
from vault_secrets_webhook.webhook.vaultaccess.inquiry import READ, PathFindings, Wish
from vault_secrets_webhook.webhook.vaultaccess.reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.apiserver import Asked as AskedOfCluster
    from tests.fakes.server import Answer

LOGIN, REVOKE, LOOKUP = "auth/kubernetes/login", "auth/token/revoke-self", "auth/token/lookup-self"
CAPABILITIES, MOUNT = "sys/capabilities-self", "sys/internal/ui/mounts/kv/db"
HEADER = "eyJhbGciOiJub25lIn0"
CLAIMS = base64.urlsafe_b64encode(b'{"sub":"system:serviceaccount:shop:app"}').decode().rstrip("=")
JWT = f"{HEADER}.{CLAIMS}.c2ln"
WISH = Wish(READ, "kv/db", None, "a")


def list_capabilities(asked: Asked) -> Answer:
    return Reply(200, {"data": {path: ["read"] for path in asked.json()["paths"]}})


USUAL: dict[str, Any] = {LOGIN: auth(), REVOKE: Reply(204), CAPABILITIES: list_capabilities}


class Asking:
    """Asks one question after the other by one checker, which is then closed. `asked` is what the API server was."""

    def __init__(
        self,
        server: FakeServer,
        *,
        given: Given | None = None,
        process: Mapping[str, str] | None = None,
        timeout: str = "10s",
        **settings: str,
    ) -> None:
        self.server = server
        body = json.dumps({"status": {"token": JWT, "expirationTimestamp": "2026-08-01T12:10:00Z"}})
        self.given = given or Given(201, body.encode())
        self.process = {"VAULT_MAX_RETRIES": "0", **(process or {})}
        self.timeout = timeout
        self.settings = Settings.from_environment({"VAULT_ADDR": server.address, **settings})
        self.asked: list[AskedOfCluster] = []

    def question(self, **fields: Any) -> PathQuestion:
        usual = PathQuestion([WISH], self.settings.defaults, "shop", "app", "reader")
        return usual._replace(**fields)

    def run(self, *questions: PathQuestion, at_once: bool = False) -> list[PathFindings]:
        return asyncio.run(self.work(questions, at_once=at_once))

    async def work(self, questions: tuple[PathQuestion, ...], *, at_once: bool) -> list[PathFindings]:
        set_deadline(self.timeout)
        async with fake_api_server(self.given) as api:
            self.asked = api.asked
            cluster = Cluster(api.url, ssl.create_default_context(), FixedCredentials(Access({})), "the test")
            async with open_client(cluster) as client:
                known = KubernetesCluster(FakeCluster(), client)
                async with open_reader(self.settings, known, Log("error"), self.process) as reader:
                    checker = VaultPathChecker(reader)
                    if at_once:
                        return list(await asyncio.gather(*map(checker.check, questions)))
                    return [await checker.check(question) for question in questions]


def list_paths(server: FakeServer) -> list[str]:
    return [asked.path for asked in server.asked]


@pytest.mark.parametrize("at_once", [False, True])
def test_one_login_as_the_pod_serves_several_and_is_revoked(at_once: bool) -> None:
    with FakeServer(serve_paths(USUAL)) as server:
        asking = Asking(server)
        assert asking.run(asking.question(), asking.question(), at_once=at_once) == [PathFindings({}, {})] * 2
        paths = list_paths(server)
    assert (paths[0], paths[-1]) == (LOGIN, REVOKE)
    assert (paths.count(LOGIN), paths.count(REVOKE), paths.count(CAPABILITIES)) == (1, 1, 2)
    assert server.asked[0].json() == {"role": "reader", "jwt": JWT}
    assert {asked.headers["x-vault-token"] for asked in server.asked[1:]} == {TOKEN}
    (asked,) = asking.asked
    assert asked.path == "/api/v1/namespaces/shop/serviceaccounts/app/token"
    assert json.loads(asked.body)["spec"]["audiences"] == []


def test_who_differs_in_anything_has_a_login_of_its_own() -> None:
    with FakeServer(serve_paths({**USUAL, "auth/k8s/login": auth()})) as server:
        asking = Asking(server)
        questions = [
            asking.question(),
            asking.question(role="other"),
            asking.question(account="other"),
            asking.question(namespace="other"),
            asking.question(options=Settings.from_environment({"VAULT_PATH": "k8s", **address(server)}).defaults),
            asking.question(options=Settings.from_environment({"VAULT_NAMESPACE": "n", **address(server)}).defaults),
        ]
        asking.run(*questions)
        logins = [path for path in list_paths(server) if path.endswith("/login")]
    assert len(logins) == len(questions)
    assert {asked.headers.get("x-vault-namespace", "") for asked in server.asked} == {"", "n"}


def address(server: FakeServer) -> dict[str, str]:
    return {"VAULT_ADDR": server.address}


def test_what_is_the_webhooks_own_is_not_used_for_a_pod() -> None:
    with FakeServer(serve_paths(USUAL)) as server, FakeServer() as agent:
        own = {"VAULT_TOKEN": "of-the-process", "VAULT_AGENT_ADDR": agent.address, "VAULT_NAMESPACE": "of-the-process"}
        asking = Asking(server, process=own)
        options = Settings.from_environment({"VAULT_SERVICEACCOUNT": "of-objects", **address(server)}).defaults
        asking.run(asking.question(options=options))
    assert agent.asked == []
    assert list_paths(server)[0] == LOGIN
    assert "of-the-process" not in str(server.asked)
    assert asking.asked[0].path.endswith("/serviceaccounts/app/token")


def test_the_authorities_of_the_pod_are_trusted() -> None:
    with FakeServer() as server:
        question = Asking(server).question(authorities="PEM")
    assert dict(describe_pod_access(question).connection.changes)["VAULT_CACERT_BYTES"] == "PEM"


def test_a_token_that_was_revoked_meanwhile_is_replaced_once() -> None:
    tokens = iter(["one", "two", "three"])
    denied = errors(403, "permission denied")

    def answer(asked: Asked) -> Answer:
        if asked.path == LOGIN:
            return Reply(200, auth(next(tokens)))
        if asked.headers.get("x-vault-token") == "one":
            return denied
        return serve_paths(USUAL)(asked)

    with FakeServer(answer) as server:
        asking = Asking(server)
        assert asking.run(asking.question()) == [PathFindings({}, {})]
        assert list_paths(server).count(LOGIN) == 2
    with FakeServer(serve_paths({**USUAL, CAPABILITIES: denied, LOOKUP: denied})) as server:
        asking = Asking(server)
        with pytest.raises(VaultError, match="does not know a token"):
            asking.run(asking.question())
        assert list_paths(server).count(LOGIN) == 2


REFUSED = [
    pytest.param(errors(403, "permission denied"), 403, id="denied"),
    pytest.param(errors(400, "invalid role name"), 422, id="no such role"),
]


@pytest.mark.parametrize(("answer", "code"), REFUSED)
def test_a_login_that_vault_refuses(answer: Reply, code: int) -> None:
    with FakeServer(serve_paths({LOGIN: answer})) as server:
        asking = Asking(server)
        with pytest.raises(Refused, match=r"login as role 'reader' .*shop/app") as caught:
            asking.run(asking.question())
    assert (caught.value.code, JWT in str(caught.value)) == (code, False)
    assert "a token for the API server's audiences, as kubelet gives it to pods" in str(caught.value)


def test_a_mount_that_cannot_be_meant() -> None:
    with FakeServer() as server:
        asking = Asking(server)
        options = Settings.from_environment({"VAULT_PATH": "auth/kubernetes", **address(server)}).defaults
        with pytest.raises(Refused, match="vault-path"):
            asking.run(asking.question(options=options))
    assert server.asked == []


OF_THE_CLUSTER = [
    pytest.param(Given(403, b"{}"), KubernetesError, "create for serviceaccounts/token in namespace shop", id="RBAC"),
    pytest.param(Given(404, b"{}"), Refused, "no ServiceAccount shop/app", id="no such account"),
]


@pytest.mark.parametrize(("given", "error", "words"), OF_THE_CLUSTER)
def test_a_cluster_that_gives_no_token(given: Given, error: type[Exception], words: str) -> None:
    with FakeServer() as server:
        asking = Asking(server, given=given)
        with pytest.raises(error, match=words):
            asking.run(asking.question())
    assert server.asked == []


OURS = [
    pytest.param({CAPABILITIES: errors(503, "Vault is sealed")}, {}, "sealed", id="sealed"),
    pytest.param({LOGIN: errors(500, "internal error")}, {}, "HTTP 500", id="login fails"),
    pytest.param({}, {"VAULT_CLIENT_TIMEOUT": "abc"}, "VAULT_CLIENT_TIMEOUT", id="own settings"),
]


@pytest.mark.parametrize(("paths", "process", "words"), OURS)
def test_what_is_our_fault(paths: dict[str, Any], process: dict[str, str], words: str) -> None:
    with FakeServer(serve_paths({**USUAL, **paths})) as server:
        asking = Asking(server, process=process)
        with pytest.raises(VaultError, match=words):
            asking.run(asking.question())


@pytest.mark.parametrize(("timeout", "patience"), [("1s", 60.0), ("30s", 0.5)])
@pytest.mark.parametrize("silent", [LOGIN, CAPABILITIES])
def test_a_server_that_says_nothing_for_too_long(silent: str, timeout: str, patience: float) -> None:
    with FakeServer(serve_paths({**USUAL, silent: Silence()})) as server:
        asking = Asking(server, timeout=timeout, process={"VAULT_CLIENT_TIMEOUT": "1s"})
        with pytest.raises(VaultError, match="within"):
            asking.run(asking.question(patience=patience))
