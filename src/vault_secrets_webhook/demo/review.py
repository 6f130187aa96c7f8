"""The API server's part: asks the webhook over HTTPS, verifies its certificate, applies its patch."""

from __future__ import annotations

import base64
import ssl
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import msgspec

from vault_secrets_webhook.errors import Error
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.kube.objects import NoCluster
from vault_secrets_webhook.webhook.reviewers import build_reviewers
from vault_secrets_webhook.webhook.server import running_server
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.timing import Timing

from .identity import write_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS = 20
# Nobody else sends reviews here, so nobody has to be waited for at the end.
TIMING = Timing(linger=0.0, drain=0.0, finish=0.0)


class Operation(msgspec.Struct):
    """An operation of the patch."""

    op: str
    path: str
    value: Any = None


class Review(NamedTuple):
    """What was asked where, and what came back."""

    url: str
    question: bytes
    answer: bytes
    patch: list[Operation]


async def review_pod(pod: Mapping[str, Any], namespace: str, environ: Mapping[str, str], folder: Path) -> Review:
    """Ask a webhook, which is set up by `environ` and has its files in `folder`, about a pod. Raises Error."""
    certificate_file, key_file = folder / "webhook.crt", folder / "webhook.key"
    write_certificate(certificate_file, key_file)
    settings = Settings.from_environment(
        {
            **environ,
            "LISTEN_ADDRESS": "127.0.0.1:0",
            "TLS_CERT_FILE": str(certificate_file),
            "TLS_PRIVATE_KEY_FILE": str(key_file),
        }
    )
    question = msgspec.json.encode(build_question(pod, namespace))
    async with running_server(
        settings, build_reviewers(settings, NoCluster()), log=Log("error"), timing=TIMING
    ) as server:
        url = f"{server.url}/pods"
        answer = await post(url, question, ssl.create_default_context(cafile=str(certificate_file)))
    return Review(url, question, answer, read_patch(answer))


def build_question(pod: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Make the AdmissionReview of a pod that is about to be created."""
    request = {
        "uid": str(uuid.uuid4()),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "namespace": namespace,
        "dryRun": False,
        "object": pod,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


async def post(url: str, body: bytes, context: ssl.SSLContext) -> bytes:
    """Send a review. Raises Error."""
    headers = {"Content-Type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=headers, ssl=context) as response,
        ):
            answer = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Error(f"the webhook does not answer: {type(error).__name__}") from None
    if response.status != 200:  # noqa: PLR2004
        raise Error(f"the webhook answers with HTTP {response.status}: {answer.decode(errors='replace')}")
    return answer


def read_patch(answer: bytes) -> list[Operation]:
    """Read the patch of an answer. Raises Error unless the pod is admitted and changed."""
    response = msgspec.json.decode(answer)["response"]
    if not response["allowed"]:
        raise Error(f"the webhook refuses the pod: {response['status']['message']}")
    if "patch" not in response:
        raise Error("the webhook leaves the pod as it is")
    return msgspec.json.decode(base64.b64decode(response["patch"]), type=list[Operation])
