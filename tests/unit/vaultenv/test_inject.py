"""What no server can bring about: a fetch that ends with an error that nobody foresaw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.transport import make_client, path_of, respond
from vault_secrets_webhook.inject.resolve import make_plan, render
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.vaultenv import inject
from vault_secrets_webhook.vaultenv.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.inject.resolve import Plan


def connect(environ: dict[str, str]) -> tuple[inject.Connection, Plan]:
    """A connection that is to read one secret, and the plan that says so."""
    plan = make_plan([("A", "vault:kv/a#k")])
    return inject.Connection(plan, environ, Settings(environ).servers[0], Log()), plan


@pytest.mark.parametrize("step", ["run_jobs", "explain_faults"])
@pytest.mark.parametrize("revokes", [True, False])
def test_token_is_revoked_whatever_happens(monkeypatch: pytest.MonkeyPatch, step: str, revokes: bool) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(inject, step, fail)
    client, transport, _ = make_client([respond(200, {"data": {"k": "v"}})])
    connection, _ = connect({"VAULT_REVOKE_TOKEN": str(revokes)})
    with pytest.raises(ZeroDivisionError):
        connection.read_values(client, "")
    asked = [path_of(request) for request in transport.sent]
    assert ("auth/token/revoke-self" in asked) is revokes


def test_look_ups_come_before_the_token_is_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the revoked token would be what they find."""
    steps: list[str] = []

    def note(step: str) -> Callable[..., None]:
        return lambda *_, **__: steps.append(step)

    monkeypatch.setattr(inject, "explain_faults", note("explain"))
    monkeypatch.setattr(inject, "revoke_token", note("revoke"))
    client, _, _ = make_client([respond(200, {"data": {"k": "v"}})])
    connection, plan = connect({"VAULT_REVOKE_TOKEN": "true"})
    rendered = render(plan, connection.read_values(client, ""))
    assert (rendered.values, steps) == ({"A": b"v"}, ["explain", "revoke"])
