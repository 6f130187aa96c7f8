"""Vault as mutations of objects ask for it: the real core over answers in memory, and a record of what was asked."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.transport import make_client, path_of, respond
from vault_secrets_webhook.inject.resolve import explain_faults, fetch
from vault_secrets_webhook.vault.settings import TransitSettings
from vault_secrets_webhook.webhook.admission import AdmissionRequest, GroupVersionKind
from vault_secrets_webhook.webhook.mutate.objects import Objects
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.vaultaccess.access import find_scheme
from vault_secrets_webhook.webhook.vaultaccess.outcome import check_outage
from vault_secrets_webhook.webhook.vaultaccess.reader import conclude

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.webhook.mutation import Mutation
    from vault_secrets_webhook.webhook.vaultaccess.reader import Findings, Question
    from vault_secrets_webhook.wire.message import Request, Response

NAMESPACE = "shop"
KINDS = {"Secret": GroupVersionKind("", "v1", "Secret"), "ConfigMap": GroupVersionKind("", "v1", "ConfigMap")}
OTHER = GroupVersionKind("example.com", "v1", "Database")
PREFIX = "vault.security.banzaicloud.io/"


class FakeReader:
    """Answers by path: data of a KV version 1, or a status; ciphertexts `vault:v1:X` decrypt to `X`.

    `questions` are all that it was asked, `paths` the requests that this led to.
    """

    def __init__(self, secrets: Mapping[str, dict[str, Any] | int] | None = None) -> None:
        self.secrets = secrets or {}
        self.questions: list[Question] = []
        self.paths: list[str] = []

    def answer(self, request: Request) -> Response:
        path = path_of(request)
        self.paths.append(path)
        if "/decrypt/" in path:
            items = json.loads(request.body)["batch_input"]
            plain = [item["ciphertext"].removeprefix("vault:v1:").encode() for item in items]
            results = [{"plaintext": base64.b64encode(one).decode()} for one in plain]
            return respond(200, {"data": {"batch_results": results}})
        found = self.secrets.get(path, 404)
        return respond(found, {"errors": []}) if isinstance(found, int) else respond(200, {"data": found})

    async def read(self, question: Question) -> Findings:
        self.questions.append(question)
        client, _, _ = make_client(self.answer, {"VAULT_MAX_RETRIES": "0"})
        client.settings.transit = TransitSettings(question.options.transit_key_id)
        scheme = find_scheme(question.options)
        forgives = question.options.vault_ignore_missing_secrets
        fetched = fetch(question.plan, client, run_all, scheme, ignores_missing=forgives)
        check_outage(fetched)
        explain_faults(fetched, client)
        return conclude(question.plan, fetched)


def run_all(jobs: list[Any]) -> None:
    for job in jobs:
        job()


def mutate(
    one: Any,
    reader: FakeReader,
    environ: Mapping[str, str] | None = None,
    *,
    stored: Any = None,
    dry_run: bool = False,
) -> Mutation:
    """Mutate an object (its JSON as Python values) with the settings of an environment."""
    objects = Objects(Settings.from_environment(environ or {}), reader)
    kind = KINDS.get(one.get("kind", ""), OTHER)
    mutation = {"Secret": objects.mutate_secret, "ConfigMap": objects.mutate_config_map}.get(
        kind.kind, objects.mutate_custom
    )
    text = msgspec.json.encode(one)
    request = AdmissionRequest(
        "uid",
        kind,
        "CREATE" if stored is None else "UPDATE",
        namespace=NAMESPACE,
        dry_run=dry_run,
        object=msgspec.Raw(text),
        old_object=msgspec.Raw(msgspec.json.encode(stored)),
    )
    return asyncio.run(mutation(text, request))


def encode(text: str | bytes) -> str:
    """Base64, as `data` of a Secret has it."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def decode(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()


def make_secret(data: Mapping[str, str | bytes], *, kind: str = "Opaque", **annotations: str) -> dict[str, Any]:
    """A Secret. Underscores in the names of annotations are hyphens."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "annotations": annotate(annotations)},
        "type": kind,
        "data": {key: encode(value) for key, value in data.items()},
    }


def annotate(annotations: Mapping[str, str]) -> dict[str, str]:
    return {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
