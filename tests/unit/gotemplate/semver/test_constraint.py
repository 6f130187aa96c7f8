"""Constraints on versions: how the longest texts are read, and what `printf` sees of a version."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.fmt.layout import find_layout
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.semver import VersionPointer, holds, parse_constraints, parse_version
from vault_secrets_webhook.gotemplate.semver.version import Version, compare_prereleases

NUMBERS = st.tuples(*[st.integers(0, 3)] * 3)
WORDS = st.lists(st.sampled_from([b"1", b"2", b"10", b"a", b"b", b"a-b"]), max_size=3).map(b".".join)
VERSIONS = st.builds(Version, NUMBERS, WORDS)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_versions_are_in_an_order(one: Version, two: Version, three: Version) -> None:
    assert one.compare(two) == -two.compare(one)
    if one.compare(two) <= 0 and two.compare(three) <= 0:
        assert one.compare(three) <= 0


@given(VERSIONS)
def test_what_is_written_is_read_again(version: Version) -> None:
    assert parse_version(version.write()).compare(version) == 0


@given(VERSIONS, VERSIONS)
def test_exact_constraints_are_comparisons(version: Version, other: Version) -> None:
    order = version.compare(other)
    visible = not version.prerelease or bool(other.prerelease)
    for operator, expected in ((b"=", order == 0), (b">", order > 0), (b"<", order < 0), (b">=", order >= 0)):
        ((constraint,),) = parse_constraints(Budget(), operator + other.write())
        assert holds(constraint.operator, version, constraint.pattern) is (expected and visible)


@given(st.binary() | st.text(alphabet="=!<>~^ ,|-vxX*0123456789.ab+").map(str.encode))
def test_texts_raise_our_error_alone(text: bytes) -> None:
    with suppress(FunctionError):
        assert all(parse_constraints(Budget(), text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"1 " * 1_000_000, id="constraints"),
        pytest.param(b"1 - 2 " * 300_000, id="ranges"),
        pytest.param(b"1 - 2||" * 300_000, id="alternatives"),
        pytest.param(b"1." * 30_000 + b" - 2", id="what is nearly a version"),
        pytest.param(b"a - " * 500_000, id="hyphens"),
    ],
)
def test_long_texts_cost_steps(text: bytes) -> None:
    with pytest.raises(LimitError, match="steps"):
        parse_constraints(Budget(steps=100_000), text)


def test_words_that_are_missing_are_empty() -> None:
    """No version that is read has empty words, but `SetPrerelease` takes them."""
    assert [compare_prereleases(b"a.", other) for other in (b"a", b"a..", b"a.0")] == [0, 0, -1]


def test_fields_for_printf() -> None:
    pointer = VersionPointer(parse_version(b"v1.2.3-b+m"))
    fields = {"major": 1, "minor": 2, "patch": 3, "pre": b"b", "metadata": b"m", "original": b"v1.2.3-b+m"}
    layout = find_layout(pointer)
    assert layout == fields
    assert [type(layout[name]).__name__ for name in fields] == ["Uint64"] * 3 + ["bytes"] * 3
