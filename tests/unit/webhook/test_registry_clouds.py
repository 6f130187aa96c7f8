"""The registries of clouds, by the names that they really have: which exchange, with whom, and that nobody else gets anything."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.hosts import FakeHosts
from tests.fakes.registry import Reply
from tests.unit.webhook.clouds import (
    ACR,
    CANARY,
    ECR,
    ECR_API,
    ECR_CHINA,
    ECR_FIPS,
    ENTRA,
    GAR,
    GCR,
    GOOGLE,
    KEYS,
    OTHER,
    always,
    cloudy,
    give_password,
    give_refresh_token,
    make_providers,
    reply,
    store,
)
from tests.unit.webhook.looking import FOUND, pull_secret
from tests.unit.webhook.serving import in_loop, make_settings
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.cache import Fresh
from vault_secrets_webhook.webhook.deadline import remaining_seconds
from vault_secrets_webhook.webhook.registry.cloud import LONGEST_EXCHANGE, Clouds, open_clouds
from vault_secrets_webhook.webhook.registry.cloud.aws import Aws
from vault_secrets_webhook.webhook.registry.cloud.azure import Azure
from vault_secrets_webhook.webhook.registry.cloud.gcp import Gcp
from vault_secrets_webhook.webhook.registry.credentials import Credential
from vault_secrets_webhook.webhook.registry.transport import open_transport

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("host", [GAR, GCR])
def test_artifact_registry(authority: Authority, host: str) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority) as world:
            registry = store(world.hosts, host, "bearer", CANARY, "oauth2accesstoken")
            path = "/computeMetadata/v1/instance/service-accounts/default/token"
            document = {"access_token": CANARY, "expires_in": 3599, "token_type": "Bearer"}
            world.hosts.answers[f"GET {GOOGLE}{path}"] = lambda _: reply(document, **{"Metadata-Flavor": "Google"})
            for _ in range(2):
                assert await world.find(host) == FOUND
            (asked,) = world.hosts.asked
            assert asked.headers["Metadata-Flavor"] == "Google"
            shown = base64.b64encode(f"oauth2accesstoken:{CANARY}".encode()).decode()
            assert [path for _, path, header in registry.asked if shown in header] == ["/token"]
            assert set(world.hosts.resolved) == {host, GOOGLE}

    run()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Reply(404), "(404): the webhook's ServiceAccount needs a Google one"),
        (reply({"access_token": CANARY}), "is not Google's"),
        (reply({"access_token": "a\nb"}, **{"Metadata-Flavor": "Google"}), "gave no token"),
        (Reply(200, b"<html>", {"Metadata-Flavor": "Google"}), "did not answer as it is documented"),
    ],
)
def test_what_can_go_wrong_at_google(authority: Authority, answer: Reply, words: str) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority) as world:
            store(world.hosts, GAR, "bearer", CANARY, "oauth2accesstoken")
            path = "/computeMetadata/v1/instance/service-accounts/default/token"
            world.hosts.answers[f"GET {GOOGLE}{path}"] = lambda _: answer
            assert words in await world.fail(GAR)

    run()


def test_container_registry_of_azure_with_workload_identity(authority: Authority, tmp_path: Path) -> None:
    @in_loop
    async def run() -> None:
        (tmp_path / "token").write_text("the-jwt")
        environ = {
            "AZURE_CLIENT_ID": "client",
            "AZURE_TENANT_ID": "tenant",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
        }
        async with cloudy(authority, environ) as world:
            registry = give_refresh_token(world)
            world.hosts.answers[f"POST {ENTRA}/tenant/oauth2/v2.0/token"] = lambda _: reply({"access_token": "entra"})
            for _ in range(2):
                assert await world.find(ACR) == FOUND
            entra, exchange = world.hosts.asked
            assert (entra.form["client_id"], entra.form["client_assertion"]) == ("client", "the-jwt")
            assert entra.form["scope"] == "https://containerregistry.azure.net/.default"
            assert exchange.form == {"grant_type": "access_token", "service": ACR, "access_token": "entra"}
            assert registry.queries[0]["grant_type"] == "refresh_token"
            assert registry.queries[0]["refresh_token"] == f"refresh-{CANARY}"
            assert "the-jwt" not in repr((exchange, registry.asked))

    run()


@pytest.mark.parametrize("environ", [{}, {"AZURE_CLIENT_ID": "client"}])
def test_container_registry_of_azure_with_a_managed_identity(authority: Authority, environ: dict[str, str]) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, environ) as world:
            give_refresh_token(world)
            path = "/metadata/identity/oauth2/token"
            world.hosts.answers[f"GET 127.0.0.1{path}"] = lambda _: reply({"access_token": "managed"})
            assert await world.find(ACR) == FOUND
            metadata, exchange = world.hosts.asked
            assert metadata.headers["Metadata"] == "true"
            assert metadata.query["resource"] == "https://containerregistry.azure.net"
            assert metadata.query.get("client_id") == environ.get("AZURE_CLIENT_ID")
            assert exchange.form["access_token"] == "managed"

    run()


@pytest.mark.parametrize(
    ("environ", "exchange", "words"),
    [
        ({}, Reply(200), "metadata service of Azure"),
        ({"AZURE_TENANT_ID": ".."}, Reply(200), "AZURE_TENANT_ID of the webhook is not the id of a tenant"),
        ({"AZURE_TENANT_ID": "a/../b"}, Reply(200), "AZURE_TENANT_ID of the webhook is not the id of a tenant"),
        ({"AZURE_TENANT_ID": "tenant"}, Reply(401), "(401): the webhook's identity needs the role AcrPull there"),
        ({"AZURE_TENANT_ID": "tenant"}, reply({"refresh_token": ""}), "gave no token"),
        ({"AZURE_TENANT_ID": "tenant"}, Reply(200, b"<html>"), "did not answer as it is documented"),
        ({"AZURE_TENANT_ID": "other"}, Reply(200), "(404): the identity of AZURE_CLIENT_ID must trust"),
    ],
)
def test_what_can_go_wrong_at_azure(
    authority: Authority, tmp_path: Path, environ: dict[str, str], exchange: Reply, words: str
) -> None:
    (tmp_path / "token").write_text(CANARY)
    identity = {"AZURE_CLIENT_ID": "client", "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")} if environ else {}

    @in_loop
    async def run() -> None:
        async with cloudy(authority, {**environ, **identity}) as world:
            give_refresh_token(world)
            world.hosts.answers[f"POST {ENTRA}/tenant/oauth2/v2.0/token"] = lambda _: reply({"access_token": CANARY})
            world.hosts.answers[f"POST {ACR}/oauth2/exchange"] = lambda _: exchange
            assert words in await world.fail(ACR)

    run()


def test_nothing_is_done_unless_the_operator_wants_it(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS, REGISTRY_CLOUD_CREDENTIALS="gcp,azure") as world:
            give_password(world)
            assert "without credentials: " in await world.fail(ECR)
            assert world.hosts.asked == []
            assert world.hosts.resolved == [ECR]

    run()
    assert make_settings(None).registry_cloud_credentials == ()
    with pytest.raises(ConfigurationError, match="REGISTRY_CLOUD_CREDENTIALS: 'ibm' is not a cloud that is known"):
        make_settings(None, REGISTRY_CLOUD_CREDENTIALS="aws, ibm")


@in_loop
async def test_an_exchange_has_a_time_of_its_own() -> None:
    left: list[float] = []

    class Slow:
        source = "the webhook's identity"
        hosts = re.compile(".*")

        def scope(self, host: re.Match[str]) -> str:
            return host[0]

        async def get(self, host: re.Match[str]) -> Fresh[Credential]:
            left.append(remaining_seconds())
            return Fresh(Credential(host[0], "user", "word"), 1.0)

    found = await Clouds([Slow()]).find(OTHER)
    assert found is not None
    assert found.source == OTHER
    assert left[0] <= LONGEST_EXCHANGE < remaining_seconds()


def test_the_addresses_are_those_of_the_clouds() -> None:
    @in_loop
    async def run() -> None:
        async with open_transport("", lambda *_: None, FakeHosts()) as transport:
            aws, gcp, azure = open_clouds(("aws", "gcp", "azure"), transport, {}).providers
            assert isinstance(aws, Aws)
            assert isinstance(gcp, Gcp)
            assert isinstance(azure, Azure)
            assert (str(aws.keys.container), str(aws.keys.metadata)) == (
                "http://169.254.170.2",
                "http://169.254.169.254",
            )
            assert (str(gcp.metadata), str(azure.metadata)) == (f"http://{GOOGLE}", "http://169.254.169.254")
            assert open_clouds((), transport, KEYS).providers == []

    run()


def test_metadata_is_asked_without_a_proxy(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")

    @in_loop
    async def run() -> None:
        async with cloudy(authority) as world:
            give_refresh_token(world)
            world.hosts.answers["GET 127.0.0.1/metadata/identity/oauth2/token"] = always(reply({"access_token": "x"}))
            assert await world.find(ACR) == FOUND

    run()


def test_pull_secrets_come_first(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS) as world:
            registry = give_password(world)
            registry.users = {"robot": "hunter2", **registry.users}
            world.setting.cluster.secrets = {"pull": pull_secret(ECR, "robot"), "wrong": pull_secret(ECR, "x")}
            assert await world.find(ECR, secrets=("pull",)) == FOUND
            assert world.hosts.asked == []
            assert await world.find(ECR, secrets=("wrong",)) == FOUND
            assert world.list_asked() == [f"POST {ECR_API}/"]

    run()


def test_whom_only_the_pod_trusts_gets_nothing(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS) as world:
            registry = give_password(world)
            assert "(401" in await world.fail(ECR, skips_verification=True)
            assert world.hosts.asked == []
            assert {header for _, _, header in registry.asked} == {""}

    run()


def test_nothing_is_shown_in_the_open(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS, REGISTRY_PLAIN_HTTP=ECR) as world:
            registry = give_password(world)
            assert "identity at AWS: it is shown over TLS only" in await world.fail(ECR)
            assert {header for _, _, header in registry.asked} == {""}

    run()


def test_a_service_of_another_host_gets_nothing(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS) as world:
            registry = give_password(world)
            other = store(world.hosts, OTHER, "", "x", "y")
            challenge = {"WWW-Authenticate": f'Bearer realm="https://{OTHER}/token"'}
            registry.intercept = lambda *_: Reply(401, b"", challenge)
            assert "identity at AWS: the registry has access tokens asked for at another host" in await world.fail(ECR)
            assert {header for _, _, header in other.asked} == {""}  # what anybody may ask for

    run()


NOT_OURS = (
    f"{OTHER}",
    f"{ECR}:444",
    f"x{ECR}",
    f"{ECR}.example",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com.example",
    "123456789012.dkr.ecr.eu-west-1x.amazonaws.com",
    "123456789012.dkr.ecr.a.b-c-1.amazonaws.com",
    "gcr.io.example",
    "a.b.gcr.io",
    "xgcr.io",
    "pkg.dev",
    "a.b.pkg.dev",
    "azurecr.io",
    "a.b.azurecr.io",
    "shop.azurecr.io.example",
    "shop.azurecr.example",
)


@pytest.mark.parametrize("domain", NOT_OURS)
def test_hosts_that_are_not_the_clouds(authority: Authority, domain: str) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS) as world:
            assert await world.setting.images.sources.clouds.find(domain) is None
            assert world.hosts.asked == []

    run()


@pytest.mark.parametrize(
    "domain", [ECR, ECR_FIPS, ECR_CHINA, "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com", GAR, GCR, "gcr.io", ACR]
)
def test_hosts_that_are_the_clouds(authority: Authority, domain: str) -> None:
    @in_loop
    async def run() -> None:
        async with open_transport("", lambda *_: None, FakeHosts()) as transport:
            hosts = [one.hosts for one in make_providers(transport, {}, "http://127.0.0.1:1").values()]
            assert sum(one.fullmatch(domain) is not None for one in hosts) == 1

    run()
