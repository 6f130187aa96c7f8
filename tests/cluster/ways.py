"""Several webhooks beside each other, each with settings of its own and a namespace that enforces PodSecurity `restricted`."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.cluster.conftest import SYSTEM
from tests.cluster.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

    from tests.servers.kubernetes import ApiServer


@contextmanager
def serve_ways(
    api: ApiServer, ways: Mapping[str, Mapping[str, str]], folders: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Serve each way as the ServiceAccount that all tests share; gives the namespace of each."""
    with ExitStack() as stack:
        namespaces = {}
        for way, settings in ways.items():
            folder = folders.mktemp(way)
            token = api.request_token(SYSTEM, "webhook")
            kubeconfig = api.write_kubeconfig(folder / "kubeconfig", token=token)
            process = stack.enter_context(Webhook(folder, kubeconfig, settings))
            namespace = namespaces[way] = f"{way}-{secrets.token_hex(4)}"
            api.create_namespace(namespace, {"pod-security.kubernetes.io/enforce": "restricted"})
            api.register_pod_webhook(f"{process.url}/pods", process.ca_bundle, name=namespace, namespace=namespace)
            stack.callback(api.unregister_webhook, namespace)
        yield namespaces
