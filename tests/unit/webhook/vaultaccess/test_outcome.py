"""What answers mean: how much they come to, whose fault they are, and whether the token was."""

from __future__ import annotations

import pytest

from tests.fakes.transport import make_client, respond
from vault_secrets_webhook.errors import Error, RequestRejected, Unreachable
from vault_secrets_webhook.inject.resolve import Fetched, Plan, make_plan, render
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.webhook.vaultaccess.errors import AccessFailed
from vault_secrets_webhook.webhook.vaultaccess.outcome import (
    check_outage,
    find_denied,
    is_ours,
    is_token_unknown,
    list_faults,
    measure,
)

CIPHERTEXT = "vault:v1:abc"
DENIED = RequestRejected("denied", path="kv/db", status=403)


def read(data: dict[str, object]) -> api.Secret:
    client, _, _ = make_client([respond(200, {"data": data})])
    return api.read_secret(client, "kv/db")


def measure_text(text: str, secret: api.Secret | Error, plaintext: bytes | Error = b"") -> int:
    plan = make_plan([("a", text)])
    fetched = Fetched()
    fetched.secrets = dict.fromkeys(plan.sources, secret)
    fetched.plaintexts = dict.fromkeys(plan.ciphertexts, plaintext)
    return sum(measure(part, fetched) for _, parts in plan.variables for part in parts)


def test_values_are_measured_as_they_are_written() -> None:
    secret = read({"x": "four", "null": None})
    assert measure_text("ab${vault:kv/db#x}c${vault:kv/db#x}", secret) == 11
    assert measure_text("vault:kv/db#none", secret) == 0
    assert measure_text("vault:kv/db#null", secret) == 0
    assert measure_text("vault:kv/db#${.x}", secret) == 0  # its own budget counts it
    assert measure_text("vault:kv/db#x", DENIED) == 0
    assert measure_text(CIPHERTEXT, secret, b"seven b") == 7
    assert measure_text(CIPHERTEXT, secret, DENIED) == 0


@pytest.mark.parametrize(
    ("status", "errors", "expected"),
    [
        (403, ["permission denied"], True),
        (403, ["permission denied", "invalid token"], True),
        (403, ["1 error occurred:\n\t* permission denied\n\n"], False),  # known, but not allowed to look at itself
        (400, ["bad request"], False),
        (503, ["sealed"], False),
    ],
)
def test_a_token_is_unknown_only_when_the_server_says_so(status: int, errors: list[str], expected: bool) -> None:
    client, _, _ = make_client(lambda _: respond(status, {"errors": errors}))
    assert is_token_unknown(client) is expected


def test_a_server_that_is_away_says_nothing_about_a_token() -> None:
    client, _, _ = make_client(lambda _: Unreachable("no route"))
    assert not is_token_unknown(client)


def fetch(plan: Plan) -> Fetched:
    """An answer for each source and ciphertext, and every other one denied."""
    fetched = Fetched()
    secret = read({"x": "value"})
    fetched.secrets = {source: DENIED if index % 2 else secret for index, source in enumerate(plan.sources)}
    fetched.plaintexts = {text: DENIED if index % 2 else b"p" for index, text in enumerate(plan.ciphertexts)}
    return fetched


def test_only_what_was_denied_is_asked_for_again_and_is_forbidden() -> None:
    texts = {"a": "vault:kv/1#x", "b": "vault:kv/2#x", "c": "vault:v1:one", "d": "vault:v1:two", "e": "vault:kv/1#none"}
    plan = make_plan(texts.items())
    fetched = fetch(plan)
    rest = find_denied(plan, fetched)
    assert ([source.path for source in rest.sources], list(rest.ciphertexts)) == (["kv/2"], ["vault:v1:two"])
    faults = list_faults(render(plan, fetched), plan, fetched)
    assert {fault.name: fault.code for fault in faults} == {"b": 403, "d": 403, "e": 422}
    assert not any("value" in fault.cause for fault in faults)


def test_an_outage_is_ours_and_a_denial_is_not() -> None:
    assert is_ours(Unreachable("away"))
    assert is_ours(RequestRejected("sealed", path="kv/db", status=503))
    assert not is_ours(DENIED)


def test_a_path_with_control_characters_does_not_reach_a_terminal() -> None:
    fetched = Fetched()
    fetched.gave_up = Unreachable("kv/\x1b[31m: no route\n", path="kv/\x1b[31m")
    with pytest.raises(AccessFailed) as caught:
        check_outage(fetched)
    assert str(caught.value) == r"Vault cannot be used: kv/\x1b[31m: no route\n"
