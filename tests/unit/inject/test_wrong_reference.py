"""Every way to get a reference wrong: what is said, what is marked, and that no more is shown than that."""

from __future__ import annotations

from textwrap import dedent

import pytest

from vault_secrets_webhook.errors import InvalidReference
from vault_secrets_webhook.inject.reference import has_reference, parse, parse_paths

WRONG: list[tuple[str, str, str]] = [
    (
        "no key",
        "vault:secret/data/app",
        """\
        no key: write vault:PATH#KEY
          vault:secret/data/app
                               ^""",
    ),
    (
        "no key of a write",
        ">>vault:pki/issue",
        """\
        no key: write >>vault:PATH#KEY
          >>vault:pki/issue
                           ^""",
    ),
    (
        "no key inline",
        "x ${vault:a/b} hunter2",
        """\
        no key: write vault:PATH#KEY
          ${vault:a/b}
                     ^""",
    ),
    (
        "login inline",
        "${vault:login}",
        """\
        no key: write vault:PATH#KEY
          ${vault:login}
                       ^""",
    ),
    (
        "no path and no key",
        "vault:",
        """\
        no key: write vault:PATH#KEY
          vault:
                ^""",
    ),
    (
        "no path",
        "vault:#key",
        """\
        the path is missing
          vault:
                ^""",
    ),
    (
        "slashes are no path",
        "vault://#key",
        """\
        the path is missing
          vault://
                ~^""",
    ),
    (
        "parent",
        "vault:a/../b#key",
        """\
        a path must not have . or .. in it
          vault:a/../b
                  ~^""",
    ),
    (
        "here, inline",
        "x${vault:./b#key}",
        """\
        a path must not have . or .. in it
          ${vault:./b
                  ^""",
    ),
    (
        "empty key",
        "vault:a#",
        """\
        the key is empty
          vault:a#
                  ^""",
    ),
    (
        "empty key inline",
        "${vault:a#} hunter2",
        """\
        the key is empty
          ${vault:a#}
                    ^""",
    ),
    (
        "empty key and version",
        "vault:a##1",
        """\
        the key is empty
          vault:a##
                  ^""",
    ),
    (
        "version is no number",
        "vault:a#b#latest",
        """\
        a version is a whole number, as in vault:PATH#KEY#2
          vault:a#b#latest
                    ~~~~~^""",
    ),
    (
        "version is missing",
        "vault:a#b#",
        """\
        a version is a whole number, as in vault:PATH#KEY#2
          vault:a#b#
                    ^""",
    ),
    (
        "negative version",
        "${vault:a#b#-1}",
        """\
        a version is a whole number, as in vault:PATH#KEY#2
          ${vault:a#b#-1
                      ~^""",
    ),
    (
        "two versions",
        "vault:a#b#1#2",
        """\
        a version is a whole number, as in vault:PATH#KEY#2
          vault:a#b#1#2
                    ~~^""",
    ),
    (
        "body of a read",
        'vault:a#b#{"x":"hunter2"}',
        """\
        only a write takes a body: put >> before vault:
          vault:a#b#…
          ~~~~~^""",
    ),
    (
        "no body behind #",
        ">>vault:a#b#hunter2",
        """\
        behind the second # a JSON object is needed, as in #{}
          >>vault:a#b#
                     ^""",
    ),
    (
        "list as a body",
        '>>vault:a#b#["hunter2"]',
        """\
        behind the second # a JSON object is needed, as in #{}
          >>vault:a#b#
                     ^""",
    ),
    (
        "body is no JSON",
        ">>vault:a#b#{'x':'hunter2'}",
        """\
        the body behind # is not JSON: Expecting property name enclosed in double quotes
          >>vault:a#b#…
                      ^""",
    ),
    (
        "body without end",
        '>>vault:a#b#{"x":"hunter2"',
        """\
        the body behind # is not JSON: Expecting ',' delimiter
          >>vault:a#b#…
                      ^""",
    ),
    (
        "NaN in a body",
        '>>vault:a#b#{"x":NaN}',
        """\
        the body behind # is not JSON: NaN is not JSON
          >>vault:a#b#…
                      ^""",
    ),
    (
        "text behind a body",
        '>>vault:a#b#{"x":"hunter2"} hunter3',
        """\
        the body behind # must be one JSON object and nothing else
          >>vault:a#b#…
                      ^""",
    ),
    (
        "body inline without a closing brace",
        '${>>vault:a#b#{"x":"hunter2"} hunter3',
        """\
        the body behind # must be one JSON object and nothing else
          ${>>vault:a#b#…
                        ^""",
    ),
    (
        "body nested too deep",
        ">>vault:a#b#" + '{"a":' * 100_000,
        """\
        the body behind # is not JSON: nested too deep
          >>vault:a#b#…
                      ^""",
    ),
    (
        "body instead of a key, with # in it",
        '>>vault:a#{"x":"hunter2#y"}',
        """\
        no key before the body: write >>vault:PATH#KEY#{...}
          >>vault:a#…
                    ^""",
    ),
    (
        "body instead of a key, and a key behind it",
        '>>vault:a#{"x":"hunter2"}#x',
        """\
        no key before the body: write >>vault:PATH#KEY#{...}
          >>vault:a#…
                    ^""",
    ),
    (
        "body instead of a key, with ${ in it",
        '>>vault:a#{"x":"hunter2${y"}',
        """\
        this ${ has no }
          >>vault:a#…
                     ^""",
    ),
    (
        "body of a read instead of a key",
        'vault:a#{"x":"hunter2"}',
        """\
        no key before the body: write >>vault:PATH#KEY#{...}
          vault:a#…
                  ^""",
    ),
    (
        "body instead of a key",
        '>>vault:a#{"x":"hunter2"}',
        """\
        no key before the body: write >>vault:PATH#KEY#{...}
          >>vault:a#…
                    ^""",
    ),
    (
        "body instead of a key, inline",
        '${>>vault:a#{"x":"hunter2"}}',
        """\
        no key before the body: write >>vault:PATH#KEY#{...}
          ${>>vault:a#…
                      ^""",
    ),
    (
        "body in the path",
        '>>vault:a{"x":"hunter2"}#b',
        """\
        a brace in a path; a key must come first, as in vault:PATH#KEY
          >>vault:a{
                   ^""",
    ),
    (
        "closing brace in a path",
        "vault:a}b#c",
        """\
        a brace in a path; a key must come first, as in vault:PATH#KEY
          vault:a}
                 ^""",
    ),
    (
        "brace in a path, inline",
        "${vault:a{b}#c}",
        """\
        a brace in a path; a key must come first, as in vault:PATH#KEY
          ${vault:a{
                   ^""",
    ),
    (
        "# in the key of a write",
        '>>vault:a#b#c#{"x":"hunter2"}',
        """\
        a key must not have # in it
          >>vault:a#b#c#…
                     ^""",
    ),
    (
        "no closing brace behind the path",
        "user ${vault:a/b hunter2",
        """\
        this ${ has no } that closes it
          ${vault:a/b
          ~^""",
    ),
    (
        "no closing brace behind the key",
        "user ${vault:a#b, hunter2",
        """\
        this ${ has no } that closes it
          ${vault:a#b
          ~^""",
    ),
    (
        "braces that do not balance",
        "${vault:a#{b} hunter2",
        """\
        this ${ has no } that closes it
          ${vault:a#
          ~^""",
    ),
    (
        "second reference is wrong",
        "${vault:a#b} hunter2 ${vault:c}",
        """\
        no key: write vault:PATH#KEY
          ${vault:c}
                   ^""",
    ),
    (
        "action without end",
        "vault:a#x${.b hunter2",
        """\
        this ${ has no }
          vault:a#x${
                   ~^""",
    ),
    (
        "string without end in an action",
        'vault:a#${"}',
        """\
        this ${ has no }
          vault:a#${
                  ~^""",
    ),
    (
        "comment without end",
        "vault:a#${/* } ",
        """\
        this ${ has no }
          vault:a#${
                  ~^""",
    ),
    (
        "no ciphertext",
        "vault:v1:",
        """\
        no ciphertext behind the version
          vault:v1:…
                   ^""",
    ),
    (
        "no ciphertext, inline",
        "${vault:v1:} hunter2",
        """\
        no ciphertext behind the version
          ${vault:v1:…
                     ^""",
    ),
    (
        "ciphertext without a closing brace",
        "${vault:v1:hunter2",
        """\
        this ${ has no } that closes it
          ${vault:v1:…
          ~^""",
    ),
    (
        "ciphertext is written",
        ">>vault:v1:hunter2",
        """\
        a ciphertext cannot be written: leave >> out
          >>vault:v1:…
          ~~~~~~~^""",
    ),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong(text: str, expected: str) -> None:
    assert has_reference(text)
    with pytest.raises(InvalidReference) as raised:
        parse(text)
    assert str(raised.value) == dedent(expected)
    assert "hunter" not in repr(raised.value.args)


def as_bao(text: str) -> str:
    return text.replace("vault:", "bao:")


@pytest.mark.parametrize("text", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
@pytest.mark.parametrize("schemes", [("bao:",), ("vault:", "bao:")], ids=["alone", "beside vault:"])
def test_wrong_with_the_other_scheme(text: str, schemes: tuple[str, ...]) -> None:
    """The same is said, and the same place is marked."""
    with pytest.raises(InvalidReference) as raised:
        parse(text)
    given = raised.value
    assert not has_reference(as_bao(text))
    assert has_reference(as_bao(text), schemes)
    with pytest.raises(InvalidReference) as raised:
        parse(as_bao(text), schemes)
    found = raised.value
    assert (found.reason, found.shown) == (as_bao(given.reason), as_bao(given.shown))
    for mark, expected in ((found.offset, given.offset), (found.end, given.end)):
        assert mark == len(as_bao(given.shown[:expected])) + max(0, expected - len(given.shown))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a, b#x", "a version is a whole number, as in path#2\n  b#x\n    ^"),
        ("a#", "a version is a whole number, as in path#2\n  a#\n    ^"),
        ("a#1#2", "a version is a whole number, as in path#2\n  a#1#2\n    ~~^"),
        ("#1", "the path is missing\n  #1\n  ^"),
        ("/", "the path is missing\n  /\n  ^"),
        ("vault:a", "leave vault: out: an entry is PATH or PATH#VERSION\n  vault:a\n  ~~~~~^"),
        ("a, vault:b#1", "leave vault: out: an entry is PATH or PATH#VERSION\n  vault:b#1\n  ~~~~~^"),
        (">>vault:a", "leave >>vault: out: an entry is PATH or PATH#VERSION\n  >>vault:a\n  ~~~~~~~^"),
        ("${vault:a}", "leave ${vault: out: an entry is PATH or PATH#VERSION\n  ${vault:a}\n  ~~~~~~~^"),
        ("a/../b", "a path must not have . or .. in it\n  a/../b\n    ~^"),
    ],
)
def test_wrong_paths(text: str, expected: str) -> None:
    with pytest.raises(InvalidReference) as raised:
        parse_paths(text)
    assert str(raised.value) == expected
