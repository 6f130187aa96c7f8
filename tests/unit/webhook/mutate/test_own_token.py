"""Objects cannot get at the webhook's own token, nor end it: by no spelling of the paths that Vault has for that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.reader import FakeReader, make_secret, mutate
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate.own_token import is_about_itself

TOKEN = "hvs.of-the-webhook"
SELF = {"id": TOKEN, "client_token": TOKEN}

FORBIDDEN = [
    "vault:auth/token/lookup-self#id",
    "vault:/auth//token/lookup-self/#id",
    "x=${vault:auth/token/lookup-self#id}",
    "vault:auth/token/lookup-self#${.id}",
    "vault:teams/shop/auth/token/lookup-self#id",
    ">>vault:auth/token/lookup#id",
    ">>vault:auth/token/renew-self#client_token",
    '>>vault:auth/token/renew#client_token#{"increment":1}',
    ">>vault:auth/token/revoke-self#x",
    ">>vault:auth/token/revoke#x",
    "${vault:kv/db#user}${>>vault:auth/token/revoke-self#x}",
    "vault:login",
]


@pytest.mark.parametrize("text", FORBIDDEN)
@pytest.mark.parametrize("dry_run", [False, True])
def test_nothing_is_asked_of_a_path_at_which_a_token_deals_with_itself(text: str, dry_run: bool) -> None:
    reader = FakeReader({"auth/token/lookup-self": SELF, "auth/token/renew-self": SELF, "kv/db": {"user": "app"}})
    with pytest.raises(Refused, match=r"^data\.a: .*no token of the webhook") as caught:
        mutate(make_secret({"a": text}), reader, dry_run=dry_run)
    assert caught.value.code == 403
    assert (reader.questions, reader.paths) == ([], [])


ALLOWED = [
    "auth/token/create",  # a new one, which a policy has to allow
    "auth/token/create/ci",
    "auth/approle/role/app/secret-id",
    "secret/data/auth/token",
    "secret/data/auth/token/lookup-self/x",
    "secret/data/token/lookup",
    "lookup-self",
    "auth/token",
    "auth/token/roles",
]


@pytest.mark.parametrize("path", ALLOWED)
def test_other_paths_are_read(path: str) -> None:
    assert not is_about_itself(path)
    known: dict[str, Any] = {path: {"x": "value"}}
    assert mutate(make_secret({"a": f"vault:{path}#x"}), FakeReader(known)).reason == "injected"
