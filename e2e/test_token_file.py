"""A pod that brings its own token: it is copied for vault-env, and with it vault-env itself, in every delivery mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.conftest import DELIVERIES
from e2e.images import APP

if TYPE_CHECKING:
    from e2e.pods import Namespace
    from tests.servers.openbao import OpenBao

ENV = {"PASSWORD": "vault:secret/data/app/token-file#password"}


@pytest.mark.parametrize("mode", DELIVERIES)
def test_token_of_the_pod_is_used(namespaces: dict[str, Namespace], bao: OpenBao, canary: str, mode: str) -> None:
    """An image volume is read-only, so that nothing could be copied into it: here the pod gets no such volume."""
    bao.write_kv2("app/token-file", {"password": canary})
    namespace = namespaces[mode]
    namespace.api.create_secret(namespace.name, "token", {"app": bao.create_token(["app"], ttl="10m")})
    spec = namespace.describe_app("non-root", ENV, [APP, "0"])
    spec["volumes"] = [{"name": "tokens", "secret": {"secretName": "token"}}]
    # A role that nobody may have: logging in would fail.
    pod = namespace.create_pod(spec, token_auth_mount="tokens:app", vault_role="nobody")
    log = pod.wait_until_ready()
    stored = pod.read()["spec"]
    pod.remove()
    assert f"env PASSWORD={canary}\n" in log
    assert [container["name"] for container in stored["initContainers"]] == ["copy-vault-token", "copy-vault-env"]
    assert [volume for volume in stored["volumes"] if "image" in volume] == []
