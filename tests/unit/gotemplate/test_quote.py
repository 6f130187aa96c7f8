"""Go's quotes, and which runes it takes for printable whatever Unicode the interpreter has."""

from __future__ import annotations

import hashlib

import pytest

from vault_secrets_webhook.gotemplate import printable, quote

# SHA-256 over one byte for each code point, 1 where Go 1.26's strconv.IsPrint holds.
PRINTABLE = "a24a109bc8e347f9490466c59e4160d0dc9dd1006a5be9a4c91af71cd2e7fa99"


def test_printable_are_those_of_go() -> None:
    answers = bytes(printable.is_print(chr(code)) for code in range(0x110000))
    assert hashlib.sha256(answers).hexdigest() == PRINTABLE


def test_ascii_needs_no_table() -> None:
    characters = [chr(code) for code in range(128)]
    assert [quote.is_print(char) for char in characters] == [printable.is_print(char) for char in characters]


@pytest.mark.parametrize(
    ("string", "quoted", "in_ascii"),
    [
        pytest.param(b"", b'""', b'""', id="empty"),
        pytest.param(b"plain", b'"plain"', b'"plain"', id="plain"),
        pytest.param(b'a"b\\', b'"a\\"b\\\\"', b'"a\\"b\\\\"', id="quote and backslash"),
        pytest.param(b"it's", b'"it\'s"', b'"it\'s"', id="the other quote"),
        pytest.param(b"\0\a\x1b\x7f", b'"\\x00\\a\\x1b\\x7f"', b'"\\x00\\a\\x1b\\x7f"', id="control characters"),
        pytest.param("é😀".encode(), '"é😀"'.encode(), b'"\\u00e9\\U0001f600"', id="printable"),
        pytest.param("\xa0\U000e0001".encode(), b'"\\u00a0\\U000e0001"', b'"\\u00a0\\U000e0001"', id="not printable"),
        pytest.param(b"\xe2\x82a\xff", b'"\\xe2\\x82a\\xff"', b'"\\xe2\\x82a\\xff"', id="not UTF-8"),
        pytest.param(b"\xed\xa0\x80", b'"\\xed\\xa0\\x80"', b'"\\xed\\xa0\\x80"', id="surrogate in UTF-8"),
    ],
)
def test_quote(string: bytes, quoted: bytes, in_ascii: bytes) -> None:
    assert quote.quote(string) == quoted
    assert quote.quote_to_ascii(string) == in_ascii


@pytest.mark.parametrize(
    ("char", "quoted", "in_ascii"),
    [
        pytest.param("a", b"'a'", b"'a'", id="letter"),
        pytest.param("'", b"'\\''", b"'\\''", id="quote"),
        pytest.param('"', b"'\"'", b"'\"'", id="the other quote"),
        pytest.param("\n", b"'\\n'", b"'\\n'", id="newline"),
        pytest.param("é", "'é'".encode(), b"'\\u00e9'", id="not ASCII"),
        pytest.param("\ud800", "'\ufffd'".encode(), b"'\\ufffd'", id="surrogate"),
        pytest.param("\udcff", "'\ufffd'".encode(), b"'\\ufffd'", id="surrogate that stands for a byte"),
    ],
)
def test_quote_rune(char: str, quoted: bytes, in_ascii: bytes) -> None:
    assert quote.quote_rune(char) == quoted
    assert quote.quote_rune_to_ascii(char) == in_ascii


def test_tables_do_not_grow_without_bound() -> None:
    many = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 2 * quote.KNOWN))
    assert quote.quote(many.encode()).decode() == f'"{many}"'
    assert len(quote.find_escapes('"', is_ascii=False)) <= quote.KNOWN
