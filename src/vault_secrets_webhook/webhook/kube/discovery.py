"""Finds the cluster: that of KUBECONFIG, or the one that a pod finds itself in.

For pods: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/. Without either there is no cluster:
the file in the home folder is not taken, because a server must not act on whatever cluster its user looked at last.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import ConfigurationError

from .cluster import Cluster
from .credentials import TokenFile
from .kubeconfig import read_kubeconfig
from .tls import Trust, make_client_context

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def find_cluster(kubeconfig: str, environ: Mapping[str, str], directory: str = SERVICE_ACCOUNT) -> Cluster | None:
    """Find the cluster: that of `kubeconfig` if it is not empty, else the one that this pod runs in, else None.

    `directory` is where the kubelet mounts the ServiceAccount. Raises ConfigurationError.
    """
    if kubeconfig:
        return read_kubeconfig(kubeconfig)
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    return find_own_cluster(host, port, directory) if host and port else None


def find_own_cluster(host: str, port: str, directory: str) -> Cluster:
    """Take the access that the kubelet mounts into each container. Raises ConfigurationError."""
    source = f"the ServiceAccount in {directory}"
    try:
        authorities = Path(directory, "ca.crt").read_bytes()
    except OSError as error:
        message = f"{source}: ca.crt cannot be read: {error.strerror}; is automountServiceAccountToken off?"
        raise ConfigurationError(message) from None
    context = make_client_context(Trust(authorities), None, source)
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Cluster(url, context, TokenFile(f"{directory}/token"), source)
