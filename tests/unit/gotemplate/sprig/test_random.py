"""Random values: their form, that each character comes as often as another, and what a template may ask for."""

from __future__ import annotations

import base64
import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate import render
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import random

DIGITS, LOWER, UPPER = b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABETS = [
    pytest.param("randNumeric", DIGITS, id="digits"),
    pytest.param("randAlpha", LOWER + UPPER, id="letters"),
    pytest.param("randAlphaNum", DIGITS + LOWER + UPPER, id="both"),
    pytest.param("randAscii", bytes(range(32, 127)), id="visible"),
]


def call(name: str, *arguments: object) -> bytes:
    result = random.FUNCTIONS[name][1](Budget(), *arguments)
    assert isinstance(result, bytes)
    return result


@pytest.mark.parametrize(("name", "alphabet"), ALPHABETS)
def test_every_character_comes_as_often(name: str, alphabet: bytes) -> None:
    """With 1,000 of each expected, 7 standard deviations: one run in 10^10 would fail by chance."""
    counts = Counter(call(name, 1_000 * len(alphabet)))
    assert counts.keys() == set(alphabet)
    assert all(abs(count - 1_000) < 7 * 1_000**0.5 for count in counts.values())


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 1_000])
@pytest.mark.parametrize("name", ["randNumeric", "randAlpha", "randAlphaNum", "randAscii"])
def test_length(name: str, count: int) -> None:
    assert len(call(name, count)) == count


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_bytes(count: int) -> None:
    assert len(base64.b64decode(call("randBytes", count), validate=True)) == count


@pytest.mark.parametrize("name", ["randNumeric", "randAlpha", "randAlphaNum", "randAscii", "randBytes"])
def test_too_much(name: str) -> None:
    """Go would take that memory; the limit is ours."""
    with pytest.raises(LimitError, match="the result would be larger than 16 MiB"):
        call(name, 1 << 30)


@pytest.mark.parametrize("name", ["randNumeric", "randAlpha", "randAlphaNum", "randAscii", "randBytes"])
def test_no_two_are_the_same(name: str) -> None:
    assert call(name, 40) != call(name, 40)


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(1, (1 << 63) - 1))
def test_numbers_are_in_their_range(first: int, count: int) -> None:
    end = min(first + count, (1 << 63) - 1)
    if first < end:
        assert first <= random.choose_between(first, end) < end


def test_every_number_comes_as_often() -> None:
    counts = Counter(random.choose_between(-2, 5) for _ in range(7_000))
    assert counts.keys() == set(range(-2, 5))
    assert all(abs(count - 1_000) < 7 * 1_000**0.5 for count in counts.values())


@pytest.mark.parametrize("count", [0, -1])
def test_no_number(count: int) -> None:
    with pytest.raises(FunctionError, match=r"^invalid argument to Intn$"):
        random.choose_below(count)


@given(st.text(max_size=30))
def test_shuffled_has_the_same_characters(text: str) -> None:
    raw = text.encode("utf-8", "replace")
    assert sorted(call("shuffle", raw).decode()) == sorted(raw.decode())


def test_every_order_comes_as_often() -> None:
    counts = Counter(call("shuffle", b"abc") for _ in range(6_000))
    assert len(counts) == 6
    assert all(abs(count - 1_000) < 7 * 1_000**0.5 for count in counts.values())


def test_what_is_no_text_becomes_replacement_characters() -> None:
    assert call("shuffle", b"\xff\xfe") == "\ufffd\ufffd".encode()


def test_uuid() -> None:
    made = {render("{{ uuidv4 }}", None) for _ in range(100)}
    assert len(made) == 100
    for text in made:
        read = uuid.UUID(text)
        assert (str(read), read.version, read.variant) == (text, 4, uuid.RFC_4122)


def test_shuffle_takes_steps() -> None:
    with pytest.raises(LimitError, match="takes more than 10 steps"):
        random.shuffle(Budget(steps=10), b"x" * 100)
