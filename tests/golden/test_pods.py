"""Whole pods: each folder of `pods/` is a case, found by itself.

    pod.yaml        the pod as it comes
    settings.yaml   (optional) the environment of the webhook
    objects.yaml    (optional) `secrets` and `configMaps` of the namespace: name -> key -> text
    images.yaml     (optional) name of an image -> `entrypoint` and `cmd`, or `error`; without it no image is looked into
    expected.yaml   what comes out: either `refused` with code, reason and message,
                    or `reason`, `injected`, `warnings`, the `patch`, and the `mutated` pod when there is a patch;
                    `configMaps` are those that were made

`UPDATE_GOLDEN=1 pytest tests/golden` writes `expected.yaml` anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.fakes.cluster import FakeCluster, apply, mutate
from tests.fakes.registry import FakeImages
from vault_secrets_webhook.errors import Refused

CASES = Path(__file__).parent / "pods"
INPUTS = {"pod.yaml", "settings.yaml", "objects.yaml", "images.yaml"}
EXPECTED = "expected.yaml"
IS_UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


class Dumper(yaml.SafeDumper):
    """Writes every value out, and texts of several lines as such."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def represent_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, represent_text)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def build_cluster(objects: dict[str, Any]) -> FakeCluster:
    secrets = {
        name: {key: text.encode() for key, text in data.items()} for name, data in objects.get("secrets", {}).items()
    }
    return FakeCluster(secrets=secrets, config_maps=objects.get("configMaps", {}))


def run_case(case: Path) -> dict[str, Any]:
    """Give what the case's pod comes to, in the form of `expected.yaml`."""
    pod, settings = load(case / "pod.yaml"), load(case / "settings.yaml")
    cluster = build_cluster(load(case / "objects.yaml"))
    images = FakeImages(load(case / "images.yaml")) if (case / "images.yaml").exists() else None
    try:
        mutation = mutate(pod, cluster, settings, images)
    except Refused as refusal:
        return {"refused": {"code": refusal.code, "reason": refusal.reason, "message": str(refusal)}}
    answer: dict[str, Any] = msgspec.to_builtins(mutation)
    del answer["name"]  # which is that of the pod beside it
    if not answer["unread"]:
        del answer["unread"]
    if cluster.written:
        answer["configMaps"] = [{"namespace": namespace, **one._asdict()} for namespace, one in cluster.written]
    if not mutation.patch:
        return answer
    mutated = apply(pod, mutation)
    again = mutate(mutated, cluster, settings)
    assert again.patch == [], "a second pass changes the pod"
    return {**answer, "mutated": mutated}


def list_cases() -> list[Path]:
    return sorted(path for path in CASES.iterdir() if path.is_dir())


@pytest.mark.parametrize("case", list_cases(), ids=lambda case: case.name)
def test_pod(case: Path) -> None:
    result = run_case(case)
    if IS_UPDATE:
        text = yaml.dump(result, Dumper=Dumper, sort_keys=False, width=120, allow_unicode=True)
        (case / EXPECTED).write_text(text)
    assert result == load(case / EXPECTED)


def test_no_stray_files() -> None:
    stray = [path for path in CASES.iterdir() if not path.is_dir()]
    for case in list_cases():
        present = {path.name for path in case.iterdir()}
        stray += [case / name for name in present - INPUTS - {EXPECTED}]
        assert {"pod.yaml", EXPECTED} <= present, f"{case.name} is not complete"
    assert stray == []


def test_cases_were_found() -> None:
    assert len(list_cases()) >= 10
