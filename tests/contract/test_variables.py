"""What the webhook gives the executable in a pod: variables that it knows, under the names that it knows them by."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.vaultenv.settings import SECRET_INIT, VAULT_ENV
from vault_secrets_webhook.webhook.mutate.environment import VARIABLES
from vault_secrets_webhook.webhook.mutate.flavour import FLAVOURS
from vault_secrets_webhook.webhook.mutate.grammar import GRAMMARS

PROGRAMS = {"": VAULT_ENV, "vault": SECRET_INIT, "bao": SECRET_INIT}


@pytest.mark.parametrize("provider", PROGRAMS)
def test_every_variable_is_known(provider: str) -> None:
    one = PROGRAMS[provider]
    variables = VARIABLES[provider]
    assert FLAVOURS[provider].name == one.name
    (server,) = [server for server in one.servers if server.scheme == GRAMMARS[provider].mark]
    steering = {
        one.json_log,
        one.log_level,
        one.daemon,
        one.delay,
        one.log_server,
        server.passthrough,
        server.from_path,
    }
    assert steering <= variables.names
    assert variables.log_level == one.log_level
    assert {name for name in variables.names - steering if not name.startswith(server.prefix)} == set()
    assert FLAVOURS[provider].token_file.rpartition("/")[2] == server.token_file


@pytest.mark.parametrize("provider", ["vault", "bao"])
def test_secret_init_reads_what_chooses_containers(provider: str) -> None:
    assert GRAMMARS[provider].mark in {server.scheme for server in SECRET_INIT.servers}
