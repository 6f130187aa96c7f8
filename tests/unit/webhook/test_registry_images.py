"""Looking into images: every kind of login and document, against a registry on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.cluster import FakeCluster
from tests.fakes.hosts import FakeHosts
from tests.fakes.registry import CONFIG, INDEX, MANIFEST, FakeRegistry, Reply, serve_registry
from tests.unit.webhook.looking import FOUND, PULL, START, USERS, looking, pull_secret
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.lookup import ImageQuestion, ImageStart
from vault_secrets_webhook.webhook.registry import client
from vault_secrets_webhook.webhook.registry.documents import ARCHITECTURES, OWN_ARCHITECTURE
from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.reference import DEFAULT_DOMAIN, DEFAULT_HOST

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@in_loop
async def test_an_image_that_anybody_may_read() -> None:
    async with looking() as setting:
        assert await setting.find() == FOUND
        assert [method for method, _, _ in setting.registry.asked] == ["HEAD", "GET", "GET"]
        assert await setting.find() == FOUND
        assert setting.count() == 4  # the tag only
        assert setting.codes == ["200"] * 4
        assert setting.cluster.asked == []


@in_loop
async def test_by_digest() -> None:
    async with looking() as setting:
        digest = setting.registry.tags["1"]
        for _ in range(2):
            assert await setting.find(f"team/app:gone@{digest}") == FOUND
        assert setting.count() == 2


@in_loop
async def test_what_an_image_may_leave_out() -> None:
    starts: tuple[dict[str, Any], ...] = ({}, {"Entrypoint": None, "Cmd": []}, {"Env": ["A=b"]})
    for start in starts:
        registry = FakeRegistry()
        registry.store_image("1", **start)
        async with looking(registry) as setting:
            assert await setting.find() == ImageStart((), ())


@pytest.mark.parametrize("login", ["basic", "bearer"])
@in_loop
async def test_with_a_pull_secret(login: str) -> None:
    async with looking(FakeRegistry(login, USERS)) as setting:
        assert await setting.find(secrets=PULL) == FOUND
        assert [query["scope"] for query in setting.registry.queries] == ["repository:team/app:pull"] * (
            login == "bearer"
        )
        before = setting.count("/")
        assert await setting.find(secrets=PULL) == FOUND
        assert setting.count("/") == before + 1  # what lets in is remembered


@in_loop
async def test_with_an_identity_token() -> None:
    cluster = FakeCluster()
    async with looking(FakeRegistry("bearer", USERS), cluster) as setting:
        cluster.secrets = {"token": pull_secret(setting.registry.address, "", "", identitytoken="hunter2")}
        assert await setting.find(secrets=("token",)) == FOUND
        (query,) = setting.registry.queries
        assert (query["grant_type"], query["refresh_token"], query["service"]) == ("refresh_token", "hunter2", "fake")


@in_loop
async def test_an_identity_token_does_not_follow_a_redirect() -> None:
    async with serve_registry(FakeRegistry()) as other, looking(FakeRegistry("bearer", USERS)) as setting:
        setting.cluster.secrets = {"token": pull_secret(setting.registry.address, "", "", identitytoken="hunter2")}
        location = {"Location": f"http://{other.address}/token"}
        setting.registry.intercept = lambda _, path: Reply(307, b"", location) if path == "/token" else None
        assert "redirects to another host" in await setting.fail(secrets=("token",))
        assert other.asked == []


@pytest.mark.parametrize("login", ["basic", "bearer"])
@in_loop
async def test_all_that_fail_are_told(login: str) -> None:
    cluster = FakeCluster(
        secrets={"broken": {".dockerconfigjson": b"hunter2"}},
        failures={"forbidden": KubernetesError("cannot read it")},
    )
    async with looking(FakeRegistry(login, USERS), cluster) as setting:
        address = setting.registry.address
        cluster.secrets = {**cluster.secrets, "wrong": pull_secret(address, password="hunter3")}
        message = await setting.fail(secrets=("broken", "forbidden", "missing", "../x", "wrong"))
        assert message.startswith(f"{address}/team/app:1: ")
        assert "Secret shop/broken is no pull secret: what it holds is no docker config" in message
        assert "cannot read it" in message
        assert "Secret shop/missing does not exist" in message
        assert "Secret shop/wrong: " in message
        assert "without credentials: " in message
        assert "../x" not in message
        assert await setting.find(secrets=("broken", "forbidden", "missing", "wrong", "pull")) == FOUND


@in_loop
async def test_credentials_are_tried_before_nobodys_and_not_for_others() -> None:
    cluster = FakeCluster(secrets={"other": pull_secret("other.example")})
    async with looking(FakeRegistry(), cluster) as setting:
        assert await setting.find(secrets=("other",)) == FOUND
        assert {header for _, _, header in setting.registry.asked} == {""}


@in_loop
async def test_the_service_account_has_pull_secrets() -> None:
    cluster = FakeCluster(pull_secrets={"default": ["pull"]})
    async with looking(FakeRegistry("basic", USERS), cluster) as setting:
        assert await setting.find() == FOUND
        assert cluster.asked == [("ServiceAccount", "shop", "default"), ("Secret", "shop", "pull")]
        assert "(401" in await setting.fail(secrets=("missing",))


@in_loop
async def test_the_operator_has_a_pull_secret() -> None:
    variables = {"DEFAULT_IMAGE_PULL_SECRET": "pull", "KUBERNETES_NAMESPACE": "system"}
    async with looking(FakeRegistry("basic", USERS), variables=variables) as setting:
        assert await setting.find() == FOUND
        assert setting.cluster.asked == [("Secret", "system", "pull")]
        assert "(401" in await setting.fail(secrets=("missing",))
        assert "(401" in await setting.fail(skips_verification=True)
    async with looking(
        FakeRegistry("basic", USERS), variables={**variables, "REGISTRY_SKIP_VERIFY": "true"}
    ) as setting:
        assert await setting.find(skips_verification=True) == FOUND


@in_loop
async def test_the_operator_has_a_service_account() -> None:
    variables = {"DEFAULT_IMAGE_PULL_SECRET_SERVICE_ACCOUNT": "puller", "DEFAULT_IMAGE_PULL_SECRET_NAMESPACE": "system"}
    cluster = FakeCluster(pull_secrets={"puller": ["pull"]})
    async with looking(FakeRegistry("basic", USERS), cluster, variables=variables) as setting:
        assert await setting.find() == FOUND
        assert cluster.asked == [("ServiceAccount", "system", "puller"), ("Secret", "system", "pull")]


@pytest.mark.parametrize(("index", "manifest"), [(INDEX, MANIFEST), (DOCKER_INDEX, DOCKER_MANIFEST)])
@in_loop
async def test_the_platform_is_chosen(index: str, manifest: str) -> None:
    registry = FakeRegistry()
    attestation = {
        **registry.store_image(Entrypoint=["/attestation"]),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    made = {
        name: {
            **registry.store_image(media_type=manifest, Entrypoint=[f"/{name}"]),
            "platform": {"os": "windows" if name == "win" else "linux", "architecture": name},
        }
        for name in ("win", "zz", OWN_ARCHITECTURE, "other")
    }
    registry.store_index(attestation, *made.values(), tag="1", media_type=index)
    registry.store_index(attestation, made["win"], made["zz"], tag="2", media_type=index)
    registry.store_index(attestation, made["win"], tag="3", media_type=index)
    async with looking(registry) as setting:
        chosen = [
            (await setting.find(architectures=wanted)).entrypoint[0]
            for wanted in ((), ("other",), ("missing", "other"), ("missing",), ("win",))
        ]
        assert chosen == [f"/{OWN_ARCHITECTURE}", "/other", "/other", f"/{OWN_ARCHITECTURE}", f"/{OWN_ARCHITECTURE}"]
        assert (await setting.find("team/app:2")).entrypoint == ("/zz",)
        assert "no image for Linux" in await setting.fail("team/app:3")


def test_our_own_architecture_is_called_as_in_images() -> None:
    assert OWN_ARCHITECTURE not in ARCHITECTURES


@in_loop
async def test_indexes_in_indexes() -> None:
    registry = FakeRegistry()
    inner = registry.store_index(registry.store_image(**START))
    for tag in "123":
        inner = registry.store_index(inner, tag=tag)
    registry.store_index(
        *(registry.store_index(registry.store_image(Entrypoint=[str(number)])) for number in range(9)), tag="wide"
    )
    async with looking(registry) as setting:
        assert await setting.find("team/app:1") == FOUND
        for tag in ("3", "wide"):
            assert "too many indexes" in await setting.fail(f"team/app:{tag}")


@in_loop
async def test_a_registry_that_tells_no_digest() -> None:
    async with looking() as setting:
        documents = setting.registry.documents

        def hide(method: str, path: str) -> Reply | None:
            if "/manifests/" not in path:
                return None
            if method == "HEAD":
                return Reply(405)
            body, media_type = documents[setting.registry.tags["1"]]
            return Reply(200, body, {"Content-Type": media_type})

        setting.registry.intercept = hide
        assert await setting.find() == FOUND


@in_loop
async def test_the_default_registry_over_plain_http() -> None:
    hosts = FakeHosts()
    registry = hosts.add_registry(DEFAULT_HOST, FakeRegistry())
    registry.store_image("1", **START)
    async with (
        serve_registry(FakeRegistry()) as fake,
        looking(variables={"REGISTRY_PLAIN_HTTP": DEFAULT_DOMAIN}, resolver=hosts) as setting,
    ):
        hosts.plain_port = int(fake.address.rpartition(":")[2])
        fake.documents, fake.tags = registry.documents, registry.tags
        assert await setting.find(image="team/app:1") == FOUND
        assert hosts.resolved == [DEFAULT_HOST]


@in_loop
async def test_a_registry_token_is_shown_as_it_is() -> None:
    async with looking(FakeRegistry("bearer", USERS)) as setting:
        setting.registry.valid.add("Bearer hunter2")
        setting.cluster.secrets = {"token": pull_secret(setting.registry.address, "", "", registrytoken="hunter2")}
        assert await setting.find(secrets=("token",)) == FOUND
        assert setting.registry.queries == []
        setting.registry.valid.clear()
        assert "Secret shop/token: the registry wants other credentials (401)" in await setting.fail(secrets=("token",))


@in_loop
async def test_architectures_that_are_not_wanted_come_last() -> None:
    registry = FakeRegistry()
    made = [
        {**registry.store_image(Entrypoint=[f"/{name}"]), "platform": {"os": "linux", "architecture": name}}
        for name in (OWN_ARCHITECTURE, "other")
    ]
    registry.store_index(*made, tag="1")
    registry.store_index(made[0], tag="2")
    async with looking(registry) as setting:
        unwanted = (OWN_ARCHITECTURE,)
        assert (await setting.find()).entrypoint == (f"/{OWN_ARCHITECTURE}",)
        assert (await setting.find(unwanted_architectures=unwanted)).entrypoint == ("/other",)
        assert (await setting.find("team/app:2", unwanted_architectures=unwanted)).entrypoint == (
            f"/{OWN_ARCHITECTURE}",
        )


@in_loop
async def test_credentials_do_not_follow_a_redirect_to_another_host() -> None:
    other = FakeRegistry()
    async with serve_registry(other), looking(FakeRegistry("basic", USERS)) as setting:
        other.documents = setting.registry.documents
        location = {"Location": f"http://{other.address}/blobs/"}
        setting.registry.intercept = lambda _, path: (
            Reply(307, b"", {"Location": location["Location"] + path.rpartition("/")[2]}) if "/blobs/" in path else None
        )
        assert await setting.find(secrets=PULL) == FOUND
        assert [header for _, _, header in other.asked] == [""]
        assert "307" in setting.codes


@in_loop
async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with looking() as proxy, looking(variables={"REGISTRY_PLAIN_HTTP": "registry.invalid"}) as setting:
        monkeypatch.setenv("http_proxy", f"http://{proxy.registry.address}")
        monkeypatch.setenv("no_proxy", "")
        question = ImageQuestion("registry.invalid/team/app:1", "shop", (), "default", (), False)
        assert await setting.images.for_review().find_start(question) == FOUND
        monkeypatch.setenv("no_proxy", ".invalid")
        with pytest.raises(RegistryError, match="cannot be reached"):
            await setting.images.for_review().find_start(question)
        assert proxy.count() == 3


@in_loop
async def test_a_registry_of_this_machine_need_not_speak_tls() -> None:
    async with looking(variables={"REGISTRY_PLAIN_HTTP": "other.example"}) as setting:
        assert await setting.find() == FOUND
        assert setting.codes[0] == "unreachable"


@in_loop
async def test_a_registry_elsewhere_must_speak_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "is_loopback", lambda _: False)
    async with looking(variables={"REGISTRY_PLAIN_HTTP": "other.example"}) as setting:
        message = await setting.fail(secrets=PULL)
        assert "does not speak TLS; if it may be asked without, REGISTRY_PLAIN_HTTP of the webhook lists it" in message
        assert setting.registry.asked == []


@in_loop
async def test_the_operator_chooses_the_registries() -> None:
    async with looking(variables={"REGISTRY_ALLOWLIST": f"registry.example,{DEFAULT_DOMAIN}"}) as setting:
        message = await setting.fail()
        assert "the operator has images looked into in these registries only: " in message
        assert message.endswith(f"{DEFAULT_DOMAIN}, registry.example")
        assert setting.registry.asked == []
        setting.images.allowed = frozenset((setting.registry.address,))
        assert await setting.find() == FOUND


@pytest.mark.parametrize("skips", [False, True])
def test_tls(tmp_path: Path, skips: bool) -> None:
    authority = Authority(tmp_path)

    @in_loop
    async def look(**variables: str) -> None:
        async with looking(context=authority.server_context("127.0.0.1"), variables=variables) as setting:
            if variables:
                assert await setting.find() == FOUND
            else:
                assert "the certificate of the registry 127.0.0.1:" in await setting.fail()
                assert (await setting.find(skips_verification=True)) == FOUND
                assert "the certificate of the registry" in await setting.fail()
                assert setting.registry.asked != []

    look(**({} if skips else {"REGISTRY_CA_FILE": str(authority.ca_file)}))


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    @in_loop
    async def look() -> None:
        async with looking(variables={"REGISTRY_CA_FILE": str(tmp_path / "none")}):
            pass

    with pytest.raises(ConfigurationError, match="REGISTRY_CA_FILE: no PEM certificates"):
        look()


def test_media_types_are_those_of_the_specification() -> None:
    kinds = {"manifest": MANIFEST, "index": INDEX, "config": CONFIG}
    assert all(text == f"application/vnd.oci.image.{kind}.v1+json" for kind, text in kinds.items())
