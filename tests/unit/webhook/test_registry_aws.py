"""ECR of AWS, by the names that it really has: where keys come from, what is signed with them, and what can go wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.registry import Reply
from tests.unit.webhook.clouds import (
    CANARY,
    ECR,
    ECR_API,
    ECR_FIPS,
    ECR_FIPS_API,
    KEYS,
    NOW,
    OTHER,
    STS,
    always,
    cloudy,
    give_password,
    reply,
    store,
)
from tests.unit.webhook.looking import FOUND
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.registry.cloud.sigv4 import Keys, sign_request
from vault_secrets_webhook.wire.message import Request

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.hosts import Asked


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


TEMPORARY = {"AccessKeyId": "ASIA", "SecretAccessKey": CANARY, "Token": "session"}


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


def test_each_region_has_a_password_of_its_own(authority: Authority) -> None:
    @in_loop
    async def run() -> None:
        async with cloudy(authority, KEYS) as world:
            for host, api in ((ECR, ECR_API), (ECR_FIPS, ECR_FIPS_API)):
                give_password(world, host, api)
                for _ in range(2):
                    assert await world.find(host) == FOUND
            assert world.list_asked() == [f"POST {ECR_API}/", f"POST {ECR_FIPS_API}/"]

    run()
