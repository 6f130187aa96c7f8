"""The loop around own certificates, where somebody else changes something in the middle of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.objects import FakeObjects
from tests.unit.webhook.certificates.test_keeper import DAY, Process, failing
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook.certificates import keeper as keeper_module
from vault_secrets_webhook.webhook.certificates.bundle import read_bundle

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.kube.client import Call


@in_loop
async def test_the_faster_one_wins() -> None:
    """Two begin at the same time: what the second one made is thrown away, and it takes the first one's."""
    objects = FakeObjects()
    one, two = Process(objects), Process(objects)

    def let_other_in(call: Call) -> None:
        if call.method == "POST":
            objects.fail = lambda _: None
            two.go_at_once()

    objects.fail = let_other_in
    pause = await one.go()
    assert pause <= keeper_module.SOON * 1.2
    await one.go(2)
    await two.go()
    assert one.served() == two.served() == objects.entries()["tls.crt"]
    assert one.metric("reload_failures_total") == 0


@in_loop
async def test_announced_and_lost_while_another_one_begins() -> None:
    """Who finds no Secret, or a damaged one, looks at the bundle again: it may have changed since the first look."""
    objects = FakeObjects()
    one, two = Process(objects), Process(objects)

    def let_other_in(call: Call) -> None:
        if "secrets" in call.path:
            objects.fail = lambda _: None
            two.go_at_once()
            two.go_at_once()
            objects.set_entries(tls_key=b"nonsense")

    objects.fail = let_other_in
    await one.go()
    trusted = read_bundle(objects.bundles()[0])
    assert two.certificate.serving is not None
    assert two.certificate.serving.issuer in trusted
    assert len(trusted) == 2


@in_loop
async def test_a_secret_that_is_deleted_while_it_is_changed() -> None:
    """It is made anew soon, and that is no fault to tell of."""
    objects = FakeObjects()
    process = Process(objects)
    await process.go(2)

    def delete(call: Call) -> None:
        if call.method == "PATCH":
            objects.fail = lambda _: None
            objects.secret = None

    objects.fail = delete
    pause = await process.go(wait=61 * DAY)
    assert pause <= keeper_module.SOON * 1.2
    assert process.metric("reload_failures_total") == 0
    await process.go()
    assert objects.secret is not None


@in_loop
async def test_a_bundle_that_was_not_seen_for_a_while_settles_anew() -> None:
    """Nobody knows what was in it meanwhile."""
    objects = FakeObjects()
    process = Process(objects)
    await process.go(2)
    assert process.keeper.seen
    objects.fail = failing("GET", "mutatingwebhookconfigurations", 403)
    await process.go(wait=30)
    assert not process.keeper.seen
