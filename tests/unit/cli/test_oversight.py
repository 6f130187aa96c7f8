"""What `mutate` warns about though the webhook would not: references that stay, annotations that nobody reads."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Run

REFERENCE = "vault:secret/data/db#password"
ENCODED = base64.b64encode(REFERENCE.encode()).decode()
PREFIX = "vault.security.banzaicloud.io/"
Document = dict[str, Any]


def make_pod(*env: Any, env_from: Any = (), init: bool = False, **metadata: Any) -> Document:
    container = {"name": "app", "image": "x", "command": ["run"], "env": list(env), "envFrom": list(env_from)}
    spec = {"initContainers" if init else "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", **metadata}, "spec": spec}


def make_source(kind: str, data: Any, name: str = "s", field: str = "data") -> Document:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: data}


def take_key(kind: str, key: str) -> Document:
    return {"name": "V", "valueFrom": {f"{kind}KeyRef": {"name": "s", "key": key}}}


def warn(run: Run, tmp_path: Path, *documents: Document) -> list[str]:
    """Mutate documents; gives the warnings, without the name of the file."""
    path = tmp_path / "x.json"
    path.write_text("".join(map(json.dumps, documents)))
    code, output, errors = run("mutate", "-f", path)
    assert (code, bool(output)) == (0, True)
    return [line.removeprefix(f"warning: {path}, document ") for line in errors.splitlines()]


VALUES = "and values are put in by the webhook, if it is asked about the object"
UNTAKEN = f"which stays: no container of the input takes it, {VALUES}"
ROLLOUT = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "app", "namespace": "shop"},
    "spec": {"template": {"spec": make_pod({"name": "P", "value": REFERENCE})["spec"]}},
}
KEPT: dict[str, tuple[list[Document], list[str]]] = {
    "Secret": (
        [make_source("Secret", {"A": "eA==", "P": ENCODED})],
        [f"1, Secret s: data.P holds a reference, {UNTAKEN}"],
    ),
    "stringData of a Secret": (
        [make_source("Secret", {"P": f"x ${{{REFERENCE}}}"}, field="stringData")],
        [f"1, Secret s: data.P holds a reference, {UNTAKEN}"],
    ),
    "ConfigMap": (
        [make_source("ConfigMap", {"P": REFERENCE, "Q": REFERENCE, "R": "x"})],
        [f"1, ConfigMap s: data.P (and 1 more) holds a reference, {UNTAKEN}"],
    ),
    "kind with pods that are not known": (
        [ROLLOUT],
        [
            f"1, Rollout shop/app: spec.template.spec.containers[0].env[0].value holds a reference, which stays: a Rollout has no pod that is known here, {VALUES}",
        ],
    ),
    "OpenBao": (
        [make_source("ConfigMap", {"P": "bao:secret/data/a#b"})],
        [f"1, ConfigMap s: data.P holds a reference, {UNTAKEN}"],
    ),
    "in a List": (
        [{"apiVersion": "v1", "kind": "List", "items": [make_source("ConfigMap", {"P": REFERENCE})]}],
        [f"1, ConfigMap s: data.P holds a reference, {UNTAKEN}"],
    ),
    "annotation of another object": (
        [{"apiVersion": "v1", "kind": "Service", "metadata": {"annotations": {"a/b": REFERENCE}}}],
        [
            f"1, Service (no name): metadata.annotations.a/b holds a reference, which stays: a Service has no pod that is known here, {VALUES}",
        ],
    ),
    "kind called like one of the core": (
        [{**make_source("Secret", {"P": REFERENCE}), "apiVersion": "x/v1"}],
        [
            f"1, Secret s: data.P holds a reference, which stays: a Secret has no pod that is known here, {VALUES}",
        ],
    ),
    "another key of it is taken": (
        [make_source("Secret", {"P": ENCODED, "Q": "eA=="}), make_pod(take_key("secret", "Q"))],
        [f"1, Secret s: data.P holds a reference, {UNTAKEN}"],
    ),
    "one of the same name is taken": (
        [
            make_source("ConfigMap", {"P": REFERENCE}),
            make_pod(take_key("secret", "P")),
            make_source("Secret", {"P": ""}),
        ],
        [f"1, ConfigMap s: data.P holds a reference, {UNTAKEN}"],
    ),
    "taken in another namespace": (
        [
            make_source("ConfigMap", {"P": REFERENCE}),
            make_pod(take_key("configMap", "P"), namespace="shop"),
            {**make_source("ConfigMap", {"P": ""}), "metadata": {"name": "s", "namespace": "shop"}},
        ],
        [f"1, ConfigMap s: data.P holds a reference, {UNTAKEN}"],
    ),
    "nothing": ([make_source("Secret", {"P": "eA=="}), make_source("ConfigMap", {"P": "vault"}), make_pod()], []),
    "copy that kubectl keeps": (
        [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": f"${{{REFERENCE}}}"}},
            }
        ],
        [],
    ),
    "all of it is taken": (
        [make_source("Secret", {"P": ENCODED}), make_pod(env_from=[{"secretRef": {"name": "s"}}])],
        [],
    ),
    "the key is taken": ([make_source("ConfigMap", {"P": REFERENCE}), make_pod(take_key("configMap", "P"))], []),
    "taken by an init container": (
        [make_source("ConfigMap", {"P": REFERENCE}), make_pod(take_key("configMap", "P"), init=True)],
        [],
    ),
    "taken by a container that is changed anyway": (
        [
            make_source("ConfigMap", {"P": REFERENCE}),
            make_pod({"name": "Q", "value": REFERENCE}, take_key("configMap", "P")),
        ],
        [],
    ),
}


@pytest.mark.parametrize(("documents", "expected"), KEPT.values(), ids=KEPT)
def test_references_that_stay(run: Run, tmp_path: Path, documents: list[Document], expected: list[str]) -> None:
    assert warn(run, tmp_path, *documents) == expected


def test_values_are_not_shown(run: Run, tmp_path: Path, canary: str) -> None:
    documents = [make_source("Secret", {"P": f"vault:{canary}#x"}, field="stringData"), ROLLOUT]
    warnings = warn(run, tmp_path, *documents)
    assert len(warnings) == 2
    assert canary not in "".join(warnings)


def annotate(**annotations: str) -> Document:
    return {"annotations": {PREFIX + key: value for key, value in annotations.items()}}


def make_deployment(above: Document, below: Document) -> Document:
    template = {"metadata": below, "spec": make_pod()["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", **above},
        "spec": {"template": template},
    }


def make_cron_job(outer: Document, middle: Document) -> Document:
    job = {"metadata": middle, "spec": {"template": {"spec": make_pod()["spec"]}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "app", **outer},
        "spec": {"jobTemplate": job},
    }


IN_TEMPLATE = "it belongs into spec.template.metadata.annotations"
IN_JOB = "it belongs into spec.jobTemplate.spec.template.metadata.annotations"
ANNOTATIONS: dict[str, tuple[Document, list[str]]] = {
    "on the workload": (
        make_deployment(annotate(mutate="skip", role="x"), {}),
        [
            f"annotation {PREFIX}mutate stands on the Deployment and has no effect there: {IN_TEMPLATE}",
            f"annotation {PREFIX}role stands on the Deployment and has no effect there: {IN_TEMPLATE}",
        ],
    ),
    "on the template": (make_deployment({}, annotate(mutate="skip")), []),
    "on both": (make_deployment(annotate(mutate="skip"), annotate(mutate="skip")), []),
    "another one on the template": (
        make_deployment(annotate(mutate="skip"), {"annotations": {PREFIX + "vault-role": "x"}}),
        [f"annotation {PREFIX}mutate stands on the Deployment and has no effect there: {IN_TEMPLATE}"],
    ),
    "of others": (make_deployment({"annotations": {"deployment.kubernetes.io/revision": "1"}}, {}), []),
    "on the job of a CronJob": (
        make_cron_job(annotate(role="x"), annotate(mutate="skip")),
        [
            f"annotation {PREFIX}role stands on the CronJob and has no effect there: {IN_JOB}",
            f"annotation {PREFIX}mutate stands on spec.jobTemplate and has no effect there: {IN_JOB}",
        ],
    ),
    "on a Pod": ({**make_pod(), "metadata": annotate(mutate="skip")}, []),
}


@pytest.mark.parametrize(("document", "expected"), ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_annotations_where_nobody_reads_them(run: Run, tmp_path: Path, document: Document, expected: list[str]) -> None:
    shown = [line.partition(": ")[2] for line in warn(run, tmp_path, document)]
    assert shown == expected
