"""Reading for an object: real sockets and threads, a server that answers as it is told."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.fakes.apiserver import Given
from tests.fakes.cluster import FakeCluster
from tests.fakes.reader import KINDS, encode, make_secret
from tests.fakes.server import Asked, FakeServer, Raw, Reply, Silence
from tests.fakes.vault import auth, errors, kv1, kv2, serve_paths
from tests.unit.webhook.serving import in_loop
from tests.unit.webhook.test_kube_client import talking
from vault_secrets_webhook.errors import Refused, VaultError
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.admission import AdmissionRequest
from vault_secrets_webhook.webhook.deadline import set_deadline
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.objects import KubernetesCluster
from vault_secrets_webhook.webhook.mutate.objects import Objects
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.vaultaccess import reader as reader_module
from vault_secrets_webhook.webhook.vaultaccess.reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.server import Answer
    from vault_secrets_webhook.webhook.mutation import Mutation

LOGIN, REVOKE, LOOKUP = "auth/kubernetes/login", "auth/token/revoke-self", "auth/token/lookup-self"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6czp3In0.c2ln"
OWN_NAMESPACE = {"KUBERNETES_NAMESPACE": "vault-system"}
USUAL: dict[str, Any] = {
    LOGIN: auth(),
    REVOKE: Reply(204),
    "secret/data/db": kv2({"password": "pass-1"}),
    "kv/db": kv1({"password": "pass-1"}),
    "database/creds/app": kv1({"username": "u"}, lease_id="database/creds/app/1"),
}


class Observed:
    """Counts what is asked of Vault."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.logins: list[bool] = []
        self.under_way = 0
        self.providers: set[str] = set()

    def begin_request(self, provider: str) -> None:
        self.under_way += 1
        self.providers.add(provider)

    def end_request(self, provider: str, method: str, code: str, seconds: float, sent_bytes: int) -> None:
        self.under_way -= 1
        self.providers.add(provider)
        self.codes.append(f"{method} {code}")
        assert seconds >= 0
        assert sent_bytes >= 0

    def note_login(self, provider: str, *, is_successful: bool) -> None:
        self.providers.add(provider)
        self.logins.append(is_successful)


def run(
    server: FakeServer,
    secrets: list[dict[str, Any]],
    process: Mapping[str, str] | None = None,
    *,
    cluster: FakeCluster | None = None,
    observed: Observed | None = None,
    timeout: str = "10s",
    variables: Mapping[str, str] | None = None,
) -> list[Mutation]:
    """Mutate Secrets one after the other by one reader, which is then closed."""

    async def work() -> list[Mutation]:
        environ = {"VAULT_ADDR": server.address, "KUBERNETES_SERVICE_ACCOUNT_TOKEN": JWT, **(process or {})}
        settings = Settings.from_environment({"VAULT_ADDR": server.address, **(variables or {})})
        set_deadline(timeout)
        known = KubernetesCluster(cluster or FakeCluster(), None)
        async with open_reader(settings, known, Log("error"), environ, observed) as reader:
            objects = Objects(settings, reader)
            return [await objects.mutate_secret(msgspec.json.encode(one), make_request(one)) for one in secrets]

    return asyncio.run(work())


def make_request(one: dict[str, Any]) -> AdmissionRequest:
    raw = msgspec.Raw(msgspec.json.encode(one))
    return AdmissionRequest("uid", KINDS["Secret"], namespace="shop", object=raw)


DB = make_secret({"a": "vault:secret/data/db#password"})


def test_one_login_for_many_objects_which_ends_with_the_reader() -> None:
    observed = Observed()
    with FakeServer(serve_paths(USUAL)) as server:
        mutations = run(server, [DB, DB, make_secret({"a": "vault:kv/db#password"})], observed=observed)
    assert [mutation.patch[0].value for mutation in mutations] == [encode("pass-1")] * 3
    paths = [asked.path for asked in server.asked]
    assert paths == [LOGIN, "secret/data/db", "secret/data/db", "kv/db", REVOKE]
    assert json.loads(server.asked[0].body) == {"role": "default", "jwt": JWT}
    assert [asked.headers.get("x-vault-token") for asked in server.asked[1:]] == ["token-of-the-login"] * 4
    assert (observed.logins, observed.under_way, observed.providers) == ([True], 0, {"vault"})
    assert observed.codes == ["PUT 200", "GET 200", "GET 200", "GET 200", "PUT 204"]


def test_a_token_that_leases_hang_on_is_not_revoked() -> None:
    with FakeServer(serve_paths(USUAL)) as server:
        run(server, [make_secret({"a": "vault:database/creds/app#username"})])
    assert REVOKE not in [asked.path for asked in server.asked]


def test_a_token_of_the_process_serves_without_a_login_and_is_not_revoked() -> None:
    with FakeServer(serve_paths(USUAL)) as server:
        run(server, [DB], {"VAULT_TOKEN": "of-the-process"})
    assert [(asked.path, asked.headers["x-vault-token"]) for asked in server.asked] == [
        ("secret/data/db", "of-the-process")
    ]


def test_a_token_of_the_process_never_goes_to_another_server() -> None:
    with FakeServer(serve_paths(USUAL)) as own, FakeServer(serve_paths(USUAL)) as other:
        allowed = {"VAULT_ADDR_ALLOWLIST": other.address, "VAULT_ALLOW_PRIVATE_ADDR": "true"}
        secret = make_secret({"a": "vault:kv/db#password"}, vault_addr=other.address)
        process = {"VAULT_TOKEN": "of-the-process", "VAULT_AGENT_ADDR": own.address}
        run(own, [secret], process, variables=allowed)
    assert own.asked == []
    assert [asked.path for asked in other.asked] == [LOGIN, "kv/db", REVOKE]
    assert "of-the-process" not in str(other.asked)


def test_options_reach_the_server() -> None:
    with FakeServer(serve_paths({**USUAL, "auth/k8s/login": auth()})) as server:
        options = {"vault_role": "app-{{.namespace}}-{{.name}}", "vault_path": "k8s", "vault_namespace": "team"}
        run(server, [make_secret({"a": "vault:kv/db#password"}, **options)])
    assert server.asked[0].path == "auth/k8s/login"
    assert server.asked[0].json()["role"] == "app-shop-db"
    assert {asked.headers["x-vault-namespace"] for asked in server.asked} == {"team"}


def test_references_to_openbao_use_its_own_variables() -> None:
    with FakeServer(serve_paths(USUAL)) as server:
        one = make_secret({"a": "bao:kv/db#password", "b": "vault:kv/db#password"})
        one["metadata"]["annotations"] = {"secrets-webhook.security.bank-vaults.io/provider": "bao"}
        process = {"BAO_TOKEN": "of-bao", "VAULT_TOKEN": "of-vault"}
        (mutation,) = run(server, [one], process, variables={"BAO_ADDR": server.address})
    assert [operation.path for operation in mutation.patch] == ["/data/a"]
    assert {asked.headers["x-vault-token"] for asked in server.asked} == {"of-bao"}


def test_references_to_aws_are_refused_with_what_to_do() -> None:
    one = make_secret({"a": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"})
    one["metadata"]["annotations"] = {"secrets-webhook.security.bank-vaults.io/provider": "aws"}
    with FakeServer() as server, pytest.raises(Refused, match=r"data\.a: references to AWS.*provider to vault"):
        run(server, [one])
    assert server.asked == []


def test_authorities_come_from_the_webhooks_namespace() -> None:
    cluster = FakeCluster(secrets={"good": {"ca.crt": b"PEM"}, "empty": {}})
    with FakeServer(serve_paths(USUAL)) as server:
        secret = make_secret({"a": "vault:kv/db#password"}, vault_tls_secret="good")
        run(server, [secret], cluster=cluster, variables=OWN_NAMESPACE)
        assert cluster.asked == [("Secret", "vault-system", "good")]
        for name in ("empty", "none"):
            secret = make_secret({"a": "vault:kv/db#password"}, vault_tls_secret=name)
            with pytest.raises(Refused, match=rf"vault-tls-secret.*{name}"):
                run(server, [secret], cluster=cluster, variables=OWN_NAMESPACE)
        with pytest.raises(VaultError, match="KUBERNETES_NAMESPACE"):
            run(server, [secret], cluster=cluster)


def test_a_dead_token_is_replaced_once_and_nothing_is_asked_for_twice() -> None:
    tokens = iter(["one", "two"])
    denied = errors(403, "permission denied")

    def answer(asked: Asked) -> Answer:
        if asked.path == LOGIN:
            return Reply(200, auth(next(tokens)))
        if asked.path in {"kv/late", LOOKUP} and asked.headers.get("x-vault-token") == "one":
            return denied
        return Reply(200, kv1({"x": "y"}))

    with FakeServer(answer) as server:
        (mutation,) = run(server, [make_secret({"a": "vault:kv/early#x", "b": "vault:kv/late#x"})])
    assert len(mutation.patch) == 2
    paths = [asked.path for asked in server.asked]
    assert (paths.count(LOGIN), paths.count("kv/early"), paths.count("kv/late")) == (2, 1, 2)
    assert [a.headers["x-vault-token"] for a in server.asked if a.path == REVOKE] == ["two"]


def test_what_the_policies_deny_does_not_cost_another_login() -> None:
    denied = errors(403, "1 error occurred:\n\t* permission denied\n\n")
    lookup = kv1({"policies": ["default"], "ttl": 60})
    with FakeServer(serve_paths({**USUAL, "kv/db": denied, LOOKUP: lookup})) as server:
        with pytest.raises(Refused, match=r"data\.a: kv/db: permission denied") as caught:
            run(server, [make_secret({"a": "vault:kv/db#x"})])
        assert caught.value.code == 403
    assert [asked.path for asked in server.asked].count(LOGIN) == 1


def html(_: Asked) -> Answer:
    return Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})


def cut(_: Asked) -> Answer:
    return Raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data":')


OURS = [
    pytest.param(lambda _: errors(503, "Vault is sealed"), "sealed", id="sealed"),
    pytest.param(lambda _: errors(500, "internal error"), "HTTP 500", id="500"),
    pytest.param(lambda _: errors(429, "slow down"), "429", id="rate limit"),
    pytest.param(html, "text/html", id="HTML"),
    pytest.param(cut, "closed|cut|whole", id="half an answer"),
    pytest.param(lambda _: Raw(b"nonsense\r\n\r\n"), "127.0.0.1", id="no HTTP"),
    pytest.param(lambda _: Silence(), "did not answer|time", id="silence"),
]


@pytest.mark.parametrize("stage", ["login", "read"])
@pytest.mark.parametrize(("fault", "words"), OURS)
def test_a_server_that_cannot_be_used_is_our_fault(
    stage: str, fault: Callable[[Asked], Answer], words: str, canary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "LOGIN_SECONDS", 0.5)
    path = LOGIN if stage == "login" else "kv/db"
    process = {"VAULT_MAX_RETRIES": "0", "VAULT_HEADERS": json.dumps({"X-A": canary})}
    with FakeServer(serve_paths({**USUAL, path: fault})) as server, pytest.raises(VaultError, match=words) as caught:
        run(server, [make_secret({"a": f'>>vault:kv/db#x#{{"a":"{canary}"}}'})], process, timeout="1s")
    assert canary not in str(caught.value)
    assert JWT not in str(caught.value)


def test_a_server_that_is_not_there() -> None:
    with FakeServer() as server:
        pass
    with pytest.raises(VaultError, match="refuses the connection"):
        run(server, [DB], {"VAULT_MAX_RETRIES": "0"})


LOGINS = [
    pytest.param(errors(403, "permission denied"), 403, id="denied"),
    pytest.param(errors(400, "invalid role name"), 422, id="no such role"),
    pytest.param(errors(404, "no handler for route"), 422, id="no such mount"),
]


@pytest.mark.parametrize(("answer", "code"), LOGINS)
def test_a_login_that_is_refused_refuses_the_object(answer: Reply, code: int) -> None:
    observed = Observed()
    with FakeServer(serve_paths({LOGIN: answer})) as server, pytest.raises(Refused, match="login as role") as caught:
        run(server, [DB], observed=observed)
    assert (caught.value.code, observed.logins) == (code, [False])
    assert JWT not in str(caught.value)


def test_settings_of_the_process_that_are_wrong_are_our_fault(canary: str) -> None:
    with FakeServer() as server, pytest.raises(VaultError, match="VAULT_CLIENT_TIMEOUT"):
        run(server, [DB], {"VAULT_CLIENT_TIMEOUT": "abc"})
    with FakeServer() as server, pytest.raises(VaultError, match="KUBERNETES_SERVICE_ACCOUNT_TOKEN") as caught:
        run(server, [DB], {"KUBERNETES_SERVICE_ACCOUNT_TOKEN": canary})
    assert canary not in str(caught.value)


def test_without_a_cluster_there_is_no_token_of_a_service_account() -> None:
    with FakeServer() as server, pytest.raises(KubernetesError, match="serviceaccounts shop/app"):
        run(server, [make_secret({"a": "vault:kv/db#x"}, vault_serviceaccount="app")])


def test_only_the_operator_switches_off_the_check_of_certificates() -> None:
    with FakeServer(serve_paths(USUAL)) as server:
        secret = make_secret({"a": "vault:kv/db#password"}, vault_skip_verify="true")
        (checked,) = run(server, [secret])
        (unchecked,) = run(server, [secret], variables={"VAULT_ALLOW_OBJECT_SKIP_VERIFY": "true"})
    assert ["the certificate is checked all the same" in warning for warning in checked.warnings] == [True]
    assert unchecked.warnings == []


@in_loop
async def test_a_service_account_logs_in_with_a_token_for_the_audiences_of_the_settings() -> None:
    given = Given(201, f'{{"status":{{"token":"{JWT}","expirationTimestamp":"x"}}}}'.encode())
    one = make_secret({"a": "vault:kv/db#password"}, vault_serviceaccount="app", vault_role="shop")
    with FakeServer(serve_paths(USUAL)) as server:
        environ = {"VAULT_ADDR": server.address, "VAULT_SERVICEACCOUNT_AUDIENCE": "one, two,"}
        settings = Settings.from_environment(environ)
        async with (
            talking(given) as (client, api),
            open_reader(
                settings, KubernetesCluster(FakeCluster(), client), Log("error"), {"VAULT_TOKEN": "of-the-process"}
            ) as reader,
        ):
            mutation = await Objects(settings, reader).mutate_secret(msgspec.json.encode(one), make_request(one))
    assert mutation.reason == "injected"
    assert [asked.path for asked in api.asked] == ["/api/v1/namespaces/shop/serviceaccounts/app/token"]
    assert json.loads(api.asked[0].body)["spec"]["audiences"] == ["one", "two"]
    assert server.asked[0].json() == {"role": "shop", "jwt": JWT}
    assert "of-the-process" not in str(server.asked)
    assert server.asked[-1].path == REVOKE


@in_loop
async def test_a_service_account_that_is_not_there_is_the_objects_fault_and_a_missing_permission_ours() -> None:
    one = make_secret({"a": "vault:kv/db#password"}, vault_serviceaccount="app")
    faults: tuple[tuple[int, type[Exception], str], ...] = (
        (404, Refused, "there is no ServiceAccount shop/app"),
        (403, KubernetesError, "serviceaccounts/token"),
    )
    for status, fault, words in faults:
        with FakeServer() as server:
            settings = Settings.from_environment({"VAULT_ADDR": server.address})
            async with (
                talking(Given(status, b'{"kind":"Status","message":"no"}')) as (client, _),
                open_reader(settings, KubernetesCluster(FakeCluster(), client), Log("error"), {}) as reader,
            ):
                with pytest.raises(fault, match=words):
                    await Objects(settings, reader).mutate_secret(msgspec.json.encode(one), make_request(one))
        assert server.asked == []


def test_a_ciphertext_that_a_dead_token_could_not_decrypt_is_decrypted_by_the_next() -> None:
    tokens = iter(["one", "two"])

    def answer(asked: Asked) -> Answer:
        if asked.path == LOGIN:
            return Reply(200, auth(next(tokens)))
        if asked.headers.get("x-vault-token") == "one":
            return errors(403, "permission denied")
        if asked.path == REVOKE:
            return Reply(204)
        return Reply(200, {"data": {"batch_results": [{"plaintext": encode("clear")}]}})

    with FakeServer(answer) as server:
        (mutation,) = run(server, [make_secret({"a": "vault:v1:abc"}, transit_key_id="key")])
    assert [operation.value for operation in mutation.patch] == [encode("clear")]
    assert "transit/decrypt/key" in [asked.path for asked in server.asked]


def test_what_the_server_says_of_a_login_cannot_break_a_message() -> None:
    answers = serve_paths({LOGIN: errors(400, "no \x1b[31m role")})
    with FakeServer(answers) as server, pytest.raises(Refused, match="no ") as caught:
        run(server, [DB])
    assert str(caught.value).isprintable()
