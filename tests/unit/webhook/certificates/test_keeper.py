"""The loop around own certificates: what it writes, what it leaves alone, and what it makes of each failure."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes.handshake import find_served
from tests.fakes.objects import CONFIGURATION, SERVICE, STRANGER, FakeObjects
from tests.unit.webhook.certificates.test_storage import ENTRIES, make_stranger
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.certificates.bundle import read_bundle
from vault_secrets_webhook.webhook.certificates.keeper import LABELS, Keeper
from vault_secrets_webhook.webhook.certificates.mint import CertificateMint
from vault_secrets_webhook.webhook.certificates.serving import OwnCertificate
from vault_secrets_webhook.webhook.certificates.wish import Wish, name_service
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.secrets import SecretName
from vault_secrets_webhook.webhook.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.webhook.kube.client import Call

NAMES = name_service("webhook", "system")
DAY = 24 * 3600.0


class Process:
    """One process with its loop, whose clocks stand still until `wait` turns them."""

    def __init__(self, objects: FakeObjects, *, keeps_others: bool = False, offset: float = 0.0) -> None:
        self.objects = objects
        self.metrics = Metrics()
        self.certificate = OwnCertificate()
        secret = SecretName("system", "certificate")
        wish = Wish(secret, CONFIGURATION, NAMES, 90 * DAY, 360 * DAY, keeps_others)
        self.keeper = Keeper(objects.client(), wish, self.certificate, self.metrics, Log())
        self.moment = time.time() + offset
        self.keeper.clock = self.keeper.monotonic = lambda: self.moment

    async def go(self, rounds: int = 1, *, wait: float = 0.0) -> float:
        """Do rounds; gives the pause after the last one."""
        pause = 0.0
        for _ in range(rounds):
            self.moment += wait
            pause = await self.keeper.take_turn()
        return pause

    def go_at_once(self) -> None:
        """Do a round in the middle of that of another process."""
        under_way = self.keeper.take_turn()
        with contextlib.suppress(StopIteration):
            while True:
                under_way.send(None)

    def served(self) -> bytes:
        assert self.certificate.serving is not None
        return self.certificate.serving.certificate

    def metric(self, name: str) -> float:
        value = self.metrics.registry.get_sample_value(f"vault_secrets_webhook_certificate_{name}")
        assert value is not None
        return value


def failing(method: str, path: str, status: int | None) -> Callable[[Call], None]:
    """Make what fails for calls of a method to paths with a part."""

    def fail(call: Call) -> None:
        if call.method == method and path in call.path:
            raise KubernetesError(f"cannot {call.describe()}: {call.permission}", status=status)

    return fail


@in_loop
async def test_from_nothing() -> None:
    objects = FakeObjects((STRANGER, SERVICE, SERVICE))
    objects.set_bundle(b"theirs")
    process = Process(objects)
    await process.go()
    assert process.certificate.serving is None  # API servers do not know of it yet
    await process.go()
    entries = objects.entries()
    assert tuple(entries) == ENTRIES
    assert process.served() == entries["tls.crt"]
    assert objects.bundles() == [b"theirs", entries["ca.crt"], entries["ca.crt"]]
    assert objects.secret is not None
    assert objects.secret["type"] == "kubernetes.io/tls"
    assert objects.secret["metadata"]["labels"] == LABELS
    assert find_served(process.certificate.context, entries["ca.crt"].decode(), "webhook.system.svc")
    assert process.metric("expiry_timestamp_seconds") == pytest.approx(process.moment + 90 * DAY, abs=1)
    assert process.metric("authority_expiry_timestamp_seconds") == pytest.approx(process.moment + 360 * DAY, abs=1)


@in_loop
async def test_what_is_written() -> None:
    """Nothing but the Secret's entries and the bundles of our webhooks, and both only if nobody was faster."""
    objects = FakeObjects((STRANGER, SERVICE))
    process = Process(objects)
    await process.go(3)
    create, patch = [call for call in objects.calls if call.method != "GET"]
    assert (create.method, create.path) == ("POST", "/api/v1/namespaces/system/secrets")
    assert patch.path == f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{CONFIGURATION}"
    bundle = base64.b64encode(objects.bundles()[1]).decode()
    assert json.loads(patch.body) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "0"},
        {"op": "test", "path": "/webhooks/1/name", "value": "1.test"},
        {"op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": bundle},
    ]
    objects.calls.clear()
    await process.go(3)
    assert {call.method for call in objects.calls} == {"GET"}


@in_loop
async def test_the_configuration_is_read_before_the_secret() -> None:
    """The other way round, a bundle could be overwritten by what a Secret held before."""
    objects = FakeObjects()
    await Process(objects).go()
    assert ["secrets" in call.path for call in objects.calls[:2]] == [False, True]


@in_loop
async def test_an_empty_secret_is_filled() -> None:
    objects = FakeObjects()
    metadata = {"resourceVersion": "0", "labels": {"team": "a"}}
    objects.secret = {"metadata": metadata, "type": "Opaque", "data": {"tls.crt": ""}}
    process = Process(objects)
    await process.go(2)
    assert process.served() == objects.entries()["tls.crt"]
    assert objects.secret["metadata"]["labels"] == {"team": "a", **LABELS}
    (change,) = [call for call in objects.calls if call.method == "PATCH" and "secrets" in call.path]
    assert set(json.loads(change.body)) == {"metadata", "data"}


@in_loop
async def test_a_strangers_secret_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    objects = FakeObjects()
    data = {"tls.crt": base64.b64encode(b"CANARY").decode()}
    objects.secret = {"metadata": {"resourceVersion": "0", "labels": {"a": "b"}}, "data": data}
    process = Process(objects)
    await process.go(3)
    assert {call.method for call in objects.calls} == {"GET"}
    assert process.certificate.serving is None
    log = capfd.readouterr().err
    assert log.count("secrets system/certificate is not the webhook's own: name another one") == 1
    assert "CANARY" not in log


@in_loop
async def test_a_year(capfd: pytest.CaptureFixture[str]) -> None:
    """Two processes look twice a day: the authority is replaced once, certificates six times, both serve the same."""
    objects = FakeObjects()
    one, two = Process(objects), Process(objects)
    await one.go(2)
    served, bundles = set(), set()
    for _ in range(2 * 365):
        for process in (one, two):
            await process.go(wait=DAY / 2)
            served.add(process.served())
            bundles.add(tuple(read_bundle(objects.bundles()[0])))
    assert len(bundles) == 3  # the first, both, and the second alone after the first has expired
    assert 6 <= len(served) <= 8
    await one.go()
    await two.go()
    assert one.served() == two.served()
    log = capfd.readouterr().err
    assert "level=ERROR" not in log
    assert "BEGIN" not in log
    assert not [line for line in objects.entries()["tls.key"].decode().splitlines() if line in log]


LOSSES: list[tuple[str, Callable[[FakeObjects], None]]] = [
    ("deleted", lambda objects: setattr(objects, "secret", None)),
    ("key of another", lambda objects: objects.set_entries(tls_key=objects.entries()["ca.key"])),
    ("nonsense", lambda objects: objects.set_entries(ca_crt=b"nonsense")),
    ("emptied", lambda objects: objects.set_entries(**dict.fromkeys(("tls_crt", "tls_key", "ca_crt", "ca_key"), b""))),
]


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("lose", [row[1] for row in LOSSES], ids=[row[0] for row in LOSSES])
def test_lost(lose: Callable[[FakeObjects], None], is_restarted: bool) -> None:
    """There is a new authority, and the old one stays trusted, whether somebody remembers it or not."""

    async def check() -> None:
        objects = FakeObjects()
        process = Process(objects)
        await process.go(2)
        before, served = objects.entries(), process.served()
        lose(objects)
        other = Process(objects) if is_restarted else process
        await other.go()
        assert objects.entries()["ca.crt"].endswith(before["ca.crt"])
        assert len(read_bundle(objects.entries()["ca.crt"])) == 2
        assert objects.bundles() == [objects.entries()["ca.crt"]]
        assert process.served() == served
        if is_restarted:
            await other.go()
            assert other.certificate.serving is None  # the old one may be served by somebody: wait like him
        await process.go(4, wait=30)
        await other.go(4, wait=30)
        assert process.served() == other.served() == objects.entries()["tls.crt"] != served

    in_loop(check)()


@in_loop
async def test_damage_that_cannot_be_mended_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    objects = FakeObjects()
    process = Process(objects)
    await process.go(2)
    served = process.served()
    objects.set_entries(ca_crt=b"CANARY")
    objects.fail = failing("PATCH", "/secrets/", 422)
    await process.go(4)
    log = capfd.readouterr().err
    assert log.count("the Secret was damaged") == 1
    assert "ca.crt holds no certificates in PEM form" in log
    assert "CANARY" not in log
    assert process.served() == served


@in_loop
async def test_a_bundle_that_somebody_else_wrote() -> None:
    objects = FakeObjects()
    process = Process(objects)
    await process.go(2)
    for bundle in (b"", b"nonsense", make_stranger("authority")):
        objects.set_bundle(bundle)
        await process.go()
        assert objects.bundles() == [objects.entries()["ca.crt"]]


@in_loop
async def test_authorities_of_others_are_kept_if_wished() -> None:
    objects = FakeObjects()
    theirs, another = make_stranger("authority"), make_stranger("authority")
    objects.set_bundle(theirs + another)
    process = Process(objects, keeps_others=True, offset=1_800_000_010 - time.time())  # their last 90 seconds
    await process.go(2)
    assert process.certificate.serving is None  # theirs may be served by somebody else until all know of ours
    await process.go(3, wait=20)
    assert process.served()
    assert objects.bundles() == [objects.entries()["ca.crt"] + theirs + another]
    await process.go(2, wait=50)
    assert objects.bundles() == [objects.entries()["ca.crt"]]


@in_loop
async def test_an_operator_takes_an_old_authority_away() -> None:
    objects = FakeObjects()
    process = Process(objects)
    await process.go(2)
    objects.secret = None
    await process.go(5, wait=30)
    newest = objects.entries()["ca.crt"].partition(b"-----END CERTIFICATE-----\n")
    objects.set_entries(ca_crt=b"".join(newest[:2]))
    await process.go(2, wait=30)
    assert objects.bundles() == [b"".join(newest[:2])]
    assert process.served() == objects.entries()["tls.crt"]


# What fails, whether a certificate is served after a start, and after a year in which nothing failed.
FAILURES: list[tuple[str, str, str, int | None, bool]] = [
    ("reading the Secret is forbidden", "GET", "/secrets/", 403, False),
    ("the API server is away", "GET", "/", None, False),
    ("creating the Secret is forbidden", "POST", "/secrets", 403, False),
    ("the namespace is gone", "POST", "/secrets", 404, False),
    ("reading the configuration is forbidden", "GET", "/mutatingwebhookconfigurations/", 403, True),
    ("changing the configuration is forbidden", "PATCH", "/mutatingwebhookconfigurations/", 403, False),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "serves"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
def test_failures_at_the_start(
    method: str, path: str, status: int | None, serves: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each is told once; the next rounds come soon, then later; afterwards everything is as if nothing had been."""

    async def check() -> None:
        objects = FakeObjects()
        process = Process(objects)
        objects.fail = failing(method, path, status)
        pauses = [await process.go() for _ in range(8)]
        assert pauses[0] <= 2.4
        assert max(pauses[5:]) > 20
        assert (process.certificate.serving is not None) == serves
        assert bool(process.certificate.find_obstacle()) != serves
        log = capfd.readouterr().err
        assert log.count("the certificate cannot be looked after") == process.metric("reload_failures_total")
        assert 1 <= log.count("level=ERROR") <= 2
        assert "the webhook needs" in log or "the verb" in log
        objects.fail = lambda _: None
        await process.go(3)
        assert process.served() == objects.entries()["tls.crt"]
        assert capfd.readouterr().err.count("the certificate is looked after again") == 1

    in_loop(check)()


AFTERWARDS: list[tuple[str, str, str, int | None]] = [
    ("reading the Secret is forbidden", "GET", "/secrets/", 403),
    ("the API server is away", "GET", "/", None),
    ("too many requests", "GET", "/", 429),
    ("changing the Secret is forbidden", "PATCH", "/secrets/", 403),
    ("the Secret is immutable", "PATCH", "/secrets/", 422),
    ("changing the configuration is forbidden", "PATCH", "/mutatingwebhookconfigurations/", 403),
]


@pytest.mark.parametrize(("method", "path", "status"), [row[1:] for row in AFTERWARDS], ids=[row[0] for row in AFTERWARDS])  # fmt: skip
def test_failures_when_a_new_one_is_due(method: str, path: str, status: int | None) -> None:
    """What is at hand is served on, and when the failure is over, the new one comes."""

    async def check() -> None:
        objects = FakeObjects()
        process = Process(objects)
        await process.go(2)
        served = process.served()
        objects.fail = failing(method, path, status)
        await process.go(3, wait=21 * DAY)
        if "configurations" not in path:
            assert process.served() == served
        assert process.certificate.serving is not None
        assert process.moment < process.certificate.serving.end
        objects.fail = lambda _: None
        await process.go(2)
        assert process.served() == objects.entries()["tls.crt"] != served

    in_loop(check)()


ABSENT: list[tuple[str, Callable[[FakeObjects], None], str]] = [
    ("none", lambda objects: setattr(objects, "configuration", None), "webhook does not exist"),
    ("of others", lambda objects: objects.__init__((STRANGER,)), "has no webhook that calls the CERTIFICATE_SERVICE"),  # type: ignore[misc]
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in ABSENT], ids=[row[0] for row in ABSENT])
def test_nobody_calls(change: Callable[[FakeObjects], None], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A chart may make the configuration last: the certificate is there before."""

    async def check() -> None:
        objects = FakeObjects()
        change(objects)
        process = Process(objects)
        await process.go(2)
        assert process.served() == objects.entries()["tls.crt"]
        assert message in capfd.readouterr().err
        objects.configuration = FakeObjects().configuration
        await process.go()
        assert objects.bundles() == [objects.entries()["ca.crt"]]

    in_loop(check)()


@in_loop
async def test_a_fault_of_our_own_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    objects = FakeObjects()
    process = Process(objects)
    with monkeypatch.context() as patched:
        patched.setattr(CertificateMint, "make_authority", lambda *_: {"a": 1}["CANARY"])
        assert await process.go() > 0
    log = capfd.readouterr().err
    assert "a fault of our own in looking after the certificate" in log
    assert "KeyError" in log
    assert "CANARY" not in log
    await process.go(2)
    assert process.served() == objects.entries()["tls.crt"]
