"""What can go wrong between us and the Kubernetes API.

A `KubernetesError` is never the pod's fault: the review is answered with an HTTP error, so that the `failurePolicy` of
the operator decides. Messages name the object and what to do, and hold no data of the object and no credential.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import Error


class KubernetesError(Error):
    """An object that could not be read. `status` is the HTTP status of the API's answer, None without an answer."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
