"""The registries of clouds, by the names that they really have: which exchange, with whom, and that nobody else gets anything."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from calendar import timegm
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from tests.fakes.certificates import Authority
from tests.fakes.cluster import FakeCluster
from tests.fakes.hosts import Asked, FakeHosts, serve_hosts
from tests.fakes.registry import FakeRegistry, Reply
from tests.unit.webhook.looking import FOUND, START, Setting, pull_secret
from tests.unit.webhook.serving import in_loop, make_settings
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.kube import client as kube_client
from vault_secrets_webhook.webhook.registry.cloud import Clouds, open_clouds
from vault_secrets_webhook.webhook.registry.cloud.aws import Aws
from vault_secrets_webhook.webhook.registry.cloud.awskeys import KeySource
from vault_secrets_webhook.webhook.registry.cloud.azure import Azure
from vault_secrets_webhook.webhook.registry.cloud.gcp import Gcp
from vault_secrets_webhook.webhook.registry.images import open_images
from vault_secrets_webhook.webhook.registry.transport import open_transport
from vault_secrets_webhook.wire.message import Request
from vault_secrets_webhook.wire.sigv4 import Keys, sign_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from vault_secrets_webhook.webhook.registry.cloud.provider import Provider
    from vault_secrets_webhook.webhook.registry.transport import Transport

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ECR_API, STS = "api.ecr.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"
ECR_FIPS, ECR_FIPS_API = "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "ecr-fips.us-east-1.amazonaws.com"
ECR_CHINA = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
GAR, GCR, GOOGLE = "europe-docker.pkg.dev", "eu.gcr.io", "metadata.google.internal"
ACR, ENTRA = "shop.azurecr.io", "login.microsoftonline.com"
OTHER = "registry.example"
NAMES = (ECR, ECR_API, STS, ECR_FIPS, ECR_FIPS_API, ECR_CHINA, GAR, GCR, ACR, ENTRA, OTHER)
ALL = {"REGISTRY_CLOUD_CREDENTIALS": "aws,gcp,azure"}
NOW = timegm((2026, 11, 24, 12, 0, 0))
# What none but its documented place may see, and no message either.
CANARY = "hunter2-canary"
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_SESSION_TOKEN": f"session-{CANARY}"}
TEMPORARY = {"AccessKeyId": "ASIA", "SecretAccessKey": CANARY, "Token": "session"}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_client, "FIRST_PAUSE", 0.001)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def reply(document: Any, **headers: str) -> Reply:
    return Reply(200, json.dumps(document).encode(), headers)


def always(answer: Reply) -> Callable[[Asked], Reply]:
    return lambda _: answer


class World:
    """All hosts, and the look-up that asks them with the environment of a webhook."""

    def __init__(self, hosts: FakeHosts, setting: Setting) -> None:
        self.hosts = hosts
        self.setting = setting

    async def find(self, host: str, **fields: Any) -> Any:
        return await self.setting.find(image=f"{host}/team/app:1", **fields)

    async def fail(self, host: str, **fields: Any) -> str:
        return await self.setting.fail(image=f"{host}/team/app:1", **fields)

    def list_asked(self) -> list[str]:
        return [f"{one.method} {one.host}{one.path}" for one in self.hosts.asked]


def store(hosts: FakeHosts, host: str, login: str, secret: str, user: str) -> FakeRegistry:
    registry = hosts.add_registry(host, FakeRegistry(login, {user: secret}))
    registry.store_image("1", **START)
    return registry


@contextlib.asynccontextmanager
async def cloudy(
    authority: Authority, environ: Mapping[str, str] | None = None, **variables: str
) -> AsyncIterator[World]:
    """Serve all clouds with their registries, and open the look-up. Endpoints without a name are the plain ones."""
    hosts = FakeHosts()
    environ = environ or {}
    async with serve_hosts(hosts, authority, *NAMES):
        settings = make_settings(None, **{"REGISTRY_CA_FILE": str(authority.ca_file), **ALL, **variables})
        async with open_transport(settings.registry_ca_file, lambda *_: None, hosts) as transport:
            providers = make_providers(transport, environ, hosts.plain)
            clouds = Clouds([providers[name] for name in settings.registry_cloud_credentials])
            cluster = FakeCluster()
            async with open_images(settings, cluster, lambda *_: None, resolver=hosts, clouds=clouds) as images:
                yield World(hosts, Setting(FakeRegistry(), images, cluster, []))


def make_providers(transport: Transport, environ: Mapping[str, str], plain: str) -> dict[str, Provider]:
    keys = KeySource(transport, environ, container=URL(plain), metadata=URL(plain))
    return {
        "aws": Aws(transport, environ, lambda: NOW, keys),
        "gcp": Gcp(transport),
        "azure": Azure(transport, environ, URL(plain)),
    }


# AWS


def give_password(world: World, host: str = ECR, api: str = ECR_API, end: float = NOW + 43200) -> FakeRegistry:
    registry = store(world.hosts, host, "basic", "password", "AWS")
    token = base64.b64encode(b"AWS:password").decode()
    document = {"authorizationData": [{"authorizationToken": token, "expiresAt": end, "proxyEndpoint": "x"}]}
    world.hosts.answers[f"POST {api}/"] = lambda _: reply(document)
    return registry


def check_signature(asked: Asked, keys: Keys, region: str) -> None:
    """Sign what came once more: it must be what the header field says."""
    target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    assert (asked.headers["X-Amz-Target"], asked.body) == (target, b"{}")
    sent = {name: asked.headers[name] for name in ("Content-Type", "X-Amz-Target")}
    signed = sign_request(
        Request("POST", f"https://{asked.headers['Host']}/", sent, asked.body), keys, region, "ecr", NOW
    )
    assert asked.headers["Authorization"] == signed.headers["Authorization"]
    assert asked.headers["X-Amz-Date"] == "20261124T120000Z"
    assert asked.headers.get("X-Amz-Security-Token", "") == keys.session_token


def test_ecr_with_keys(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS) as world:
            registry = give_password(world)
            for _ in range(3):
                assert await world.find(ECR) == FOUND
            (asked,) = world.hosts.asked  # the password is kept
            check_signature(asked, Keys("AKID", CANARY, f"session-{CANARY}"), "eu-west-1")
            assert CANARY not in repr(registry.asked)
            assert set(world.hosts.resolved) == {ECR, ECR_API}

    run()


@pytest.mark.parametrize("end", [NOW - 1, NOW])
def test_a_password_that_has_ended_is_not_kept(authority: Authority, end: float) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS) as world:
            give_password(world, end=end)
            for _ in range(2):
                assert await world.find(ECR) == FOUND
            assert world.list_asked() == [f"POST {ECR_API}/"] * 2

    run()


def test_ecr_fips(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, {**KEYS, "AWS_REGION": "eu-west-1"}) as world:
            give_password(world, ECR_FIPS, ECR_FIPS_API)
            assert await world.find(ECR_FIPS) == FOUND
            check_signature(world.hosts.asked[0], Keys("AKID", CANARY, f"session-{CANARY}"), "us-east-1")

    run()


XML = (
    b"<AssumeRoleWithWebIdentityResponse><Credentials><SessionToken>se/ss+ion=</SessionToken>"
    b"<SecretAccessKey>%s</SecretAccessKey><AccessKeyId>ASIA</AccessKeyId></Credentials>"
    b"</AssumeRoleWithWebIdentityResponse>" % CANARY.encode()
)


def test_ecr_with_the_role_of_a_service_account(authority: Authority, tmp_path: Path) -> None:
    @in_loop
    async def run() -> None:
        (tmp_path / "token").write_text("the-jwt\n")
        environ = {
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/webhook",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_REGION": "eu-west-1",
        }
        async with cloudy(authority, environ) as world:
            give_password(world)
            world.hosts.answers[f"POST {STS}/"] = lambda _: Reply(200, XML)
            assert await world.find(ECR) == FOUND
            assert world.list_asked() == [f"POST {STS}/", f"POST {ECR_API}/"]
            form = world.hosts.asked[0].form
            assert (form["Action"], form["Version"]) == ("AssumeRoleWithWebIdentity", "2011-06-15")
            assert (form["RoleArn"], form["WebIdentityToken"]) == (environ["AWS_ROLE_ARN"], "the-jwt")
            assert "Authorization" not in world.hosts.asked[0].headers
            check_signature(world.hosts.asked[1], Keys("ASIA", CANARY, "se/ss+ion="), "eu-west-1")
            assert "the-jwt" not in repr(world.hosts.asked[1])

    run()


@pytest.mark.parametrize("is_full", [True, False])
def test_ecr_with_pod_identity(authority: Authority, tmp_path: Path, is_full: bool) -> None:
    @in_loop
    async def run() -> None:
        (tmp_path / "token").write_text("the-jwt\n")
        environ = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")}
        async with cloudy(authority, environ) as world:
            if is_full:
                environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{world.hosts.plain}/v1/credentials"
            else:
                environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v1/credentials"
            give_password(world)
            world.hosts.answers["GET 127.0.0.1/v1/credentials"] = lambda _: reply(TEMPORARY)
            assert await world.find(ECR) == FOUND
            assert world.hosts.asked[0].headers["Authorization"] == "the-jwt"
            check_signature(world.hosts.asked[1], Keys("ASIA", CANARY, "session"), "eu-west-1")

    run()


ROLES = "/latest/meta-data/iam/security-credentials/"


def test_ecr_with_the_role_of_the_machine(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority) as world:
            give_password(world)
            answers = world.hosts.answers
            answers["PUT 127.0.0.1/latest/api/token"] = lambda _: Reply(200, b"imds-token")
            answers[f"GET 127.0.0.1{ROLES}"] = lambda _: Reply(200, b"node-role\n")
            answers[f"GET 127.0.0.1{ROLES}node-role"] = lambda _: reply({**TEMPORARY, "Code": "Success"})
            assert await world.find(ECR) == FOUND
            put, roles, role, api = world.hosts.asked
            assert put.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "60"
            assert [one.headers["X-aws-ec2-metadata-token"] for one in (roles, role)] == ["imds-token"] * 2
            check_signature(api, Keys("ASIA", CANARY, "session"), "eu-west-1")

    run()


AWS_FAULTS: dict[str, tuple[dict[str, str], dict[str, Reply], str]] = {
    "no identity": ({"AWS_EC2_METADATA_DISABLED": "true"}, {}, "has no identity at AWS"),
    "no metadata": ({}, {}, r"metadata service of AWS 127.0.0.1:\d+ answered with an error \(404\): .* needs a role"),
    "odd metadata": ({}, {"PUT 127.0.0.1/latest/api/token": Reply(200, b"\xff\x00")}, "gave no token"),
    "odd role": (
        {},
        {"PUT 127.0.0.1/latest/api/token": Reply(200, b"t"), f"GET 127.0.0.1{ROLES}": Reply(200, b"../x")},
        "names no role",
    ),
    "another container": (
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.169.254/x"},
        {},
        "AWS_CONTAINER_CREDENTIALS_FULL_URI of the webhook is neither https nor",
    ),
    "no container": ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[::::]/"}, {}, "is neither https nor"),
    "another path": ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "//registry.example/"}, {}, "is no path"),
    "no token file": (
        {"AWS_ROLE_ARN": "arn", "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent"},
        {},
        "no token can be read from the file that AWS_WEB_IDENTITY_TOKEN_FILE of the webhook names",
    ),
    "role refused": (
        {"AWS_ROLE_ARN": "arn", "AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN"},
        {f"POST {STS}/": Reply(403, CANARY.encode())},
        rf"STS of AWS {STS} answered with an error \(403\): the role of AWS_ROLE_ARN must trust",
    ),
    "odd answer of STS": (
        {"AWS_ROLE_ARN": "arn", "AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN"},
        {f"POST {STS}/": Reply(200, b"<html>" + CANARY.encode())},
        "gave no keys",
    ),
    "password refused": (KEYS, {f"POST {ECR_API}/": Reply(400, CANARY.encode())}, "needs ecr:GetAuthorizationToken"),
    "password elsewhere": (
        KEYS,
        {f"POST {ECR_API}/": Reply(307, b"", {"Location": f"https://{OTHER}/"})},
        "redirects to another host, which is not asked",
    ),
    "odd password": (
        KEYS,
        {f"POST {ECR_API}/": reply({"authorizationData": [{"authorizationToken": "QVdT"}]})},
        "gave no password",
    ),
    "no password": (KEYS, {f"POST {ECR_API}/": reply({"authorizationData": []})}, "gave no password"),
    "no JSON": (KEYS, {f"POST {ECR_API}/": Reply(200, b"<html>")}, "did not answer as it is documented"),
    "no region": ({**KEYS, "AWS_REGION": "x/../y"}, {}, "AWS_REGION of the webhook is not the name of a region"),
    "another partition": ({**KEYS, "AWS_REGION": "cn-north-1"}, {}, "of another partition"),
}


@pytest.mark.parametrize(("environ", "answers", "words"), AWS_FAULTS.values(), ids=AWS_FAULTS)
def test_what_can_go_wrong_at_aws(
    authority: Authority, tmp_path: Path, environ: dict[str, str], answers: dict[str, Reply], words: str
) -> None:
    (tmp_path / "token").write_text(CANARY)
    environ = {name: value.replace("TOKEN", str(tmp_path / "token")) for name, value in environ.items()}

    @in_loop
    async def run() -> None:
        async with cloudy(authority, environ) as world:
            store(world.hosts, ECR, "basic", "password", "AWS")
            store(world.hosts, OTHER, "", "x", "y")
            world.hosts.answers.update({key: always(one) for key, one in answers.items()})
            message = await world.fail(ECR)
            assert re.search(words, message), message
            assert "without credentials: the registry wants other credentials (401)" in message
            before = len(world.hosts.asked)
            await world.fail(ECR)
            assert len(world.hosts.asked) == before  # that it failed is remembered for a moment
            assert world.hosts.registries[OTHER].asked == []

    run()


def test_a_metadata_service_that_is_silent(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority) as world:
            store(world.hosts, ECR, "", "password", "AWS")
            world.hosts.answers["PUT 127.0.0.1/latest/api/token"] = lambda _: Reply(hangs=True)
            world.setting.images.sources.clouds.seconds = 0.2
            assert await world.find(ECR) == FOUND  # which anybody may read

    run()


# Google


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


# Azure


def give_refresh_token(world: World) -> FakeRegistry:
    registry = store(world.hosts, ACR, "bearer", f"refresh-{CANARY}", "")
    world.hosts.answers[f"POST {ACR}/oauth2/exchange"] = lambda _: reply({"refresh_token": f"refresh-{CANARY}"})
    return registry


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


# All of them


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
