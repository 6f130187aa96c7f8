"""The webhook as a pod has it: no kubeconfig, but the API server's address and a mounted ServiceAccount token.

The mount is made in a mount namespace of its own, so that the path is the real one and the machine stays as it is.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.cluster.conftest import SYSTEM
from tests.cluster.container import find_container
from tests.cluster.webhook import Webhook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.conftest import Tenant

# $1 is the folder to be seen as the ServiceAccount's, the rest the command.
MOUNT_AND_RUN = """set -eu
folder=/run/secrets/kubernetes.io/serviceaccount
mount -t tmpfs tmpfs /run
mkdir -p "$folder"
cp "$1"/* "$folder"
shift
exec "$@"
"""


def test_in_a_cluster_the_service_account_is_all_that_is_needed(tenant: Tenant, tmp_path: Path) -> None:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(tenant.api.request_token(SYSTEM, "webhook"))
    (account / "ca.crt").write_bytes(tenant.api.ca_file.read_bytes())
    (account / "namespace").write_text(SYSTEM)
    server = urlsplit(tenant.api.address)
    settings = {
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
        "KUBECONFIG": "",
        "VAULT_ADDR": tenant.bao.address,
    }
    # Without root, a user namespace gives the right to mount.
    unshare = ["/usr/bin/unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    command = [*unshare, "/bin/sh", "-c", MOUNT_AND_RUN, "sh", str(account), sys.executable]
    secret = tenant.path("db")
    tenant.api.create_secret(tenant.namespace, "named", {"key": f"vault:{secret}#password"})
    variable = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "named", "key": "key"}}}
    with Webhook(tmp_path, tmp_path / "unused", settings, command=command) as webhook:
        tenant.api.unregister_webhook(tenant.namespace)
        url = f"{webhook.url}/pods"
        tenant.api.register_pod_webhook(url, webhook.ca_bundle, name=tenant.namespace, namespace=tenant.namespace)
        status, pod = tenant.create_pod(tenant.app([variable]))
        assert status == 201, pod
        assert find_container(pod, "app")["command"] == ["/vault/vault-env"]
