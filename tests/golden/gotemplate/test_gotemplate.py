"""Our templates against Go's: the same bytes, and the same words for each error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import report_missing
from tests.golden.gotemplate.files import list_areas, read_answers, read_cases, read_lines
from tests.golden.gotemplate.ours import render_case
from tests.servers.errors import ServerMissing
from tests.servers.template_oracle import ask, find_or_build_oracle, read_versions
from vault_secrets_webhook.gotemplate.time.location import LOCAL

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the local zone be that of the program in Go; who asked for it first in this process may have had another."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(LOCAL, "loaded", None)


@pytest.mark.parametrize("area", list_areas())
def test_same_as_go(area: str) -> None:
    """All cases of an area are one test: a test of its own costs several times what a case does."""
    pairs = zip(read_cases(area), read_answers(area)[1], strict=False)
    wrong = {case["id"]: (ours, answer) for case, answer in pairs if (ours := render_case(case)) != answer}
    assert wrong == {}  # ours, and Go's


@pytest.mark.parametrize("area", list_areas())
def test_every_case_has_its_answer(area: str) -> None:
    """A case that was added needs `make template-cases`; identities are unique, so that a failure names one case."""
    cases, (_, answers) = read_cases(area), read_answers(area)
    assert [case["id"] for case in cases] == [answer["id"] for answer in answers]
    assert len({case["id"] for case in cases}) == len(cases)
    assert all(case["id"].startswith(f"{area}/") for case in cases)


def test_table_is_large() -> None:
    assert sum(len(read_cases(area)) for area in list_areas()) >= 7_500


@pytest.fixture(scope="module")
def oracle() -> Path:
    try:
        return find_or_build_oracle()
    except ServerMissing as error:
        report_missing(error)


@pytest.mark.servers
@pytest.mark.parametrize("area", list_areas())
def test_answers_are_those_of_real_go(oracle: Path, area: str) -> None:
    """What is committed is what Go says today; it fails when the pinned releases changed without `make template-cases`."""
    assert read_answers(area) == (read_versions(oracle), ask(oracle, read_lines(area)))
