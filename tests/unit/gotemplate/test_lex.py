"""Tokens: where they begin, and that reading them costs no more than their text."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate.lex import EOF, ERROR, Lexer, Token


def read_all(text: str, left: str = "", right: str = "", functions: tuple[str, ...] = ()) -> list[Token]:
    lexer = Lexer(text, left, right, functions.__contains__)
    tokens = [lexer.read()]
    while tokens[-1].kind not in {EOF, ERROR}:
        tokens.append(lexer.read())
    return tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [("eof", 0, "", 1)], id="nothing"),
        pytest.param("a\nb", [("text", 0, "a\nb", 1), ("eof", 3, "", 2)], id="text"),
        pytest.param(
            "é\n{{ .a\n}}",
            [
                ("text", 0, "é\n", 1),
                ("left delim", 2, "{{", 2),
                ("space", 4, " ", 2),
                ("field", 5, ".a", 2),
                ("space", 7, "\n", 2),
                ("right delim", 8, "}}", 3),
                ("eof", 10, "", 3),
            ],
            id="action",
        ),
        pytest.param(
            "a \n{{- 1 -}}\n b",
            [
                ("text", 0, "a", 1),
                ("left delim", 3, "{{", 2),
                ("number", 7, "1", 2),
                ("right delim", 10, "}}", 2),
                ("text", 14, "b", 3),
                ("eof", 15, "", 3),
            ],
            id="trimmed",
        ),
        pytest.param("{{/* a\n */}}b", [("text", 12, "b", 2), ("eof", 13, "", 2)], id="comment"),
    ],
)
def test_tokens_know_their_places(text: str, expected: list[tuple[str, int, str, int]]) -> None:
    assert [(token.kind, token.pos, token.value, token.line) for token in read_all(text)] == expected


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        pytest.param("$x.a.b", ["variable", "field", "field"], id="fields of a variable"),
        pytest.param(". .a", [".", "space", "field"], id="dot and field"),
        pytest.param("if nil iffy", ["if", "space", "nil", "space", "identifier"], id="keywords"),
        pytest.param("true false", ["bool", "space", "bool"], id="booleans"),
        pytest.param("1 .5 1i", ["number", "space", "number", "space", "number"], id="numbers"),
        pytest.param("1+2i 'a'", ["complex", "space", "char constant"], id="complex and character"),
        pytest.param(
            "$x,$y:=`a`|(print)",
            ["variable", "char", "variable", ":=", "raw string", "|", "(", "identifier", ")"],
            id="signs",
        ),
    ],
)
def test_kinds(text: str, kinds: list[str]) -> None:
    tokens = read_all(f"{{{{{text}}}}}")
    assert [token.kind for token in tokens[1:-2]] == kinds


@pytest.mark.parametrize(
    ("functions", "kind"),
    [pytest.param((), "break", id="keyword"), pytest.param(("break",), "identifier", id="function")],
)
def test_break_may_be_a_function(functions: tuple[str, ...], kind: str) -> None:
    assert read_all("{{break}}", functions=functions)[1].kind == kind


def test_lines_of_delimiters_are_not_counted() -> None:
    """So does Go; it matters only to delimiters that contain a line break."""
    assert [token.line for token in read_all("<\n.a>\n.b<\n.c", "<\n", ">\n")] == [1, 1, 1, 1, 1, 1, 1]


def test_ends_again_and_again() -> None:
    lexer = Lexer("", "", "", ().__contains__)
    assert [lexer.read().kind for _ in range(3)] == [EOF] * 3


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        pytest.param("eof", "", "EOF", id="end"),
        pytest.param("error", "unclosed action", "unclosed action", id="error"),
        pytest.param("if", "if", "<if>", id="keyword"),
        pytest.param(".", ".", "<.>", id="dot"),
        pytest.param("identifier", "a" * 10, '"aaaaaaaaaa"', id="ten bytes"),
        pytest.param("identifier", "a" * 11, '"aaaaaaaaaa"...', id="eleven bytes"),
        pytest.param("identifier", "é" * 6, '"éééééé"...', id="twelve bytes, six characters"),
        pytest.param("text", "\udcff\n", r'"\xff\n"', id="not UTF-8"),
    ],
)
def test_tokens_show_as_in_errors(kind: str, value: str, shown: str) -> None:
    assert str(Token(kind, 0, value, 1)) == shown
