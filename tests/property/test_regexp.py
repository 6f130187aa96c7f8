"""Regular expressions: any pattern is compiled or refused in Go's words, and what is found holds together.

Where Python's `re` means the same (ASCII, no loops over what may be empty), it must find the same.
"""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import Budget
from vault_secrets_webhook.gotemplate.regexp import PatternError, compile_pattern, quote_meta

TEXTS = st.one_of(st.text("abcA1 _\n-éſ", max_size=20).map(str.encode), st.binary(max_size=12))
ASCII_TEXTS = st.text("abcA1 _\n-", max_size=24).map(str.encode)
ATOMS = st.sampled_from(["a", "b", "ab", "[ab]", "[^a]", ".", r"\d", r"\w", r"\s", r"\W", "(?i:a)", "[a-c1]", " ", "-"])
ASSERTIONS = st.sampled_from([r"\b", r"\B", "^", r"\A", "(?m:^)", "(?m:$)"])
LOOPS = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}"])


def extend(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        patterns.map("({})".format),
        st.lists(patterns, min_size=1, max_size=3).map("".join),
        st.lists(patterns, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.builds("{}{}{}".format, ASSERTIONS, patterns, ASSERTIONS),
    )


PATTERNS = st.recursive(st.one_of(ATOMS, st.builds("{}{}".format, ATOMS, LOOPS)), extend, max_leaves=6)
ANY_PATTERNS = st.one_of(
    PATTERNS.map(str.encode),
    st.text(r"ab()[]{}*+?|\^$.-,:<>P=!pLdQExé12", max_size=10).map(str.encode),
    st.binary(max_size=8),
)


@given(ANY_PATTERNS, TEXTS, st.integers(-1, 3))
def test_what_is_found_holds_together(pattern: bytes, text: bytes, limit: int) -> None:
    with suppress(PatternError):
        regexp = compile_pattern(pattern)
        first = regexp.find(Budget(), text)
        found = regexp.find_all(Budget(), text, limit)
        assert regexp.match(Budget(), text) == (first is not None)
        assert found[:1] == ([] if first is None or limit == 0 else [first])
        assert regexp.find_all(Budget(), text)[: len(found)] == found


@given(ANY_PATTERNS, TEXTS)
def test_replacing_a_match_by_itself_changes_nothing(pattern: bytes, text: bytes) -> None:
    with suppress(PatternError):
        assert compile_pattern(pattern).replace_all(Budget(), text, b"$0") == text


@given(ANY_PATTERNS, TEXTS)
def test_all_captures_are_those_of_a_group_around(pattern: bytes, text: bytes) -> None:
    with suppress(PatternError):
        plain = compile_pattern(pattern).replace_all(Budget(), text, b"<$0>")
        assert compile_pattern(b"(?P<whole>" + pattern + b")").replace_all(Budget(), text, b"<${whole}>") == plain


@given(PATTERNS, ASCII_TEXTS.filter(bool))
def test_same_as_python(pattern: str, text: bytes) -> None:
    """The texts are not empty, for there `re` of Python 3.11 finds no ``\\B``."""
    expected = re.compile(pattern.encode()).search(text)
    assert compile_pattern(pattern.encode()).find(Budget(), text) == (expected and expected[0])
    # With all that is around the first match, there is one to replace: by its captures.
    around = compile_pattern(rb"\A(?s:.*?)(?:" + pattern.encode() + rb")(?s:.*)\z")
    if expected:
        count = len(expected.groups())
        captures = around.replace_all(Budget(), text, b"|".join(b"${%d}" % group for group in range(1, count + 1)))
        assert captures == b"|".join(expected.groups(b""))
    else:
        assert not around.match(Budget(), text)


@given(st.lists(st.text("abc", min_size=1, max_size=4), max_size=6), st.sampled_from(["-", "-+", "[,-]", "(?:--?)"]))
def test_split_is_undone_by_join(words: list[str], pattern: str) -> None:
    text = "-".join(words).encode()
    assert compile_pattern(pattern.encode()).split(Budget(), text) == [word.encode() for word in words or [""]]


@given(st.text(max_size=12), st.text(max_size=6), st.text(max_size=6))
def test_quoted_text_matches_itself(text: str, before: str, after: str) -> None:
    pattern = quote_meta(text.encode())
    assert compile_pattern(pattern).find(Budget(), (before + text + after).encode()) == text.encode()
    assert compile_pattern(b"^(?:" + pattern + b")$").match(Budget(), text.encode())


@given(ASCII_TEXTS, ASCII_TEXTS)
def test_case_is_ignored(word: bytes, text: bytes) -> None:
    regexp = compile_pattern(b"(?i)" + quote_meta(word))
    assert regexp.match(Budget(), text) == regexp.match(Budget(), text.swapcase()) == (word.lower() in text.lower())


@pytest.mark.parametrize("wrap", [b"(?:%s)", b"(?:%s){1}", b"(?:%s)|[^\\x00-\\x{10FFFF}]"])
@given(pattern=PATTERNS, text=TEXTS)
def test_equal_patterns_find_the_same(wrap: bytes, pattern: str, text: bytes) -> None:
    wrapped = compile_pattern(wrap % pattern.encode())
    assert wrapped.find_all(Budget(), text) == compile_pattern(pattern.encode()).find_all(Budget(), text)
