"""Sets of runes, and that the tables that Go wrote agree with Python's where both know."""

from __future__ import annotations

import unicodedata

import pytest

from vault_secrets_webhook.gotemplate.regexp import charclass
from vault_secrets_webhook.gotemplate.regexp.categories import CATEGORIES
from vault_secrets_webhook.gotemplate.regexp.charclass import find_unicode_class
from vault_secrets_webhook.gotemplate.regexp.charset import (
    ANY,
    find_orbit,
    fold,
    list_ranges,
    load_orbits,
    negate,
    unite,
)
from vault_secrets_webhook.gotemplate.regexp.scripts import SCRIPTS

FIRST_SINCE_14 = {"Cn"}  # what Unicode 15 has assigned is not in Python 3.11


def list_members(charset: tuple[int, ...]) -> set[int]:
    return {code for low, high in list_ranges(charset) for code in range(low, high + 1)}


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        pytest.param([], (), id="empty"),
        pytest.param([(3, 5), (1, 2)], (1, 5), id="touching"),
        pytest.param([(1, 9), (2, 3)], (1, 9), id="within"),
        pytest.param([(7, 8), (1, 2)], (1, 2, 7, 8), id="apart"),
    ],
)
def test_unite(ranges: list[tuple[int, int]], expected: tuple[int, ...]) -> None:
    assert unite(ranges) == expected


@pytest.mark.parametrize(
    ("charset", "expected"),
    [
        pytest.param((), ANY, id="empty"),
        pytest.param(ANY, (), id="any"),
        pytest.param((0, 4), (5, 0x10FFFF), id="from-zero"),
        pytest.param((5, 0x10FFFF), (0, 4), id="to-the-end"),
        pytest.param((1, 2, 5, 5), (0, 0, 3, 4, 6, 0x10FFFF), id="within"),
    ],
)
def test_negate(charset: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert negate(charset) == expected
    assert negate(expected) == charset


@pytest.mark.parametrize(
    ("letters", "orbit"),
    [
        pytest.param("kK\u212a", "Kk\u212a", id="kelvin"),
        pytest.param("sS\u017f", "Ss\u017f", id="long-s"),
        pytest.param("éÉ", "Éé", id="pair"),
        pytest.param("σςΣ", "Σςσ", id="sigma"),
        pytest.param("1", "1", id="digit"),
        pytest.param("ß\u1e9e", "ß\u1e9e", id="sharp-s"),
        pytest.param("İ", "İ", id="no-simple-folding"),
    ],
)
def test_orbits(letters: str, orbit: str) -> None:
    for letter in letters:
        assert list_members(find_orbit(ord(letter))) == {ord(char) for char in orbit}


def test_folding_is_closed() -> None:
    orbits = load_orbits()
    assert all(char in orbit and orbits[other] == orbit for char, orbit in orbits.items() for other in orbit)
    whole = fold(unite((char, char) for char in orbits))
    assert list_members(whole) == set(orbits)


@pytest.mark.skipif(unicodedata.unidata_version > "15.0.0", reason="this Python's Unicode is newer than Go's")
@pytest.mark.parametrize("name", sorted(CATEGORIES))
def test_category_is_python_s(name: str) -> None:
    members = list_members(find_unicode_class(name) or ())
    known = {code for code in members if unicodedata.category(chr(code)) != "Cn" or name == "Cn"}
    assert {unicodedata.category(chr(code)) for code in known} == {name}
    missing = [code for code in range(0x3000) if unicodedata.category(chr(code)) == name and code not in members]
    assert len(missing) <= len(FIRST_SINCE_14) * 20 if name == "Cn" else not missing


def test_scripts_do_not_overlap() -> None:
    sets = [list_members(find_unicode_class(name) or ()) for name in SCRIPTS]
    assert sum(map(len, sets)) == len(set().union(*sets))


def test_unknown_class() -> None:
    assert find_unicode_class("Nothing") is None
    assert "Nothing" not in charclass.UNICODE
