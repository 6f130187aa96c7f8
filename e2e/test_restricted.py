"""A namespace that enforces the PodSecurity level `restricted` takes our pods, and they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.conftest import DELIVERIES
from e2e.images import APP, NON_ROOT

if TYPE_CHECKING:
    from e2e.pods import Namespace
    from tests.servers.openbao import OpenBao

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
ENV = {"PASSWORD": "vault:secret/data/app/restricted#password"}


@pytest.mark.parametrize("image", ["scratch", "glibc", "musl", "non-root"])
@pytest.mark.parametrize("mode", DELIVERIES)
def test_pod_runs(namespaces: dict[str, Namespace], bao: OpenBao, canary: str, mode: str, image: str) -> None:
    bao.write_kv2("app/restricted", {"password": canary})
    namespace = namespaces[f"{mode}-restricted"]
    pod = namespace.create_pod(namespace.describe_app(image, ENV, [APP, "0"], {**NON_ROOT, **RESTRICTED}))
    log = pod.wait_until_ready()
    pod.remove()
    assert f"env PASSWORD={canary}\n" in log
    assert "Uid:\t65534\t" in log


@pytest.mark.parametrize("mode", DELIVERIES)
def test_level_is_enforced(namespaces: dict[str, Namespace], mode: str) -> None:
    namespace = namespaces[f"{mode}-restricted"]
    status, answer = namespace.request_pod(namespace.describe_app("scratch", ENV, [APP, "0"]))
    assert (status, "violates PodSecurity" in answer["message"]) == (403, True)
