"""The grammar of references: every production."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.errors import InvalidReference
from vault_secrets_webhook.inject.reference import (
    Ciphertext,
    Login,
    Read,
    Reference,
    Write,
    has_reference,
    parse,
    parse_paths,
)

if TYPE_CHECKING:
    from typing import Any


def describe(part: Any) -> Any:
    """Literal text as it is; a reference as its source, its selector and `template` if it is one."""
    if isinstance(part, Ciphertext):
        return part.ciphertext
    if isinstance(part, Login):
        return "login"
    if isinstance(part, Reference):
        described = (part.source, part.selector)
        return (*described, "template") if part.is_template else described
    return ["text", part]


def write(path: str, body: str = "{}") -> Write:
    return Write(path, body)


WHOLE: list[tuple[str, str, Any]] = [
    ("key", "vault:secret/data/app#password", (Read("secret/data/app"), "password")),
    ("key and version", "vault:secret/data/app#password#3", (Read("secret/data/app", 3), "password")),
    ("version with zeros", "vault:a#b#007", (Read("a", 7), "b")),
    ("slashes around the path", "vault:/a/b/#c", (Read("/a/b/"), "c")),
    ("dots inside a segment", "vault:a/..b/c.#d", (Read("a/..b/c."), "d")),
    ("spaces in path and key", "vault:my app/x#the key ", (Read("my app/x"), "the key ")),
    ("key with a dot", "vault:a#b.c", (Read("a"), "b.c")),
    ("key with braces", "vault:a#{b}", (Read("a"), "{b}")),
    ("key with a closing brace", "vault:a#b}", (Read("a"), "b}")),
    ("not ASCII", "vault:größe/é#ключ", (Read("größe/é"), "ключ")),
    ("bytes that are no UTF-8", "vault:a\udcff#b", (Read("a\udcff"), "b")),
    ("dollar in the key", "vault:a#b$c", (Read("a"), "b$c")),
    ("write", ">>vault:pki/issue/app#certificate", (write("pki/issue/app"), "certificate")),
    ("write with a body", '>>vault:a#b#{"x":1}', (write("a", '{"x":1}'), "b")),
    ("spaces around a body", '>>vault:a#b# {"x":1}\n', (write("a", '{"x":1}'), "b")),
    ("# in a body", '>>vault:a#b#{"x":"#1"}', (write("a", '{"x":"#1"}'), "b")),
    ("braces in the strings of a body", '>>vault:a#b#{"x":"}{\\"}"}', (write("a", '{"x":"}{\\"}"}'), "b")),
    (
        "number of many digits in a body",
        f'>>vault:a#b#{{"x":{"1" * 5000}}}',
        (write("a", f'{{"x":{"1" * 5000}}}'), "b"),
    ),
    ("template", "vault:a#${.b}", (Read("a"), "${.b}", "template")),
    ("template and text", "vault:a#x${.b}y", (Read("a"), "x${.b}y", "template")),
    ("several actions", "vault:a#${.b}:${.c}", (Read("a"), "${.b}:${.c}", "template")),
    ("template and version", "vault:a#${.b}#2", (Read("a", 2), "${.b}", "template")),
    ("# in a template's text", "vault:a#${.b}#c", (Read("a"), "${.b}#c", "template")),
    ("# before a template's action", "vault:a##${.b}", (Read("a"), "#${.b}", "template")),
    ("# and version in a template", "vault:a#${.b}#c#2", (Read("a", 2), "${.b}#c", "template")),
    ("# in an action", 'vault:a#${.b | printf "#%s#1"}', (Read("a"), '${.b | printf "#%s#1"}', "template")),
    ("brace in a string of an action", 'vault:a#${"}"}#1', (Read("a", 1), '${"}"}', "template")),
    ("escaped quote in an action", 'vault:a#${"\\"}"}#1', (Read("a", 1), '${"\\"}"}', "template")),
    ("raw string in an action", "vault:a#${`}\\`}#1", (Read("a", 1), "${`}\\`}", "template")),
    ("character in an action", "vault:a#${'}'}#1", (Read("a", 1), "${'}'}", "template")),
    ("comment in an action", 'vault:a#${/* "} */}#1', (Read("a", 1), '${/* "} */}', "template")),
    ("trimmed comment", "vault:a#${- /* } */ -}#1", (Read("a", 1), "${- /* } */ -}", "template")),
    ("comment trimmed behind a tab", "vault:a#${-\t/* } */ -}#1", (Read("a", 1), "${-\t/* } */ -}", "template")),
    ("no comment later in an action", "vault:a#${.b /*} */}", (Read("a"), "${.b /*} */}", "template")),
    ("template and body", '>>vault:a#${.b}#{"x":1}', (write("a", '{"x":1}'), "${.b}", "template")),
    ("template of JSON and body", '>>vault:a#{"y":"${.b}"}#{}', (write("a"), '{"y":"${.b}"}', "template")),
    ("number behind the template of a write", ">>vault:a#${.b}#2", (write("a"), "${.b}#2", "template")),
    ("ciphertext", "vault:v1:AbC+/=", "vault:v1:AbC+/="),
    ("ciphertext of a late version", "vault:v12345:x", "vault:v12345:x"),
    ("path like a ciphertext", "vault:v1#k", (Read("v1"), "k")),
    ("path like a ciphertext, with a colon", "vault:va:x#k", (Read("va:x"), "k")),
    ("login", "vault:login", "login"),
    ("path login", "vault:login#k", (Read("login"), "k")),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in WHOLE], ids=[row[0] for row in WHOLE])
def test_whole_value(text: str, expected: Any) -> None:
    parts = parse(text)
    assert [describe(part) for part in parts] == [expected]
    assert "".join(map(str, parts)) == text
    assert has_reference(text)


A = (Read("a"), "b")
INLINE: list[tuple[str, str, list[Any]]] = [
    ("alone", "${vault:a#b}", [A]),
    ("between text", "x ${vault:a#b} y", [["text", "x "], A, ["text", " y"]]),
    ("several", "${vault:a#b}${vault:c#d#1}", [A, (Read("c", 1), "d")]),
    ("several with text", "u:${vault:a#b}@h/${vault:a#b}", [["text", "u:"], A, ["text", "@h/"], A]),
    ("in JSON, quoted", '{"pw":"${vault:a#b}"}', [["text", '{"pw":"'], A, ["text", '"}']]),
    ("in JSON, bare", '{"pw":${vault:a#b}}', [["text", '{"pw":'], A, ["text", "}"]]),
    ("braces that balance in a key", "${vault:a#{b{c}}}", [(Read("a"), "{b{c}}")]),
    ("# in braces of a key", "${vault:a#{b#c}}", [(Read("a"), "{b#c}")]),
    ("template", "-${vault:a#${.b}}-", [["text", "-"], (Read("a"), "${.b}", "template"), ["text", "-"]]),
    ("template and version", "${vault:a#${.b}#2}", [(Read("a", 2), "${.b}", "template")]),
    ("several actions", "${vault:a#${.b}:${.c}}", [(Read("a"), "${.b}:${.c}", "template")]),
    ("quoted brace", '${vault:a#${"}"}}', [(Read("a"), '${"}"}', "template")]),
    ("template of JSON", '${vault:a#{"x":"${.b}"}}', [(Read("a"), '{"x":"${.b}"}', "template")]),
    ("write", "${>>vault:a#b}", [(write("a"), "b")]),
    ("write with a body", '[${>>vault:a#b#{"x":{}} }]', [["text", "["], (write("a", '{"x":{}}'), "b"), ["text", "]"]]),
    ("brace in a string of a body", '${>>vault:a#b#{"x":"}"}}', [(write("a", '{"x":"}"}'), "b")]),
    ("ciphertext", "x${vault:v1:AbC}y", [["text", "x"], "vault:v1:AbC", ["text", "y"]]),
    ("other dollars", "$HOME ${HOME} $${vault:a#b} $", [["text", "$HOME ${HOME} $"], A, ["text", " $"]]),
    ("nearly one", "${ vault:a#b} ${vault}", [["text", "${ vault:a#b} ${vault}"]]),
    ("write mark alone", ">>x ${>vault:a#b}", [["text", ">>x ${>vault:a#b}"]]),
    ("vault: within the text", "see vault:a#b", [["text", "see vault:a#b"]]),
    ("no reference", "plain", [["text", "plain"]]),
    ("nothing", "", []),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in INLINE], ids=[row[0] for row in INLINE])
def test_inline(text: str, expected: list[Any]) -> None:
    parts = parse(text)
    assert [describe(part) for part in parts] == expected
    assert "".join(map(str, parts)) == text
    assert has_reference(text) is any(not isinstance(part, str) for part in parts)


@pytest.mark.parametrize("text", [row[1] for row in (*WHOLE, *INLINE) if "vault:" in row[1]])
def test_the_other_scheme(text: str) -> None:
    """It has the same grammar, and is text to who does not know it."""
    other = text.replace("vault:", "bao:")
    assert list(parse(other)) == [other]
    assert not has_reference(other)
    given = parse(text)
    for schemes in (("bao:",), ("vault:", "bao:"), ("bao:", "vault:")):
        found = parse(other, schemes)
        assert [str(part) for part in found] == [str(part).replace("vault:", "bao:") for part in given]
        assert has_reference(other, schemes) is has_reference(text)
        for part, like in zip(found, given, strict=True):
            assert type(part) is type(like)
            if not isinstance(part, str):
                assert part.scheme == "bao:"
            if isinstance(part, Reference) and isinstance(like, Reference):
                assert part.source != like.source
                assert (part.source.path, part.selector) == (like.source.path, like.selector)


def test_both_schemes_in_one_value() -> None:
    parts = parse("${vault:a#b}-${>>bao:a#b}${bao:a#b#2}", ("vault:", "bao:"))
    assert [part if isinstance(part, str) else part.scheme for part in parts] == ["vault:", "-", "bao:", "bao:"]
    (whole,) = parse("bao:a#${vault:c#d}", ("vault:", "bao:"))
    assert str(whole) == "bao:a#${vault:c#d}"  # a whole value is one reference, whatever stands in its template


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" , ,", ()),
        ("secret/data/app", (Read("secret/data/app"),)),
        ("secret/data/app#2", (Read("secret/data/app", 2),)),
        (" a , b#1,", (Read("a"), Read("b", 1))),
        ("a{b}", (Read("a{b}"),)),
    ],
)
def test_paths(text: str, expected: tuple[Read, ...]) -> None:
    assert parse_paths(text) == expected


def test_representations_hide_bodies_and_ciphertexts() -> None:
    parts = parse('${>>vault:a#b#{"x":"hunter2"}}${vault:v1:hunter2}')
    assert "hunter2" not in repr(parts)


def test_equal_sources_are_one() -> None:
    first, second, third = parse("${vault:a#b}${vault:a#c}${vault:a#b#1}")
    assert isinstance(first, Reference)
    assert isinstance(second, Reference)
    assert isinstance(third, Reference)
    assert {first.source, second.source} == {Read("a")}
    assert first.source != third.source
    assert {Write("a"), Write("a", "{}"), Write("a", '{"x":1}')} == {Write("a"), Write("a", '{"x":1}')}
    assert Read("a") != Write("a")


@pytest.mark.parametrize(
    "text",
    [
        "${vault:a#b}" * 50_000,
        "${" * 300_000 + "${vault:a#b}",
        ">>vault:a#b" + "#" * 300_000,
        ">>vault:a#b" + "# " * 300_000,
        "vault:a#" + "${" * 300_000,
        "vault:" + "a/" * 300_000 + "#b",
    ],
    ids=["many references", "many dollars", "many #", "many # with spaces", "actions without end", "long path"],
)
@pytest.mark.timeout(20)
def test_long_text_is_read_in_one_pass(text: str) -> None:
    with suppress(InvalidReference):
        assert "".join(map(str, parse(text))) == text
