"""Secrets, ConfigMaps and custom resources on real servers: what is stored, who logged in, and what is left behind."""

from __future__ import annotations

import json
import os
import secrets
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.objects import (
    AUTHORITIES,
    KIND,
    PLURAL,
    SYSTEM,
    Site,
    allow_tenant,
    decode,
    encode,
    make,
    make_docker_config,
    prepare,
    register,
    start_webhook,
    unregister,
)
from tests.servers.openbao import OpenBao
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.webhook import Webhook
    from tests.servers.kubernetes import ApiServer


@pytest.fixture(scope="module")
def bao(api_server: ApiServer) -> Iterator[OpenBao]:
    """An OpenBao whose tokens nobody else makes, so that they can be counted; and sealed."""
    with OpenBao() as server:
        prepare(api_server, server)
        yield server


@pytest.fixture(scope="module")
def webhook(
    api_server: ApiServer, bao: OpenBao, openbao_tls: OpenBao, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    allowed = {"VAULT_ADDR_ALLOWLIST": openbao_tls.address, "VAULT_ALLOW_PRIVATE_ADDR": "true"}
    with start_webhook(api_server, bao, tmp_path_factory.mktemp("objects"), **allowed) as process:
        yield process


@pytest.fixture
def site(api_server: ApiServer, bao: OpenBao, webhook: Webhook) -> Iterator[Site]:
    one = Site(api_server, bao, webhook, f"objects-{secrets.token_hex(4)}")
    api_server.create_namespace(one.namespace)
    allow_tenant(one)
    register(one)
    yield one
    unregister(one)


def read_message(answer: Any) -> str:
    return str(answer["message"])


def test_a_secret_at_creation_and_every_kind_of_update(site: Site, canary: str) -> None:
    site.write({"password": canary, "user": "app"})
    data = {"password": encode(site.refer("password")), "url": encode(f"pg://${{{site.refer('user')}}}@h")}
    secret = make("Secret", tenant=True, data={**data, "plain": encode("x")})
    wanted = {"password": encode(canary), "url": encode("pg://app@h"), "plain": encode("x")}
    status, stored = site.send(secret)
    assert (status, stored["data"]) == (201, wanted)
    site.write({"password": f"{canary}-2", "user": "app"})
    status, stored = site.send(secret)
    assert (status, decode(stored["data"]["password"])) == (200, f"{canary}-2")
    applied = {**secret, "stringData": {"late": site.refer("user")}}
    status, stored = site.apply(applied, "secrets")
    assert (status, decode(stored["data"]["late"])) == (200, "app")
    patch = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
    status, again = site.api.request(
        "PATCH", site.path("secrets", secret["metadata"]["name"]), patch, content_type="application/json-patch+json"
    )
    assert (status, again["data"]) == (200, stored["data"])


def test_docker_credentials(site: Site) -> None:
    site.write({"user": "app", "password": 'p"a:ss'})
    user, password = site.refer("user"), site.refer("password")
    entry = {"username": user, "password": password, "auth": encode(f"{user}:{password}"), "email": "a@b"}
    status, stored = site.send(make("Secret", tenant=True, **make_docker_config(**entry)))
    assert status == 201
    config = json.loads(decode(stored["data"][".dockerconfigjson"]))
    wanted = {"username": "app", "password": 'p"a:ss', "auth": encode('app:p"a:ss'), "email": "a@b"}
    assert config == {"auths": {"registry.example": wanted}, "credHelpers": {}}


def test_a_config_map(site: Site) -> None:
    site.write({"user": "app", "store": encode(b"\xfe\xed\x00\xff")})
    config_map = make(
        "ConfigMap",
        tenant=True,
        data={"conf": f"user=${{{site.refer('user')}}}\n"},
        binaryData={"store": encode(site.refer("store")), "raw": encode(b"\xff")},
    )
    for _ in range(2):
        status, stored = site.send(config_map)
        assert status in {200, 201}
        assert stored["data"] == {"conf": "user=app\n"}
        assert stored["binaryData"] == {"store": encode(b"\xfe\xed\x00\xff"), "raw": encode(b"\xff")}


def test_a_custom_resource(site: Site) -> None:
    site.write({"user": "app"})
    spec = {"users": [{"name": site.refer("user"), "n": 1.5, "big": 2**53}], "a/b": f"x${{{site.refer('user')}}}"}
    one = make(KIND, tenant=True, spec=spec)
    one["metadata"]["annotations"]["note"] = site.refer("user")
    wanted = {"users": [{"name": "app", "n": 1.5, "big": 2**53}], "a/b": "xapp"}
    status, stored = site.send(one)
    assert (status, stored["spec"]) == (201, wanted)
    assert stored["metadata"]["annotations"]["note"] == site.refer("user")
    status, stored = site.apply(one, PLURAL)
    assert (status, stored["spec"]) == (200, wanted)


def test_the_webhooks_own_identity_and_that_of_the_namespace(site: Site) -> None:
    site.bao.write_kv2("shared/db", {"a": "everybody's"})
    site.write({"a": "mine"})
    status, stored = site.send(make("Secret", data={"a": encode("vault:secret/data/shared/db#a")}))
    assert (status, decode(stored["data"]["a"])) == (201, "everybody's")
    status, answer = site.send(make("Secret", data={"a": encode(site.refer("a"))}))
    assert (status, "data.a" in read_message(answer)) == (403, True)
    status, stored = site.send(make("Secret", tenant=True, data={"a": encode(site.refer("a"))}))
    assert (status, decode(stored["data"]["a"])) == (201, "mine")
    status, answer = site.send(make("Secret", tenant=True, data={"a": encode("vault:secret/data/shared/db#a")}))
    assert (status, "data.a" in read_message(answer)) == (403, True)


def test_one_login_serves_many_objects_and_tokens_of_tenants_go(site: Site) -> None:
    site.bao.write_kv2("shared/db", {"a": "x"})
    site.write({"a": "y"})
    assert site.send(make("Secret", data={"a": encode("vault:secret/data/shared/db#a")}))[0] == 201
    before = site.accessors()
    for _ in range(5):
        assert site.send(make("Secret", data={"a": encode("vault:secret/data/shared/db#a")}))[0] == 201
        assert site.send(make(KIND, tenant=True, spec={"a": site.refer("a")}))[0] == 201
    assert len(site.accessors() - before) <= 1
    poll(lambda: site.accessors() <= before, what="the tenant's token is revoked")


def test_a_dry_run_leaves_nothing_behind(site: Site) -> None:
    site.write({"a": "x"})
    before = site.accessors()
    for one in (
        make("Secret", tenant=True, data={"a": encode(site.refer("a"))}),
        make("ConfigMap", tenant=True, data={"a": site.refer("a")}),
        make(KIND, tenant=True, spec={"a": ">>vault:auth/token/create#client_token#{}"}),
    ):
        status, answer = site.send(one, query="?dryRun=All")
        assert status == 201
        assert {key: answer.get(key) for key in ("data", "spec")} == {key: one.get(key) for key in ("data", "spec")}
        assert any("dry run" in warning for warning in site.api.warnings)
    assert site.accessors() <= before
    wrong = make("Secret", data={"a": encode("vault:secret/data/x")})
    assert site.send(wrong, query="?dryRun=All")[0] == 422


def test_what_hangs_on_a_token_does_not_end_with_it(site: Site) -> None:
    before = site.accessors()
    one = make("Secret", tenant=True, data={"t": encode('>>vault:auth/token/create#client_token#{"ttl":"1h"}')})
    status, stored = site.send(one)
    assert status == 201
    site.write({"a": "x"})
    poll_after = make("Secret", tenant=True, data={"a": encode(site.refer("a"))})
    assert site.send(poll_after)[0] == 201
    status, _ = site.bao.request("GET", "auth/token/lookup-self", token=decode(stored["data"]["t"]))
    assert (status, len(site.accessors() - before)) == (200, 2)


def test_certificates_and_ciphertexts(site: Site, canary: str) -> None:
    if site.bao.request("GET", "sys/mounts/pki", token=site.bao.root_token)[0] != 200:
        site.bao.enable_pki()
        site.bao.enable_transit()
    data = {
        "tls.crt": encode('>>vault:pki/issue/app#certificate#{"common_name":"a.example.com"}'),
        "tls.key": encode('>>vault:pki/issue/app#private_key#{"common_name":"a.example.com"}'),
        "clear": encode(site.bao.encrypt(canary)),
    }
    one = make("Secret", type="kubernetes.io/tls", data=data, annotations={"transit_key_id": "app"})
    status, stored = site.send(one)
    assert status == 201, stored
    assert decode(stored["data"]["clear"]) == canary
    assert "BEGIN CERTIFICATE" in decode(stored["data"]["tls.crt"])
    assert "PRIVATE KEY" in decode(stored["data"]["tls.key"])


def test_an_immutable_secret_can_be_applied_again_and_labelled(site: Site) -> None:
    site.write({"a": "x"})
    one = make("Secret", tenant=True, data={"a": encode(site.refer("a"))}, immutable=True)
    assert site.send(one)[0] == 201
    one["metadata"]["labels"] = {"a": "b"}
    status, stored = site.send(one)
    assert (status, decode(stored["data"]["a"])) == (200, "x")


def test_an_object_that_is_being_deleted_is_let_go(site: Site) -> None:
    site.write({"a": "x"})
    one = make("Secret", tenant=True, data={"a": encode(site.refer("a"))})
    one["metadata"]["finalizers"] = ["example.com/wait"]
    assert site.send(one)[0] == 201
    path = site.path("secrets", one["metadata"]["name"])
    site.api.act("DELETE", path)
    patch = [
        {"op": "replace", "path": "/data/a", "value": encode("vault:wrong")},
        {"op": "remove", "path": "/metadata/finalizers"},
    ]
    status, _ = site.api.request("PATCH", path, patch, content_type="application/json-patch+json")
    assert status == 200


REFUSED = [
    pytest.param({"a": "vault:secret/data/shared/none#x"}, 422, ["data.a", "no secret"], id="missing path"),
    pytest.param({"a": "vault:secret/data/shared/db#nope"}, 422, ["data.a", "no key"], id="missing key"),
    pytest.param({"a": "vault:login"}, 403, ["data.a", "vault:login"], id="login"),
    pytest.param({"a": "vault:auth/token/lookup-self#id"}, 403, ["data.a", "no token of the webhook"], id="own token"),
    pytest.param({"a": ">>vault:auth/token/revoke-self#x"}, 403, ["data.a", "no token of the webhook"], id="its end"),
    pytest.param({"a": "vault:sys/raw/x#y"}, 403, ["data.a", "sys/raw/x"], id="denied"),
    pytest.param({"a": "vault:x", "b": "vault:y"}, 422, ["data.a", "data.b"], id="both faults at once"),
    pytest.param({"a": 'vault:secret/data/shared/db#${env "HOME"}'}, 422, ["data.a", "env"], id="impure function"),
]


@pytest.mark.parametrize(("data", "code", "words"), REFUSED)
def test_refusals(site: Site, data: dict[str, str], code: int, words: list[str]) -> None:
    site.bao.write_kv2("shared/db", {"a": "x"})
    status, answer = site.send(make("Secret", data={key: encode(text) for key, text in data.items()}))
    assert status == code
    assert [word for word in words if word not in read_message(answer)] == []


def test_a_service_account_that_is_not_there_and_a_role_that_is_not_its(site: Site) -> None:
    one = make("ConfigMap", data={"a": "vault:a/b#c"}, annotations={"vault_serviceaccount": "nobody"})
    status, answer = site.send(one)
    assert (status, "nobody" in read_message(answer)) == (422, True)
    one = make("ConfigMap", data={"a": "vault:a/b#c"}, annotations={"vault_serviceaccount": "app"})
    status, answer = site.send(one)
    assert status in {403, 422}
    assert f"{site.namespace}/app" in read_message(answer)


def test_no_value_gets_into_logs_metrics_and_messages(site: Site, canary: str) -> None:
    site.write({"a": canary, "b": f"vault:{canary}#x", "c": f"{canary}\x00"})
    seen = []
    for data in ({"a": site.refer("a")}, {"b": site.refer("b")}, {"a": site.refer("a"), "x": site.refer("none")}):
        status, answer = site.send(make("Secret", tenant=True, data={key: encode(text) for key, text in data.items()}))
        seen.append(status)
        assert status == 201 or canary not in json.dumps(answer)
        assert canary not in str(site.api.warnings)
    template = f"{site.refer('a').partition('#')[0]}#${{fail .a}}"
    status, answer = site.send(make("ConfigMap", tenant=True, data={"a": template}))
    assert (status, canary in json.dumps(answer)) == (422, False)
    assert seen == [201, 422, 422]
    assert canary not in site.webhook.process.log
    metrics = site.webhook.get("/metrics")
    assert canary not in metrics
    assert 'vault_client_requests_total{code="200",method="get"}' in metrics
    assert 'secrets_webhook_provider_requests_total{code="200",method="get",provider="vault"}' in metrics


def test_a_dead_token_leads_to_another_login(site: Site) -> None:
    site.bao.write_kv2("shared/db", {"a": "x"})
    one = make("Secret", data={"a": encode("vault:secret/data/shared/db#a")})
    assert site.send(one)[0] == 201
    root = site.bao.act("GET", "auth/token/lookup-self")["data"]["accessor"]
    for accessor in site.accessors() - {root}:
        site.bao.act("POST", "auth/token/revoke-accessor", {"accessor": accessor})
    status, stored = site.send(one)
    assert (status, decode(stored["data"]["a"])) == (200, "x")


def test_a_sealed_server_is_our_fault_and_not_the_objects(site: Site) -> None:
    site.bao.write_kv2("shared/db", {"a": "x"})
    site.bao.seal()
    try:
        status, answer = site.send(make("Secret", data={"a": encode("vault:secret/data/shared/db#a")}))
        assert (status, "sealed" in read_message(answer)) == (500, True)
        assert site.send(make("Secret", data={"a": encode("x")}))[0] == 201
    finally:
        site.bao.unseal()
    assert site.send(make("Secret", data={"a": encode("vault:secret/data/shared/db#a")}))[0] == 201


def test_a_webhook_that_ends_leaves_no_token(api_server: ApiServer, bao: OpenBao, tmp_path: Path, site: Site) -> None:
    unregister(site)
    before = site.accessors()
    with start_webhook(api_server, bao, tmp_path, SHUTDOWN_DELAY="1ms") as process:
        other = site._replace(webhook=process)
        register(other)
        bao.write_kv2("shared/db", {"a": "x"})
        assert other.send(make("Secret", data={"a": encode("vault:secret/data/shared/db#a")}))[0] == 201
        assert len(other.accessors() - before) == 1
        unregister(other)
        os.kill(process.process.pid, signal.SIGTERM)
        poll(lambda: other.accessors() <= before, what="the token is revoked")
    register(site)


def test_the_annotation_skip_and_objects_of_helm(site: Site) -> None:
    data = {"a": encode("vault:a/b#c")}
    skipped = make("Secret", data=data, annotations={"mutate": "skip"})
    release = make("Secret", data=data, type="helm.sh/release.v1")
    labelled = make("ConfigMap", data={"a": "vault:a/b#c"})
    labelled["metadata"]["labels"] = {"owner": "helm"}
    for one in (skipped, release, labelled):
        status, stored = site.send(one)
        assert (status, stored["data"]) == (201, one["data"])


def test_another_server_with_authorities_of_its_own(site: Site, openbao_tls: OpenBao) -> None:
    mount = f"kubernetes-{site.namespace}"
    openbao_tls.enable_kubernetes_auth(site.api, mount)
    openbao_tls.write_policy(site.namespace, {f"secret/data/{site.namespace}/*": ["read"]})
    openbao_tls.create_kubernetes_role(
        "default", namespace=SYSTEM, service_account="webhook", policies=[site.namespace], mount=mount
    )
    openbao_tls.write_kv2(f"{site.namespace}/db", {"a": "from the other one"})
    options = {"vault_addr": openbao_tls.address, "vault_path": mount}
    one = make("ConfigMap", data={"a": site.refer("a")}, annotations=options)
    status, answer = site.send(one)
    assert (status, "certificate" in read_message(answer)) == (500, True)
    assert openbao_tls.ca_file is not None
    site.api.create_secret(SYSTEM, AUTHORITIES, {"ca.crt": openbao_tls.ca_file.read_bytes()})
    one = make("ConfigMap", data={"a": site.refer("a")}, annotations={**options, "vault_tls_secret": AUTHORITIES})
    status, stored = site.send(one)
    assert (status, stored["data"]) == (201, {"a": "from the other one"})
