"""Strings: what they may cost, and Python's own functions as a second opinion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT, Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import strings, wrapping
from vault_secrets_webhook.gotemplate.sprig.text import make_text, make_texts
from vault_secrets_webhook.gotemplate.values import SLICE_OF_STRING, JsonNumber, Slice, Uint8, find_type, type_of

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = b"a " * (OUTPUT_LIMIT // 4)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda budget: strings.repeat(budget, OUTPUT_LIMIT + 1, b"a"), id="repeat"),
        pytest.param(lambda budget: strings.repeat(budget, 1 << 62, b"a"), id="repeat-more-than-go-could"),
        pytest.param(lambda budget: strings.replace(budget, b"a", LONG, b"aaa"), id="replace"),
        pytest.param(lambda budget: strings.replace(budget, b"", LONG, b"aaa"), id="replace-nothing"),
        pytest.param(lambda budget: strings.quote(budget, *[LONG] * 4), id="quote"),
        pytest.param(lambda budget: strings.squote(budget, *[LONG] * 4), id="squote"),
        pytest.param(lambda budget: strings.cat(budget, *[LONG] * 4), id="cat"),
        pytest.param(lambda budget: wrapping.indent(budget, OUTPUT_LIMIT, b"a"), id="indent"),
        pytest.param(lambda budget: wrapping.nindent(budget, OUTPUT_LIMIT // 2, b"a\nb\n"), id="nindent"),
        pytest.param(lambda budget: wrapping.wrap_with(budget, 1, LONG, b"abcd"), id="wrapWith"),
    ],
)
def test_large_results_are_not_made(call: Callable[[Budget], bytes]) -> None:
    with pytest.raises(LimitError, match="the result would be larger than 16 MiB"):
        call(Budget())


def test_all_results_count() -> None:
    budget = Budget(memory=1_000)
    for _ in range(9):
        strings.repeat(budget, 100, b"a")
    with pytest.raises(LimitError, match="of values"):
        strings.repeat(budget, 101, b"a")


def test_lines_are_steps() -> None:
    with pytest.raises(LimitError, match="steps"):
        wrapping.wrap(Budget(steps=3), 1, b"a b c d e")


@pytest.mark.parametrize(
    ("call", "is_constant"),
    [
        pytest.param(lambda: strings.repeat(Budget(), -1, b"a"), True, id="repeat"),
        pytest.param(lambda: wrapping.indent(Budget(), -1, b"a"), True, id="indent"),
        pytest.param(lambda: strings.repeat(Budget(), 1 << 62, b"ab"), True, id="overflow"),
        pytest.param(lambda: strings.substr(5, 3, b"secret"), False, id="substr"),
    ],
)
def test_errors_that_say_something_of_arguments_are_marked(call: Callable[[], bytes], *, is_constant: bool) -> None:
    with pytest.raises(FunctionError) as caught:
        call()
    assert caught.value.is_constant is is_constant


@given(st.text(), st.text(max_size=3), st.text(max_size=3))
def test_replace_as_python_does(string: str, old: str, new: str) -> None:
    assert strings.replace(Budget(), old.encode(), new.encode(), string.encode()) == string.replace(old, new).encode()


@given(st.text("aé日", max_size=6), st.text("aé日b", max_size=9))
def test_trim_as_python_does(runes: str, string: str) -> None:
    assert strings.trim_all(runes.encode(), string.encode()) == string.strip(runes).encode()


def test_many_runes_are_cut_off_a_long_string() -> None:
    """Neither is looked through for each rune of the other: that would take hours."""
    for many in (bytes(range(128)) * (1 << 14), "".join(map(chr, range(0x4E00, 0x9FFF))).encode() * 32):
        assert strings.trim_all(many, many) == b""


@given(st.binary(), st.integers(-20, 20))
def test_trunc_keeps_an_end(string: bytes, size: int) -> None:
    kept = strings.trunc(size, string)
    assert len(kept) == min(abs(size), len(string))
    assert string.startswith(kept) if size >= 0 else string.endswith(kept)


@given(st.binary(max_size=20), st.integers(0, 12))
def test_wrapping_changes_spaces_alone(string: bytes, width: int) -> None:
    def without_gaps(text: bytes) -> bytes:
        return text.translate(None, b" \n")

    assert without_gaps(wrapping.wrap(Budget(), width, string)) == without_gaps(string)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(b"a", b"a", id="string"),
        pytest.param(JsonNumber(b"1.50"), b"1.50", id="json-number"),
        pytest.param(Slice(find_type("[]uint8"), map(Uint8, b"abc")), b"abc", id="bytes"),
        pytest.param(None, b"<nil>", id="nil"),
        pytest.param([1, b"a"], b"[1 a]", id="list"),
    ],
)
def test_text_of_values(value: object, text: bytes) -> None:
    made = make_text(Budget(), value)
    assert made == text
    assert type(made) is bytes


def test_texts_of_a_string_list_are_the_list() -> None:
    texts = Slice(SLICE_OF_STRING, (b"a",))
    assert make_texts(Budget(), texts) is texts
    assert type_of(make_texts(Budget(), [1])) is SLICE_OF_STRING


def test_one_list_many_times_counts_each_time() -> None:
    inner = [b"a" * 100]
    with pytest.raises(LimitError):
        make_texts(Budget(memory=900), [inner] * 9)
