"""Pods of the second annotation family: our executable under its other name, for Vault and for OpenBao."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from e2e.conftest import DELIVERIES
from e2e.images import APP, NON_ROOT
from e2e.test_delivery import find_tokens
from e2e.test_restricted import RESTRICTED

if TYPE_CHECKING:
    from e2e.front import Front
    from e2e.pods import Namespace
    from tests.servers.openbao import OpenBao

PROVIDER = "secrets-webhook.security.bank-vaults.io/provider"
COMMAND = [APP, "0"]


class Row(NamedTuple):
    """A provider, one delivery mode, and an image."""

    provider: str
    mode: str
    image: str


ROWS = [Row(provider, mode, "scratch") for provider in ("vault", "bao") for mode in DELIVERIES]
ROWS += [Row("bao", "self", "non-root"), Row("vault", "volume", "entry-point")]


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_secret_arrives(row: Row, namespaces: dict[str, Namespace], bao: OpenBao, front: Front) -> None:
    secret = f"secret-of-{'-'.join(row)}"
    path = f"app/{'/'.join(row)}"
    bao.write_kv2(path, {"password": secret})
    env = {"PASSWORD": f"{row.provider}:secret/data/{path}#password", "PLAIN": "as it is"}
    namespace = namespaces[row.mode]
    pod = namespace.create_pod(namespace.describe_app(row.image, env, COMMAND), **{PROVIDER: row.provider})
    log = pod.wait_until_ready()
    process = pod.read_process()
    spec = pod.read()["spec"]
    pod.remove()
    assert spec["containers"][0]["command"] == [f"/{row.provider}/secret-init"]
    assert f"env PASSWORD={secret}\n" in log
    assert "env PLAIN=as it is\n" in log
    assert process.command == COMMAND
    assert [name for name in process.environment if name.startswith(("VAULT_", "BAO_", "SECRET_INIT_"))] == []
    assert find_tokens(process, front) == set()


@pytest.mark.parametrize("provider", ["vault", "bao"])
def test_restricted_namespace_takes_it(provider: str, namespaces: dict[str, Namespace], bao: OpenBao) -> None:
    bao.write_kv2(f"app/restricted/{provider}", {"password": "restricted"})
    namespace = namespaces["self-restricted"]
    env = {"PASSWORD": f"{provider}:secret/data/app/restricted/{provider}#password"}
    app = namespace.describe_app("non-root", env, COMMAND, {**NON_ROOT, **RESTRICTED})
    pod = namespace.create_pod(app, **{PROVIDER: provider})
    log = pod.wait_until_ready()
    pod.remove()
    assert "env PASSWORD=restricted\n" in log
