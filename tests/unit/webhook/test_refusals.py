"""Several faults of one object become one refusal."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.refusals import MOST, Refusals


@pytest.mark.parametrize(
    ("codes", "code", "reason"),
    [
        ((422,), 422, "Invalid"),
        ((422, 422), 422, "Invalid"),
        ((403,), 403, "Forbidden"),
        ((422, 403), 403, "Forbidden"),
    ],
)
def test_one_refusal_of_all(codes: tuple[int, ...], code: int, reason: str) -> None:
    refusals = Refusals()
    for number, one in enumerate(codes):
        refusals.add(Refused(f"fault {number}", code=one))
    with pytest.raises(Refused) as caught:
        refusals.check()
    assert str(caught.value).splitlines() == [f"fault {number}" for number in range(len(codes))]
    assert (caught.value.code, caught.value.reason) == (code, reason)


def test_nothing_is_wrong() -> None:
    refusals = Refusals()
    assert refusals.attempt(int, "5") == 5
    refusals.check()


def test_an_attempt_that_is_refused_is_noted() -> None:
    def refuse(word: str, *, code: int) -> None:
        raise Refused(word, code=code)

    refusals = Refusals()
    refusals.attempt(refuse, "no", code=403)
    assert [(str(one), one.code) for one in refusals.found] == [("no", 403)]


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="literal"):
        Refusals().attempt(int, "x")


def test_enough_is_enough() -> None:
    refusals = Refusals()
    for number in range(MOST - 1):
        refusals.add(Refused(f"fault {number}"))
    with pytest.raises(Refused) as caught:
        refusals.add(Refused("the last one"))
    lines = str(caught.value).splitlines()
    assert len(lines) == MOST + 1
    assert lines[-2:] == ["the last one", "... and there may be more: these are the first ones"]
