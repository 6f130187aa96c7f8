"""Reviews as a real kube-apiserver sends them: each file of `reviews/` is one, found by itself.

`make capture-reviews` records them. The webhook that answers is the real process.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import report_missing
from tests.fakes.surroundings import Reviewed
from tests.fakes.verdict import Judged, find_path, judge, repeat
from tests.golden.reviews.capture import FOLDER, RECORDED, capture
from tests.golden.reviews.steps import STEPS
from tests.servers.errors import ServerMissing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer

CANARY = "canary-of-captured-reviews"
REVIEWS = sorted(FOLDER.glob("*.json"))
TOKEN = re.compile(r"eyJ[\w-]+\.eyJ")  # how a token of a ServiceAccount begins
# What is let through as it is.
UNCHANGED = {
    *("pod-create", "pod-create-skipped", "pod-create-windows"),
    *("pod-update", "pod-status", "pod-ephemeral-container", "pod-binding", "pod-exec", "pod-eviction", "pod-delete"),
    *("secret-create-plain", "secret-delete", "config-map-create-plain", "config-map-delete"),
    *("custom-status", "custom-delete"),
    *("secret-create-dry-run", "custom-create-dry-run"),  # nothing is asked of Vault then
}
REFUSED = {"pod-create-refused"}


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    with Reviewed(tmp_path_factory.mktemp("reviewed"), CANARY) as running:
        yield running


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.stem)
def test_review(reviewed: Reviewed, path: Path) -> None:
    review, name = load(path), path.stem.removesuffix("-v1beta1")
    judged = judge(review, *reviewed.post(find_path(review), path.read_bytes()), CANARY)
    assert judged.faults == []
    assert judged.is_allowed == (name not in REFUSED)
    assert (judged.result is not None) == (name not in UNCHANGED | REFUSED)
    if judged.result is not None:
        again = repeat(review, judged.result)
        second = judge(again, *reviewed.post(find_path(review), json.dumps(again).encode()), CANARY)
        assert second == Judged([], None, is_allowed=True), "a second pass changes something"


def test_the_canary_is_nowhere_to_be_read(reviewed: Reviewed) -> None:
    for path in REVIEWS:
        reviewed.post(find_path(load(path)), path.read_bytes())
    assert reviewed.surroundings.server.asked  # what holds the canary was read
    assert b"msg" in reviewed.process.log_file.read_bytes()
    assert CANARY.encode() not in reviewed.process.log_file.read_bytes()
    assert CANARY.encode() not in reviewed.read("/metrics")


def test_the_api_server_still_sends_these(api_server: ApiServer, tmp_path: Path) -> None:
    version = api_server.act("GET", "/version")["gitVersion"]
    if version != RECORDED:
        wanted = (
            f"Kubernetes {RECORDED}, which the reviews are recorded with; this is {version}: run make capture-reviews"
        )
        report_missing(ServerMissing(wanted))
    assert capture(api_server, tmp_path) == {path.stem: path.read_text() for path in REVIEWS}


def test_nothing_stale() -> None:
    expected = {step.name for step in STEPS} | {f"{step.name}-v1beta1" for step in STEPS if step.is_old}
    assert {path.stem for path in REVIEWS} == expected


def test_nothing_secret_was_captured() -> None:
    for path in REVIEWS:
        text = path.read_text()
        assert not TOKEN.search(text), path.name
        assert "PRIVATE KEY" not in text, path.name
