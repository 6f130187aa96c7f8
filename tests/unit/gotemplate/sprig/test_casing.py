"""Cases of runes: one rune for one, whatever Python's release of Unicode maps, and no tables where ASCII is all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import casing, identifiers, runes

CAMEL, SNAKE, KEBAB = "HTTPServer2xx no_https", "http_server_2xx_no_https", "http-server-2xx-no-https"


@given(st.characters())
def test_one_rune_maps_to_one(char: str) -> None:
    assert {len(mapping(char)) for mapping in (runes.to_upper, runes.to_lower, runes.to_title)} == {1}


@pytest.mark.parametrize(
    ("char", "mapped"),
    [
        pytest.param("\u019b", "\ua7dc", id="to-a-later-one"),
        pytest.param("\u1c8a", "\u1c89", id="between-later-ones"),
        pytest.param("\u1c8a", "a", id="from-a-later-one"),
    ],
)
def test_runes_later_than_unicode_15_are_left_alone(char: str, mapped: str) -> None:
    """Python 3.14 maps them."""
    assert runes.keep_known(char, mapped) == char
    assert runes.to_upper(char) == char
    assert not runes.is_letter("\u1c8a")


def test_known_runes_are_mapped() -> None:
    assert runes.keep_known("é", "É") == "É"


@pytest.mark.parametrize(
    ("test", "inside", "outside"),
    [
        pytest.param(runes.is_upper, "AZÉ\U00010400", "az1_éǅ日\u1c89", id="upper"),
        pytest.param(runes.is_lower, "azßé\U0001df25", "AZ1_Éǅⅷⓐ", id="lower"),
        pytest.param(runes.is_titlecase, "ǅᾼ", "aAÉⅧ", id="title"),
        pytest.param(runes.is_letter, "aZé日ª\U00031350", "1_-½Ⅷⓐ\u0301", id="letter"),
        pytest.param(runes.is_number, "09٣½Ⅷ²", "a_-日", id="number"),
        pytest.param(runes.is_punctuation, "!_-.«‿—", "a1$+^`|~ ", id="punctuation"),
    ],
)
def test_classes(test: object, inside: str, outside: str) -> None:
    assert callable(test)
    assert [char for char in inside if not test(char)] == []
    assert [char for char in outside if test(char)] == []


@pytest.mark.parametrize("name", ["lower", "upper"])
def test_ascii_needs_no_tables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runes, "is_in", pytest.fail)
    assert getattr(casing, name)(b"aB") == getattr(b"aB", name)()
    assert casing.title(Budget(), b"ab cd") == b"Ab Cd"
    assert casing.swapcase(Budget(), b"aB Cd") == b"Ab cD"
    assert identifiers.snakecase(Budget(), b"aB.c1 $d") == b"a_b.c1_$_d"


@given(st.binary(max_size=40))
def test_names_keep_what_is_between_their_connectors(string: bytes) -> None:
    """Snake and kebab case are the same but for the connector, which is ASCII."""
    snake, kebab = identifiers.snakecase(Budget(), string), identifiers.kebabcase(Budget(), string)
    assert snake.replace(b"_", b"-") == kebab.replace(b"_", b"-")


def test_names() -> None:
    assert identifiers.snakecase(Budget(), CAMEL.encode()).decode() == SNAKE
    assert identifiers.kebabcase(Budget(), CAMEL.encode()).decode() == KEBAB


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(casing.title, id="title"),
        pytest.param(casing.untitle, id="untitle"),
        pytest.param(casing.swapcase, id="swapcase"),
        pytest.param(identifiers.snakecase, id="snakecase"),
        pytest.param(identifiers.camelcase, id="camelcase"),
    ],
)
def test_runes_are_steps_and_results_count(function: object) -> None:
    assert callable(function)
    with pytest.raises(LimitError, match="steps"):
        function(Budget(steps=1), b"a" * 100)
    with pytest.raises(LimitError, match="of values"):
        function(Budget(memory=99), b"a" * 100)


def test_long_results_are_not_finished() -> None:
    """What is not UTF-8 becomes three times as long."""
    with pytest.raises(LimitError, match="more than 1 MiB of values"):
        casing.untitle(Budget(memory=1 << 20), b"\xff" * (6 << 16))
