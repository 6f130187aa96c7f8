"""What the table of cases cannot show of the parser: the nodes, places, scopes of functions, and depth."""

from __future__ import annotations

import sys

import pytest

from vault_secrets_webhook.errors import TemplateError
from vault_secrets_webhook.gotemplate.node import (
    ActionNode,
    ChainNode,
    FieldNode,
    IdentifierNode,
    IfNode,
    ListNode,
    Node,
    NumberNode,
    RangeNode,
    StringNode,
    TemplateNode,
    TextNode,
    VariableNode,
)
from vault_secrets_webhook.gotemplate.parse import DEPTH_LIMIT, locate, parse


def parse_main(text: str, left: str = "", right: str = "") -> ListNode:
    return parse("main", text, left, right, {"print", "len"}.__contains__)["main"]


def find_operands(text: str) -> list[Node]:
    action = parse_main(text).nodes[0]
    assert isinstance(action, ActionNode)
    return action.pipe.cmds[0].args


def test_gives_every_template() -> None:
    trees = parse("main", 'a{{define "b"}}c{{end}}{{block "d" .}}e{{end}}', "", "", ().__contains__)
    assert {name: str(tree) for name, tree in trees.items()} == {"main": 'a{{template "d" .}}', "b": "c", "d": "e"}


def test_definition_of_the_own_name_fills_an_empty_template() -> None:
    assert str(parse_main('{{define "main"}}a{{end}} ')) == "a"


def test_operands() -> None:
    nodes = find_operands('{{print .a.b $.c (len).d "e"}}')
    function, field, variable, chain, string = nodes
    assert isinstance(function, IdentifierNode)
    assert function.ident == "print"
    assert isinstance(field, FieldNode)
    assert field.ident == ["a", "b"]
    assert isinstance(variable, VariableNode)
    assert variable.ident == ["$", "c"]
    assert isinstance(chain, ChainNode)
    assert chain.field == ["d"]
    assert isinstance(string, StringNode)
    assert (string.quoted, string.text) == ('"e"', b"e")


def test_more_fields_begin_where_go_says() -> None:
    """The place of `.a.b` is that of `.b`: errors of Go point there."""
    (field,) = find_operands("{{.a.b}}")
    assert field.pos == len("{{.a")


def test_chain_of_else_if_is_nested() -> None:
    branch = parse_main("{{if 1}}a{{else if 2}}b{{else}}c{{end}}").nodes[0]
    assert isinstance(branch, IfNode)
    assert branch.else_list is not None
    inner = branch.else_list.nodes[0]
    assert isinstance(inner, IfNode)
    assert (str(branch.list), str(inner.list), str(inner.else_list)) == ("a", "b", "c")


def test_range_declares() -> None:
    branch = parse_main("{{range $i, $x := .}}{{end}}").nodes[0]
    assert isinstance(branch, RangeNode)
    assert [variable.ident for variable in branch.pipe.decl] == [["$i"], ["$x"]]
    assert not branch.pipe.is_assign


def test_text_is_bytes() -> None:
    text, use = parse_main('\udcff{{template "\\xff"}}').nodes
    assert isinstance(text, TextNode)
    assert text.text == b"\xff"
    assert isinstance(use, TemplateNode)
    assert (use.name, use.pipe) == ("\udcff", None)


@pytest.mark.parametrize(
    ("text", "sorts", "value"),
    [
        pytest.param("1", "int uint float", 1, id="one"),
        pytest.param("+1", "int float", 1, id="a sign is not of unsigned integers"),
        pytest.param("+0", "int uint float", 0, id="but zero is"),
        pytest.param("-1", "int float", -1, id="negative"),
        pytest.param("1.0", "int uint float", 1, id="whole float"),
        pytest.param("1.5", "float", 1.5, id="float"),
        pytest.param("1i", "complex", 1j, id="imaginary"),
        pytest.param("0i", "int uint float complex", 0, id="no imaginary part"),
        pytest.param("-1+0i", "int float complex", -1, id="complex that is real"),
        pytest.param("'a'", "int uint float", 97, id="character"),
        pytest.param("9223372036854775808", "uint float", 1 << 63, id="more than int64"),
        pytest.param("1e19", "uint float", 10**19, id="float that is uint64"),
        pytest.param("1e20", "float", 1e20, id="float that is more than both"),
    ],
)
def test_numbers(text: str, sorts: str, value: complex) -> None:
    (number,) = find_operands(f"{{{{{text}}}}}")
    assert isinstance(number, NumberNode)
    expected = sorts.split()
    assert [sort for sort in ("int", "uint", "float", "complex") if getattr(number, f"is_{sort}")] == expected
    assert [getattr(number, f"{sort}_value") for sort in expected] == [value] * len(expected)


@pytest.mark.parametrize(
    ("text", "pos", "place"),
    [
        pytest.param("abc", 2, (1, 2), id="first line"),
        pytest.param("a\nbc", 3, (2, 1), id="second line"),
        pytest.param("a\n", 2, (2, 0), id="behind the end of a line"),
        pytest.param("é\né😀x", 4, (2, 6), id="columns are bytes"),
        pytest.param("\udcffx", 1, (1, 1), id="a byte that is not UTF-8"),
    ],
)
def test_locate(text: str, pos: int, place: tuple[int, int]) -> None:
    assert locate(text, pos) == place


PARENTHESES = "{{" + "(" * 20_000 + "1" + ")" * 20_000 + "}}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(PARENTHESES, "max expression depth exceeded", id="parentheses"),
        pytest.param("{{if .}}" * 20_000, f"actions are nested more than {DEPTH_LIMIT} deep", id="branches"),
        pytest.param('{{block "a" .}}' * 20_000, f"actions are nested more than {DEPTH_LIMIT} deep", id="blocks"),
    ],
)
def test_depth_is_limited(text: str, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_main(text)
    assert str(caught.value) == f"template: main:1: {problem}"


def test_what_is_nested_to_the_limit_parses_and_prints() -> None:
    inner = "{{" + "(" * DEPTH_LIMIT + "1" + ")" * DEPTH_LIMIT + "}}"
    text = "{{if 1}}" * DEPTH_LIMIT + inner + "{{end}}" * DEPTH_LIMIT
    assert str(parse_main(text)) == text


def test_chains_have_no_limit() -> None:
    text = "{{if 1}}" + "{{else if 1}}" * 5_000 + "{{end}}"
    printed = "{{if 1}}" + "{{else}}{{if 1}}" * 5_000 + "{{end}}" * 5_001
    assert str(parse_main(text)) == printed


def test_no_room_on_the_stack_is_a_template_error() -> None:
    def descend(depth: int) -> None:
        if depth:
            descend(depth - 1)
        else:
            parse_main("{{if 1}}" * 50 + "{{end}}" * 50)

    depth = 0
    frame = sys._getframe()
    while frame.f_back:
        depth, frame = depth + 1, frame.f_back
    with pytest.raises(TemplateError, match="max expression depth exceeded"):
        descend(sys.getrecursionlimit() - depth - 50)


@pytest.mark.parametrize("count", [2_000])
def test_variables_go_out_of_scope(count: int) -> None:
    text = "".join(f"{{{{if $x{number} := 1}}}}{{{{end}}}}" for number in range(count))
    assert str(parse_main(text)) == text
    with pytest.raises(TemplateError, match=r'undefined variable "\$x1"'):
        parse_main(f"{text}{{{{$x1}}}}")


def test_errors_behind_the_first_are_not_looked_for() -> None:
    asked: list[str] = []

    def has_function(name: str) -> bool:
        asked.append(name)
        return False

    with pytest.raises(TemplateError, match='function "first" not defined'):
        parse("main", "{{first}}{{second}}", "", "", has_function)
    assert asked == ["first"]
