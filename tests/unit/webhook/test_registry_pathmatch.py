"""Patterns of Go's `path.Match`. The cases are those of Go's documentation, and of `path/match_test.go` by their meaning."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.webhook.registry.pathmatch import match, parse

CASES = [
    ("abc", "abc", True),
    ("abc", "ab", False),
    ("ab", "abc", False),
    ("", "", True),
    ("", "a", False),
    ("*", "", True),
    ("*", "abc", True),
    ("*c", "abc", True),
    ("a*", "a", True),
    ("a*", "ab/c", False),
    ("a*b*c*d", "aXbXcXd", True),
    ("a*b*c*d", "aXbXdXc", False),
    ("a*/b", "a/c/b", False),
    ("ab[c]", "abc", True),
    ("ab[b-d]", "abc", True),
    ("ab[e-g]", "abc", False),
    ("ab[^c]", "abc", False),
    ("ab[^b-d]", "abx", True),
    ("ab[^b-d]", "abc", False),
    ("[!a]", "!", True),  # no negation, unlike in a shell
    ("[!a]", "a", True),
    ("[!a]", "b", False),
    ("a?b", "axb", True),
    ("a?b", "a/b", False),
    ("a?b", "ab", False),
    ("a[^a]b", "axb", True),
    ("a\\*b", "a*b", True),
    ("a\\*b", "axb", False),
    ("[a-\N{GREEK SMALL LETTER ZETA}]*", "\N{GREEK SMALL LETTER BETA}", True),
    ("[\\]a]", "]", True),
    ("[\\-]", "-", True),
    ("[x\\-]", "x", True),
    ("[x\\-]", "z", False),
    ("*x", "xxx", True),
]
MALFORMED = ["[", "[a", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[^]", "a\\", "[^a", "a[", "[a\\", "x" * 256]


@pytest.mark.parametrize(("pattern", "text", "expected"), CASES)
def test_match(pattern: str, text: str, expected: bool) -> None:
    assert match(pattern, text) is expected


@pytest.mark.parametrize("pattern", MALFORMED)
def test_what_is_malformed_matches_nothing(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"malformed|longer"):
        parse(pattern)
    assert not match(pattern, pattern)


@given(st.text(alphabet="ab*?/", max_size=8), st.text(alphabet="ab/", max_size=8))
def test_as_a_regular_expression_has_it(pattern: str, text: str) -> None:
    expression = "".join({"*": "[^/]*", "?": "[^/]"}.get(char, char) for char in pattern)
    assert match(pattern, text) is (re.fullmatch(expression, text) is not None)


@given(st.text(alphabet="ab[]^-\\*?!", max_size=10), st.text(alphabet="ab]^-!", max_size=4))
def test_whatever_is_written_is_an_answer(pattern: str, text: str) -> None:
    assert match(pattern, text) in {True, False}


def test_stars_take_no_time() -> None:
    assert not match("*a" * 120 + "b", "a" * 255)  # a regular expression would never be done with it
