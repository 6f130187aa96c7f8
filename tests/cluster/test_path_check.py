"""PATH_CHECK on real servers: a pod is told what Vault will not give it, and no value leaves Vault for that."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from tests.cluster.webhook import Webhook
from tests.servers.openbao import OpenBao
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.kubernetes import ApiServer

SYSTEM = "paths-system"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "checks.md").read_text()
PREFIX, NEW_PREFIX = "vault.security.banzaicloud.io/", "secrets-webhook.security.bank-vaults.io/"


def find_block(name: str) -> str:
    """The block of the guide that says what this is tested with."""
    return GUIDE.partition(f"<!-- {name}: ")[2].partition("\n```")[2].partition("\n")[2].partition("```")[0]


class Site(NamedTuple):
    """A namespace whose pods are checked; its ServiceAccount and role are called `app`."""

    api: ApiServer
    bao: OpenBao
    webhook: Webhook
    namespace: str

    def write(self, name: str, data: dict[str, Any]) -> None:
        self.bao.write_kv2(f"{self.namespace}/{name}", data)

    def refer(self, rest: str) -> str:
        """A reference to a secret of the namespace: NAME#KEY."""
        return f"vault:secret/data/{self.namespace}/{rest}"

    def create(self, *values: str, query: str = "", spec: dict[str, Any] | None = None, **annotations: str) -> int:
        """Create a pod whose variables V0, V1, ... have the values; the status. The answer is in `answer`."""
        env = [{"name": f"V{index}", "value": value} for index, value in enumerate(values)]
        container = {"name": "app", "image": "app", "command": ["app"], "env": env, **(spec or {})}
        mount = f"kubernetes-{self.namespace}"
        of_bao = {f"{NEW_PREFIX}provider": "bao", f"{NEW_PREFIX}bao-path": mount}
        is_bao = annotations.pop("provider", "") == "bao"
        annotations = {"vault_path": mount, **annotations}
        pod = {
            "metadata": {
                "name": f"pod-{secrets.token_hex(4)}",
                "annotations": of_bao if is_bao else name_annotations(annotations),
            },
            "spec": {"serviceAccountName": "app", "containers": [container]},
        }
        status, answer = self.api.request("POST", f"/api/v1/namespaces/{self.namespace}/pods{query}", pod)
        answers.append(answer)
        return status

    @property
    def told(self) -> str:
        """What whoever created the last pod was told."""
        return "\n".join([str(answers[-1].get("message", "")), *self.api.warnings])

    def accessors(self) -> set[str]:
        """The tokens that OpenBao knows."""
        return set(self.bao.act("GET", "auth/token/accessors?list=true")["data"]["keys"])


answers: list[Any] = []


def name_annotations(annotations: dict[str, str]) -> dict[str, str]:
    return {PREFIX + key.replace("_", "-"): text for key, text in annotations.items()}


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    """An OpenBao whose tokens nobody else makes, so that they can be counted; and sealed."""
    with OpenBao() as server:
        server.enable_kv1()
        server.enable_pki()
        server.enable_transit()
        yield server


@pytest.fixture(scope="module")
def token(api_server: ApiServer) -> str:
    """The token of the webhooks, which may do what the documentation lists."""
    api_server.create_namespace(SYSTEM)
    api_server.create_service_account(SYSTEM, "webhook")
    role = {"metadata": {"name": "paths-webhook"}, "rules": yaml.safe_load(find_block("permissions"))}
    api_server.act("POST", f"{RBAC}/clusterroles", role)
    api_server.bind_cluster_role("paths-webhook", "paths-webhook", SYSTEM, "webhook")
    return api_server.request_token(SYSTEM, "webhook")


def start_webhook(api: ApiServer, bao: OpenBao, token: str, folder: Path, level: str) -> Webhook:
    kubeconfig = api.write_kubeconfig(folder / "kubeconfig", token=token)
    settings = {"VAULT_ADDR": bao.address, "BAO_ADDR": bao.address, "LOG_LEVEL": "debug", "PATH_CHECK": level}
    return Webhook(folder, kubeconfig, settings)


@pytest.fixture(scope="module")
def enforcing(
    api_server: ApiServer, bao: OpenBao, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    with start_webhook(api_server, bao, token, tmp_path_factory.mktemp("enforcing"), "enforce") as process:
        yield process


@pytest.fixture(scope="module")
def warning(
    api_server: ApiServer, bao: OpenBao, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    with start_webhook(api_server, bao, token, tmp_path_factory.mktemp("warning"), "warn") as process:
        yield process


def open_site(api: ApiServer, bao: OpenBao, webhook: Webhook) -> Site:
    """Make a namespace, and a role that may read what is the namespace's, and ask for its structure."""
    site = Site(api, bao, webhook, f"paths-{secrets.token_hex(4)}")
    name = site.namespace
    api.create_namespace(name)
    api.create_service_account(name, "app")
    bao.enable_kubernetes_auth(api, f"kubernetes-{name}")
    more = {
        f"secret/data/{name}-versions/*": ["read"],
        f"secret/metadata/{name}-versions/*": ["read"],
        f"secret/data/{name}-closed/*": ["read"],
        f"kv1/{name}": ["read"],
        "pki/issue/app": ["update"],
        "transit/decrypt/app": ["update"],
    }
    bao.write_policy(name, find_block("policy").replace("/shop/", f"/{name}/"))
    bao.write_policy(f"{name}-more", more)
    policies = [name, f"{name}-more"]
    bao.create_kubernetes_role(
        "app", namespace=name, service_account="app", policies=policies, mount=f"kubernetes-{name}"
    )
    api.register_pod_webhook(f"{webhook.url}/pods", webhook.ca_bundle, name=name, namespace=name)
    return site


@pytest.fixture
def site(api_server: ApiServer, bao: OpenBao, enforcing: Webhook) -> Iterator[Site]:
    one = open_site(api_server, bao, enforcing)
    yield one
    api_server.unregister_webhook(one.namespace)


@pytest.fixture
def lenient(api_server: ApiServer, bao: OpenBao, warning: Webhook) -> Iterator[Site]:
    one = open_site(api_server, bao, warning)
    yield one
    api_server.unregister_webhook(one.namespace)


def fill(site: Site) -> None:
    """Write secrets in every state."""
    site.write("db", {"password": "old"})
    site.write("db", {"password": "new", "map": {"a": "b"}})
    site.write("gone", {"password": "x"})
    site.bao.act("DELETE", f"secret/data/{site.namespace}/gone")
    site.write("burnt", {"password": "x"})
    site.write("burnt", {"password": "y"})
    site.bao.act("PUT", f"secret/destroy/{site.namespace}/burnt", {"versions": [1]})
    for which in ("versions", "closed"):
        site.bao.write_kv2(f"{site.namespace}-{which}/db", {"password": "x"})
    site.bao.write_kv1(site.namespace, {"a": "b"})


def test_a_pod_that_gets_everything_is_let_in_and_no_token_is_left(site: Site) -> None:
    fill(site)
    before = site.accessors()
    serials = site.bao.request("LIST", "pki/certs", token=site.bao.root_token)[1]["data"]["keys"]
    values = [
        site.refer("db#password"),
        site.refer("db#password#1"),
        site.refer("burnt#password"),
        f"x${{{site.refer('db#map')}}}y${{{site.refer('db#password')}}}",
        site.refer("db#${.password | upper}"),
        f"vault:kv1/{site.namespace}#whatever",
        '>>vault:pki/issue/app#certificate#{"common_name":"a.example.com"}',
        site.bao.encrypt("x"),
        "vault:login",
    ]
    for _ in range(3):
        assert (
            site.create(*values, transit_key_id="app", vault_env_from_path=site.refer("db").removeprefix("vault:"))
            == 201
        )
        assert site.told.strip() == ""
        assert len(site.accessors() - before) <= 1  # one login serves them all
    poll(lambda: site.accessors() <= before, what="the pod's token is revoked")
    assert site.bao.request("LIST", "pki/certs", token=site.bao.root_token)[1]["data"]["keys"] == serials


# Behind NS comes the namespace.
FAULTS = [
    pytest.param("vault:secret/data/NS/none#a", 422, "no secret", id="no secret"),
    pytest.param("vault:secret/data/NS/db#nope", 422, "no key 'nope'; there are: map, password", id="no key"),
    pytest.param("vault:secret/data/NS/db#map#1", 422, "no key 'map'", id="no key in that version"),
    pytest.param("vault:secret/data/NS/db#password#9", 422, "version 9", id="no version"),
    pytest.param("vault:secret/data/NS/gone#password", 422, "was deleted", id="deleted"),
    pytest.param("vault:secret/data/NS/burnt#password#1", 422, "was destroyed", id="destroyed"),
    pytest.param("vault:secret/data/NS-versions/none#a", 422, "no secret", id="no metadata"),
    pytest.param("vault:secret/data/NS-versions/db#a#7", 422, "version 7", id="no version in metadata"),
    pytest.param("vault:secret/NS/db#password", 422, "write secret/data/NS/db", id="path without data"),
    pytest.param("vault:secret/data/NS/none#${.a}", 422, "no secret", id="template"),
    pytest.param("vault:secret/data/else/db#a", 403, "role 'app' may not read it", id="not permitted"),
    pytest.param("vault:nowhere/db#a", 403, "role 'app' may not read it", id="no mount"),
    pytest.param(">>vault:pki/revoke#a#{}", 403, "may not write to it", id="write"),
    pytest.param("vault:v1:abc=", 403, "transit/decrypt/other: role 'app' may not decrypt", id="transit"),
]


@pytest.mark.parametrize(("value", "code", "words"), FAULTS)
def test_what_a_pod_will_not_get_is_refused_by_place(site: Site, value: str, code: int, words: str) -> None:
    fill(site)
    status = site.create(site.refer("db#password"), value.replace("NS", site.namespace), transit_key_id="other")
    assert (status, words.replace("NS", site.namespace) in site.told) == (code, True), site.told
    assert "container 'app', variable 'V1': " in site.told
    assert "'V0'" not in site.told


@pytest.mark.parametrize(("value", "code", "words"), FAULTS)
def test_or_its_author_is_warned(lenient: Site, value: str, code: int, words: str) -> None:
    fill(lenient)
    status = lenient.create(value.replace("NS", lenient.namespace), transit_key_id="other")
    assert status == 201 != code
    (told,) = lenient.api.warnings
    assert words.replace("NS", lenient.namespace) in told
    assert "container 'app', variable 'V0': " in told


def test_all_faults_are_told_at_once_and_no_body(site: Site, canary: str) -> None:
    fill(site)
    body = f'>>vault:pki/revoke#a#{{"serial_number":"{canary}"}}'
    assert site.create(site.refer("none#a"), body, site.refer("db#nope")) == 403
    assert [f"'V{index}'" in site.told for index in range(3)] == [True] * 3
    assert canary not in site.told


def test_ignore_missing_forgives_what_is_not_there_and_nothing_else(site: Site) -> None:
    fill(site)
    missing = [site.refer("none#a"), site.refer("db#nope"), site.refer("burnt#password#1")]
    assert site.create(*missing, vault_ignore_missing_secrets="true") == 201
    assert site.told.strip() == ""
    assert site.create("vault:secret/data/else/db#a", vault_ignore_missing_secrets="true") == 403


def test_what_cannot_be_known_passes_with_a_warning(site: Site) -> None:
    fill(site)
    closed = f"vault:secret/data/{site.namespace}-closed/"
    assert site.create(f"{closed}db#password", f"{closed}none#a") == 201
    (told,) = site.api.warnings
    assert f"role 'app' may read neither secret/subkeys/{site.namespace}-closed/db nor secret/metadata/" in told
    assert "(and 1 more like it)" in told
    assert site.create(f"vault:secret/data/{site.namespace}-versions/db#password") == 201
    assert "may not read secret/subkeys/" in site.told


def test_references_out_of_secrets_and_config_maps(site: Site) -> None:
    fill(site)
    site.api.create_secret(site.namespace, "named", {"good": site.refer("db#password"), "bad": site.refer("none#a")})
    site.api.create_config_map(site.namespace, "whole", {"bad": site.refer("db#nope"), "plain": "x"})
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "named", "key": "bad"}}}]
    assert site.create(spec={"env": env, "envFrom": [{"configMapRef": {"name": "whole"}}]}) == 422
    assert "variable 'A': key 'bad' of Secret named" in site.told
    assert "envFrom[0]: key 'bad' of ConfigMap whole" in site.told
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "named", "key": "good"}}}]
    assert site.create(spec={"env": env}) == 201


def test_references_to_openbao(site: Site) -> None:
    fill(site)
    good = site.refer("db#password").replace("vault:", "bao:")
    assert (site.create(good, provider="bao"), site.told.strip()) == (201, "")
    assert site.create(good.replace("password", "nope"), site.refer("none#x"), provider="bao") == 422
    assert "'V0': secret/data" in site.told
    assert "'V1'" not in site.told


def test_a_login_that_vault_refuses(site: Site, lenient: Site) -> None:
    for one, code in ((site, 422), (lenient, 201)):
        assert one.create(one.refer("db#password"), vault_role="stranger") == code
        assert "login as role 'stranger'" in one.told
        assert f"{one.namespace}/app" in one.told


def count_requests(site: Site) -> list[str]:
    """What the webhook counts of its requests to Vault."""
    lines = site.webhook.get("/metrics").splitlines()
    return [line for line in lines if line.startswith("vault_client_requests_total")]


def test_a_dry_run_asks_nothing(site: Site) -> None:
    before = site.accessors()
    asked = count_requests(site)
    assert site.create(site.refer("none#a"), query="?dryRun=All") == 201
    assert "in a dry run nothing is asked" in site.told
    assert site.accessors() <= before
    assert count_requests(site) == asked
    assert site.create(site.refer("none#a")) == 422
    assert count_requests(site) != asked


def test_a_sealed_vault_is_left_to_the_failure_policy_or_a_warning(site: Site, lenient: Site) -> None:
    fill(site)
    site.bao.seal()
    try:
        assert (site.create(site.refer("db#password")), "sealed" in site.told) == (500, True)
        assert (lenient.create(lenient.refer("db#password")), "sealed" in lenient.told) == (201, True)
        assert site.create("plain") == 201
    finally:
        site.bao.unseal()
    assert site.create(site.refer("db#password")) == 201


def test_no_value_ever_comes_to_the_webhook(site: Site, canary: str) -> None:
    site.write("db", {"password": canary, "map": {"deep": canary}})
    site.bao.write_kv2(f"{site.namespace}-versions/db", {"password": canary})
    site.bao.write_kv1(site.namespace, {"a": canary})
    values = [
        site.refer("db#password"),
        site.refer("db#map"),
        site.refer("db#nope"),
        site.refer("db#${.password}"),
        f"vault:secret/data/{site.namespace}-versions/db#password",
        f"vault:kv1/{site.namespace}#a",
        site.bao.encrypt(canary),
    ]
    assert site.create(*values, transit_key_id="app") == 422
    assert canary not in json.dumps(answers[-1]) + site.told
    memory = site.webhook.read_memory()
    assert site.namespace.encode() in memory  # it is searched for real
    assert canary.encode() not in memory
    assert canary not in site.webhook.process.log
    assert canary not in site.webhook.get("/metrics")
