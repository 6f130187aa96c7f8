"""`vault-secrets-webhook mutate`: what the webhook would make of manifests, without a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.manifest.difference import colour_difference, shows_colours, write_difference
from vault_secrets_webhook.manifest.document import InvalidManifest, read_documents
from vault_secrets_webhook.manifest.patch import apply_patch
from vault_secrets_webhook.manifest.workload import describe, find_metadata, find_template, list_objects
from vault_secrets_webhook.manifest.yamltext import write_yaml
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.objects import open_cluster
from vault_secrets_webhook.webhook.kube.pod_cluster import open_pod_cluster
from vault_secrets_webhook.webhook.mutate.pod import mutate_pod
from vault_secrets_webhook.webhook.mutate.spec import decode_pod
from vault_secrets_webhook.webhook.registry.images import open_images

from .input import InputLookup
from .made import MadeObjects
from .options import add_settings, read_settings
from .oversight import find_kept_references, find_misplaced_annotations, list_taken

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from vault_secrets_webhook.manifest.document import Document
    from vault_secrets_webhook.manifest.workload import Object, Template
    from vault_secrets_webhook.manifest.yamltext import JSON
    from vault_secrets_webhook.webhook.lookup import ImageLookup, ObjectLookup
    from vault_secrets_webhook.webhook.mutate.patch import PatchOperation
    from vault_secrets_webhook.webhook.settings import Settings

    from .oversight import Taken

SUMMARY = "print manifests as the webhook would change their pods"
DESCRIPTION = (
    "Print manifests as the webhook would change their pods: Pods, and whatever has a pod template. Exits with 1, and"
    " prints no manifest at all, when one of them cannot be read or would be refused."
)
STDIN = "-"
NEXT_FAULT = re.compile(r"\n(?! )")  # of one refusal; lines that are indented belong to the fault above
FAILED = 1
# What only a server has use for.
SERVING = frozenset(
    (
        "CERTIFICATE_AUTHORITY_LIFETIME",
        "CERTIFICATE_KEEP_AUTHORITIES",
        "CERTIFICATE_LIFETIME",
        "CERTIFICATE_NAMES",
        "CERTIFICATE_SECRET",
        "CERTIFICATE_SERVICE",
        "CERTIFICATE_WEBHOOK_CONFIGURATION",
        "LISTEN_ADDRESS",
        "TELEMETRY_LISTEN_ADDRESS",
        "TLS_CERT_FILE",
        "TLS_PRIVATE_KEY_FILE",
    )
)


class Change(NamedTuple):
    """An object that was changed: what it was, and the operations, with paths from the object."""

    object: Object
    before: JSON
    operations: list[PatchOperation]


class Lookups(NamedTuple):
    """What mutations may ask; without a cluster nobody is asked about images, and the server's version is not known."""

    objects: ObjectLookup
    images: ImageLookup | None
    made: MadeObjects


class Outcome:
    """What became of the input: `faults` and `warnings` are lines for standard error.

    `others` are the objects without a pod, `taken` is what the pods have as variables of Secrets and ConfigMaps, `made`
    the objects that the webhook would make in the cluster.
    """

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.objects: list[Object] = []
        self.others: list[Object] = []
        self.taken: set[Taken] = set()
        self.changes: list[Change] = []
        self.made: list[JSON] = []
        self.faults: list[str] = []
        self.warnings: list[str] = []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "-f", "--filename", action="append", required=True, metavar="FILE", help="manifests in YAML or JSON; - is standard input; may be repeated"
    )  # fmt: skip
    parser.add_argument("-n", "--namespace", default="default", help="namespace of objects that name none (default: default)")  # fmt: skip
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--diff", action="store_true", help="show what changes, as a unified diff")
    shown.add_argument("--patch", action="store_true", help="show a JSON Patch for each object that changes")
    parser.add_argument("-o", "--output", choices=WRITERS, default="yaml", help="format of what is printed (default: yaml)")  # fmt: skip
    parser.add_argument(
        "--cluster", action="store_true", help="read Secrets and ConfigMaps that are not in the input from the cluster of KUBECONFIG, and commands that are not from the images' registries"
    )  # fmt: skip
    add_settings(parser, SERVING)


def run(options: argparse.Namespace) -> int:
    """Mutate the files and print the result; returns the exit code."""
    settings = read_settings(options, os.environ, SERVING)
    outcome = Outcome()
    for name in options.filename:
        read_file(name, outcome)
    asyncio.run(mutate_objects(outcome, options.namespace, settings, asks_cluster=options.cluster))
    for label, lines in (("warning", outcome.warnings), ("error", outcome.faults)):
        sys.stderr.writelines(f"{label}: {line}\n" for line in lines)
    if outcome.faults:
        return FAILED
    write = WRITERS[options.output]
    if options.diff:
        text = show_differences(outcome, write)
        text = colour_difference(text) if shows_colours(sys.stdout) else text
    elif options.patch:
        text = join_documents([write(show_patch(change)) for change in outcome.changes], options.output)
    else:
        changed = {id(change.object.document) for change in outcome.changes}
        parts = [show_document(one, options.output, is_changed=id(one) in changed) for one in outcome.documents]
        parts += map(write, outcome.made)
        text = join_documents([part for part in parts if part], options.output)
    sys.stdout.write(text)
    return 0


def read_file(name: str, outcome: Outcome) -> None:
    """Read the documents and objects of a file."""
    shown = "standard input" if name == STDIN else name
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        outcome.faults.append(f"{shown}: {error.strerror}")
        return
    reading = read_documents(shown, data)
    outcome.faults += map(str, reading.faults)
    outcome.documents += reading.documents
    for document in reading.documents:
        try:
            outcome.objects += list_objects(document)
        except InvalidManifest as error:
            outcome.faults.append(str(error))


async def mutate_objects(outcome: Outcome, namespace: str, settings: Settings, *, asks_cluster: bool) -> None:
    """Mutate all objects in place. What goes wrong becomes a fault of the outcome."""
    log = Log("error")
    async with contextlib.AsyncExitStack() as stack:
        cluster, images, versions = None, None, None
        if asks_cluster:
            opened = await stack.enter_async_context(open_cluster(settings, log))
            cluster, versions = opened.lookup, open_pod_cluster(opened, log)
            images = await stack.enter_async_context(open_images(settings, cluster, lambda *_: None))
        made = MadeObjects(versions)
        try:
            lookup = InputLookup(outcome.objects, namespace, outcome.warnings.append, cluster)
        except InvalidManifest as error:
            outcome.faults.append(str(error))
            return
        for one in outcome.objects:
            try:
                await mutate_object(one, one.namespace or namespace, settings, Lookups(lookup, images, made), outcome)
            except InvalidManifest as error:
                outcome.faults.append(str(error))
            except Refused as error:
                outcome.faults += [f"{one.place()}: {fault}" for fault in NEXT_FAULT.split(str(error))]
            except KubernetesError as error:
                outcome.faults.append(f"{one.place()}: {error}")
                return
        outcome.made = made.objects
    for one in outcome.others:
        if sentence := find_kept_references(one, one.namespace or namespace, outcome.taken):
            outcome.warnings.append(f"{one.place()}: {sentence}")


async def mutate_object(one: Object, namespace: str, settings: Settings, lookups: Lookups, outcome: Outcome) -> None:
    """Mutate the pod of an object, if it has one. Raises InvalidManifest, Refused and KubernetesError."""
    template = find_template(one)
    if template is None:
        outcome.others.append(one)
        return
    check_texts(one, template)
    pod = msgspec.json.encode({**template.value, "apiVersion": "v1", "kind": "Pod"})
    outcome.taken.update(list_taken(decode_pod(pod), namespace))
    mutation = await mutate_pod(pod, namespace, settings, lookups.objects, lookups.images, cluster=lookups.made)
    warnings = [*find_misplaced_annotations(one), *mutation.warnings]
    outcome.warnings += [f"{one.place()}: {warning}" for warning in warnings]
    if mutation.patch:
        before = deepcopy(one.value)
        operations = [
            msgspec.structs.replace(operation, path=template.pointer + operation.path) for operation in mutation.patch
        ]
        apply_patch(one.value, operations)
        outcome.changes.append(Change(one, before, operations))


def check_texts(one: Object, template: Template) -> None:
    """Raise InvalidManifest naming the annotations and labels of a pod that YAML takes for something else than text."""
    path = tuple(template.pointer.split("/")[1:])
    wrong = [
        f"{field.removesuffix('s')} {key} must be text, and is {describe(value)}: quote it"
        for field in ("annotations", "labels")
        for key, value in find_metadata(one, template.value, field, path).items()
        if not isinstance(value, str)
    ]
    if wrong:
        raise InvalidManifest(f"{one.place()}: {'; '.join(wrong)}")


def show_differences(outcome: Outcome, write: Callable[[JSON], str]) -> str:
    changed = [
        write_difference(write(change.before), write(change.object.value), change.object.place())
        for change in outcome.changes
    ]
    return "".join([*changed, *(write_difference("", write(one), "an agent's ConfigMap") for one in outcome.made)])


def show_patch(change: Change) -> JSON:
    """Give the patch with what kubectl needs to apply it: `kubectl patch KIND NAME --type=json -p PATCH`."""
    one = change.object
    metadata: dict[str, JSON] = {"name": one.name}
    if one.namespace:
        metadata["namespace"] = one.namespace
    operations = [msgspec.to_builtins(operation) for operation in change.operations]
    return {"apiVersion": one.api_version, "kind": one.kind, "metadata": metadata, "patch": operations}


def show_document(document: Document, output: str, *, is_changed: bool) -> str:
    """Write a document; one that did not change and is in the wanted format stays as it was written."""
    if output == "yaml" and not document.is_json and not is_changed:
        return document.text if document.text.endswith("\n") else document.text + "\n"
    return "" if document.value is None else WRITERS[output](document.value)


def join_documents(parts: Sequence[str], output: str) -> str:
    return ("---\n" if output == "yaml" else "").join(parts)


def write_json(value: JSON) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


WRITERS: dict[str, Callable[[JSON], str]] = {"yaml": write_yaml, "json": write_json}
