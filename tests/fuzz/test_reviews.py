"""Some random reviews on every run of the tests; `make fuzz-reviews` sends many more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz.reviews import SETTINGS, check_numbers

if TYPE_CHECKING:
    from pathlib import Path

COUNT, SEED = 600, 6


@pytest.mark.parametrize("index", range(len(SETTINGS)))
def test_random_reviews(index: int, tmp_path: Path) -> None:
    faults, ends = check_numbers(SEED, range(index, COUNT, len(SETTINGS)), SETTINGS[index], tmp_path)
    assert [fault.show() for fault in faults] == []
    assert {"patched", "refused", "allowed"} <= set(ends)  # what is never patched is no test of patches
