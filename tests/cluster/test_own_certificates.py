"""Own certificates on the real API server: from nothing to a mutated pod, and through every rotation without a loss.

The webhooks run with the permissions that the documentation lists, and with no others.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.cluster.container import VAULT_ENV, find_container
from tests.cluster.own_certificates import PERMISSIONS, RBAC, SECRET, Home, Stream, open_home, read_manifests
from tests.servers.process import poll
from vault_secrets_webhook.webhook.kube.client import open_client
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.kubeconfig import read_kubeconfig
from vault_secrets_webhook.webhook.kube.secrets import SecretName, change_secret, create_secret, read_secret
from vault_secrets_webhook.webhook.kube.webhook_configurations import change_bundles, read_configuration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer

QUICK = {"CERTIFICATE_LIFETIME": "10s", "CERTIFICATE_AUTHORITY_LIFETIME": "30s"}


@pytest.fixture
def home(api_server: ApiServer, tmp_path: Path) -> Iterator[Home]:
    with open_home(api_server, tmp_path) as opened:
        yield opened


def test_from_nothing_to_a_mutated_pod(home: Home) -> None:
    with home.replica() as webhook:
        webhook.wait_for("certificate in use")
        home.register(webhook)
        poll(home.is_mutated, what="a mutated pod")
        assert webhook.readiness() == 200
        entries = home.entries()
        assert home.bundles() == [entries["ca.crt"]]
        assert ssl.PEM_cert_to_DER_cert(entries["tls.crt"]) == webhook.handshake(entries["ca.crt"])
    assert_no_key_in(home, entries)


def assert_no_key_in(home: Home, *all_entries: Mapping[str, str]) -> None:
    """Search all logs of webhooks for the lines of private keys."""
    names = ("tls.key", "ca.key")
    lines = {line for entries in all_entries for name in names for line in entries[name].splitlines()}
    keys = {line for line in lines if not line.startswith("-----")}
    assert len(keys) >= 4
    logs = [path.read_text() for path in home.folder.glob("*.log")]
    assert all("msg=serving" in log for log in logs)
    assert [line for line in keys for log in logs if line in log] == []


def test_two_that_start_together_agree(home: Home) -> None:
    with home.replica("one") as one, home.replica("two") as two:
        for webhook in (one, two):
            webhook.wait_for("certificate in use")
        home.register(one, two)
        poll(home.is_mutated, what="a pod that both webhooks were asked about")
        entries = home.entries()
        assert home.bundles() == [entries["ca.crt"]] * 2
        assert one.handshake(entries["ca.crt"]) == two.handshake(entries["ca.crt"])
        assert entries["ca.crt"].count("BEGIN CERTIFICATE") == 1
        with home.replica("three") as three:
            three.wait_for("certificate in use")
            assert three.handshake(entries["ca.crt"]) == one.handshake(entries["ca.crt"])
    made = [log.read_text().count("a new authority was made") for log in home.folder.glob("*.log")]
    assert sorted(made) == [0, 0, 1]


def test_rotation_under_load_loses_no_pod(home: Home) -> None:
    """Lives of seconds: many certificates and two authorities come and go, and every pod is mutated all the time."""
    with home.replica("one", **QUICK) as one, home.replica("two", **QUICK) as two:
        home.register(one, two)
        poll(home.is_mutated, what="a mutated pod")
        (first, *_) = re.findall(r"-----BEGIN.*?END CERTIFICATE-----", home.entries()["ca.crt"], re.DOTALL)

        def is_over() -> bool:
            made = sum(replica.process.log.count("a new authority was made") for replica in (one, two))
            return made >= 3 and all(first not in bundle for bundle in home.bundles())

        with Stream(home, one, two) as stream:
            poll(is_over, what="the end of the first authority", seconds=120)
    assert stream.failed == []
    assert stream.created > 50
    assert len(stream.certificates) >= 5
    assert max(entries["ca.crt"].count("BEGIN CERTIFICATE") for entries in stream.entries) == 2
    assert_no_key_in(home, *stream.entries)


def test_a_lost_or_damaged_secret_is_made_anew_without_a_loss(home: Home) -> None:
    with home.replica("one", **QUICK) as one, home.replica("two", **QUICK) as two:
        home.register(one, two)
        poll(home.is_mutated, what="a mutated pod")
        before = home.entries()
        with Stream(home, one, two) as stream:
            home.api.act("DELETE", home.secret_path())
            poll(lambda: is_rotated(home, before), what="a new authority")
            before = home.entries()
            damage = {"data": {"tls.key": base64.b64encode(b"nonsense").decode()}}
            status, _ = home.api.request(
                "PATCH", home.secret_path(), damage, content_type="application/merge-patch+json"
            )
            assert status == 200
            poll(lambda: is_rotated(home, before), what="another authority")
    assert stream.failed == []
    assert stream.created > 5


def is_rotated(home: Home, before: Mapping[str, str]) -> bool:
    """Tell whether there is another certificate, signed by another authority, which came in addition."""
    entries = home.entries()
    return bool(
        entries
        and entries["tls.crt"] != before["tls.crt"]
        and entries["ca.key"] != before["ca.key"]
        and before["ca.crt"].split("-----END")[0] in entries["ca.crt"]
        and entries["ca.key"].count("BEGIN") == 1
        and "nonsense" not in entries["tls.key"]
    )


def test_without_the_right_to_create(home: Home) -> None:
    """The log says what is missing; an empty Secret, whoever made it, is as good as the right."""
    path = f"{RBAC}/namespaces/{home.system}/roles/{SECRET}"
    role = home.api.act("GET", path)
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"] != ["create"]]
    home.api.act("PUT", path, role)
    with home.replica() as webhook:
        webhook.wait_for(f"the webhook needs the verb create for secrets in namespace {home.system}")
        assert webhook.readiness() == 503
        home.api.create_secret(home.system, SECRET, {})
        webhook.wait_for("certificate in use")
        assert webhook.readiness() == 200


RIGHTS = [
    ("secrets", "get", "the verb get for secrets {secret} in namespace {system}"),
    ("configurations", "get", "the verb get for mutatingwebhookconfigurations {shop}"),
    ("configurations", "patch", "the verb patch for mutatingwebhookconfigurations {shop}"),
]


@pytest.mark.parametrize(("where", "verb", "message"), RIGHTS)
def test_a_missing_right_is_named(home: Home, where: str, verb: str, message: str) -> None:
    """Nothing of what the guide lists is there for nothing."""
    paths = {"secrets": f"namespaces/{home.system}/roles/{SECRET}", "configurations": f"clusterroles/{home.shop}"}
    path = f"{RBAC}/{paths[where]}"
    role = home.api.act("GET", path)
    for rule in role["rules"]:
        rule["verbs"] = [each for each in rule["verbs"] if each != verb]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    home.api.act("PUT", path, role)
    with home.replica() as webhook:
        home.register(webhook)
        webhook.wait_for(message.format(secret=SECRET, system=home.system, shop=home.shop))


def test_the_secret_of_somebody_else_is_left_alone(home: Home) -> None:
    home.api.create_secret(home.system, SECRET, {"password": "x"})
    with home.replica() as webhook:
        webhook.wait_for("is not the webhook's own")
        assert webhook.readiness() == 503
    assert home.entries() == {"password": "x"}


def test_with_roles_of_single_namespaces(home: Home) -> None:
    """No right to read Secrets in the whole cluster: what a namespace grants is enough, and elsewhere it is named."""
    role, binding = read_manifests(PERMISSIONS, "namespaced")
    role["metadata"]["name"] = binding["roleRef"]["name"] = f"reads-{home.shop}"
    binding["metadata"]["namespace"] = home.shop
    binding["subjects"][0]["namespace"] = home.system
    home.api.act("POST", f"{RBAC}/clusterroles", role)
    home.api.act("POST", f"{RBAC}/namespaces/{home.shop}/rolebindings", binding)
    variable = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "named", "key": "key"}}}
    reference = {"key": "vault:secret/data/a#b"}
    home.api.create_secret(home.shop, "named", reference)
    with home.replica() as webhook:
        home.register(webhook)
        poll(home.is_mutated, what="a mutated pod")
        status, pod = home.create_pod(variable)
        assert status == 201
        assert find_container(pod, "app")["command"] == [VAULT_ENV]
        home.api.act("DELETE", f"{RBAC}/namespaces/{home.shop}/rolebindings/{binding['metadata']['name']}")
        message = f"the webhook needs the verb get for secrets in namespace {home.shop}"
        poll(lambda: message in str(home.create_pod(variable)[1]), what="a refusal that names the right")


def test_who_was_faster_wins(home: Home) -> None:
    """Stale changes are refused by the real API server in the way that the loop goes by."""
    kubeconfig = home.api.write_kubeconfig(home.folder / "admin.kubeconfig")
    name = SecretName(home.system, SECRET)

    async def find_statuses() -> dict[str, int | None]:
        async with open_client(read_kubeconfig(str(kubeconfig))) as client:
            await create_secret(client, name, {"a": "b"}, {"tls.crt": b"1", "tls.key": b"1"})
            secret = await read_secret(client, name)
            configuration = await read_configuration(client, home.shop)
            assert secret is not None
            assert configuration is not None
            own = configuration.find_own({"127.0.0.1"})
            assert [place for place, _ in own] == [1]
            bundle = home.api.ca_file.read_bytes()
            moved = [(place - 1, webhook) for place, webhook in own]
            attempts: dict[str, Callable[[], Awaitable[None]]] = {
                "create": lambda: create_secret(client, name, {}, {"tls.crt": b"2", "tls.key": b"2"}),
                "another place": lambda: change_bundles(client, home.shop, configuration, moved, bundle),
                "change": lambda: change_secret(client, name, secret, {"c": "d"}, {"tls.crt": b"3"}),
                "change again": lambda: change_secret(client, name, secret, {}, {"tls.crt": b"4"}),
                "bundle": lambda: change_bundles(client, home.shop, configuration, own, bundle),
                "bundle again": lambda: change_bundles(client, home.shop, configuration, own, bundle + bundle),
            }
            statuses: dict[str, int | None] = {}
            for key, attempt in attempts.items():
                try:
                    await attempt()
                except KubernetesError as error:
                    statuses[key] = error.status
            return statuses

    home.register_url("https://127.0.0.1:1/pods")
    statuses = asyncio.run(find_statuses())
    assert statuses == {"create": 409, "another place": 422, "change again": 409, "bundle again": 409}
    stored = home.api.act("GET", home.secret_path())
    assert stored["metadata"]["labels"] == {"a": "b", "c": "d"}
    assert home.entries() == {"tls.crt": "3", "tls.key": "1"}
    assert home.bundles() == [home.api.ca_file.read_text()]


def test_every_worker_serves_it(home: Home) -> None:
    """Workers are processes that share a port: each has the certificate before it accepts a connection."""
    with home.replica(WORKERS="2") as webhook:
        poll(lambda: webhook.process.log.count("certificate in use") == 2, what="both workers")
        home.register(webhook)
        poll(home.is_mutated, what="a mutated pod")
        entries = home.entries()
        assert {webhook.handshake(entries["ca.crt"]) for _ in range(40)} == {
            ssl.PEM_cert_to_DER_cert(entries["tls.crt"])
        }
        assert entries["ca.crt"].count("BEGIN CERTIFICATE") == 1
