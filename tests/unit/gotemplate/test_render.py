"""What `render` takes and gives, and what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate import Number, Template, TemplateError, render, render_bytes
from vault_secrets_webhook.gotemplate.functions import Function

PACKAGE = "vault_secrets_webhook.gotemplate"
PLAIN = {"data", "exec", "expression", "lex", "limits", "node", "parse", "pipeline", "values"}


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        ("{{.}}", 5, "5"),
        ("{{printf `%T` .}}", 5, "int"),
        ("{{printf `%T` .}}", 5.0, "float64"),
        ("{{printf `%T` .}}", Number("5"), "json.Number"),
        ("{{printf `%T` .}}", "5", "string"),
        ("{{printf `%T` .}}", b"5", "string"),
        ("{{range .}}{{.}}{{end}}", 3, "012"),
        ("{{eq .a 5}}", {"a": 5}, "true"),
        ("{{.}}", {"b": [1.5, None, True], "a": {}}, "map[a:map[] b:[1.5 <nil> true]]"),
    ],
)
def test_data(text: str, data: object, expected: str) -> None:
    assert render(text, data) == expected


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        pytest.param("{{.}}", "\udcff\udcfe", b"\xff\xfe", id="data"),
        pytest.param("\udcff{{.}}", "x", b"\xffx", id="text"),
        pytest.param("{{print `\udcff` `é`}}", None, b"\xff\xc3\xa9", id="constant"),
        pytest.param("{{trunc 1 .}}", "é", b"\xc3", id="cut"),
        pytest.param("{{trunc 1 .}}{{substr 1 2 .}}", "é", "é".encode(), id="joined"),
        pytest.param("{{.k}}", {"k": "\ud800"}, b"\xef\xbf\xbd", id="lone-surrogate"),
        pytest.param("{{len .}}", "\udcc3\udca9", b"2", id="length"),
    ],
)
def test_bytes_that_are_not_utf8_travel_as_surrogates(text: str, data: object, expected: bytes) -> None:
    assert render_bytes(text, data) == expected
    assert render(text, data).encode("utf-8", "surrogateescape") == expected


def test_surrogates_that_make_a_letter_are_one() -> None:
    """What the text means is decided by its bytes: `é` is a letter of the field's name."""
    assert render("{{.\udcc3\udca9}}", {"é": "accent"}) == "accent"


def test_data_are_not_changed() -> None:
    data = {"a": {"b": "c"}}
    assert render("{{$_ := set .a `x` 1}}{{$_ := unset .a `b`}}{{.a}}", data) == "map[x:1]"
    assert data == {"a": {"b": "c"}}


@pytest.mark.parametrize("delims", [("", ""), ("{{", "}}"), ("", "}}")])
def test_empty_delimiters_are_the_default(delims: tuple[str, str]) -> None:
    assert render("{{.}}", "x", delims=delims) == "x"


def test_delimiters_of_references() -> None:
    data = {"user": "app", "password": "p@ss word"}
    text = "postgres://${.user}:${.password | urlquery}@db"
    assert render(text, data, delims=("${", "}")) == "postgres://app:p%40ss+word@db"


def test_missing_key_option_that_is_none() -> None:
    with pytest.raises(TemplateError, match=r"^unrecognized option: missingkey=fail$"):
        render("", None, missingkey="fail")


def test_template_is_executed_often() -> None:
    """What an execution declares and writes is gone with it."""
    template = Template("{{$x := .}}{{$x}}", name="often")
    assert [template.execute(data) for data in ("a", "b", 1.5)] == [b"a", b"b", b"1.5"]


class TestFunctions:
    def test_given_win_over_builtin(self) -> None:
        assert (
            render("{{len 1 2}}{{and 0 2}}", None, functions={"len": lambda *_: 7, "and": lambda *_: "and"}) == "7and"
        )

    def test_those_of_sprig_are_only_there_by_default(self) -> None:
        with pytest.raises(TemplateError, match=r'^template: template:1: function "upper" not defined$'):
            render("{{upper .}}", "x", functions={})
        assert render("{{upper .}}", "x") == "X"

    def test_callable_gets_and_gives_values(self) -> None:
        seen: list[object] = []

        def note(*values: object) -> object:
            seen.extend(values)
            return {"a": ["é", Number("1.50")]}

        text = "{{(note `é` 1 .l nil).a}}{{printf `%T` (note).a}}"
        assert render(text, {"l": [None]}, functions={"note": note}) == "[é 1.50][]interface {}"
        assert seen == ["é", 1, [None], None]

    def test_callable_knows_python_alone(self) -> None:
        seen: list[object] = []
        render("{{note .}}", {"n": Number("1.50"), "l": ["a", 2.5, True]}, functions={"note": seen.append})
        assert seen == [{"n": "1.50", "l": ["a", 2.5, True]}]
        assert type(seen[0]["n"]) is Number  # type: ignore[index] # a dict, by the line above
        assert render("{{shout .}}", "ü", functions={"shout": lambda text: text.upper() + "!"}) == "Ü!"
        with pytest.raises(TemplateError, match=r"at <refuse 1>: error calling refuse: list index out of range$"):
            render("{{refuse 1}}", None, functions={"refuse": lambda number: [][number]})

    def test_function_with_signature(self) -> None:
        double = Function("double", "int, ...string -> int64", lambda number, *_: number * 2)
        assert render("{{double 4}}{{double 4 `x`}}", None, functions={"double": double}) == "88"
        with pytest.raises(TemplateError, match=r"wrong number of args for double: want at least 1 got 0$"):
            render("{{double}}", None, functions={"double": double})
        with pytest.raises(TemplateError, match=r"at <5>: expected string; found 5$"):
            render("{{double 1 5}}", None, functions={"double": double})

    def test_parameter_of_type_value_takes_nothing_too(self) -> None:
        """What is in an interface is taken out of it for a function that was given."""
        seen: list[object] = []
        note = Function("note", "reflect.Value -> interface {}", seen.append)
        text = "{{note .a}}{{note .null}}{{note .none}}{{note nil}}{{note 1}}"
        render(text, {"a": "x", "null": None}, functions={"note": note})
        assert seen == [b"x", None, None, None, 1]

    def test_error(self) -> None:
        def refuse(_: object) -> object:
            raise FunctionError("no such file")

        with pytest.raises(TemplateError) as caught:
            render("{{file .}}", "/secret", functions={"file": refuse})
        start = 'template: template:1:2: executing "template" at <file .>: error calling file: '
        assert str(caught.value) == start + "no such file"
        assert caught.value.shown == start + "(its words are left out here: they may quote a secret)"
        assert caught.value.__suppress_context__

    def test_set_without_contains(self) -> None:
        class Only:
            def get(self, name: str) -> Function | None:
                return Function(name, "-> string", lambda: b"here") if name == "only" else None

        assert render("{{only}}{{len only}}", None, functions=Only()) == "here4"
        with pytest.raises(TemplateError, match='function "other" not defined'):
            render("{{other}}", None, functions=Only())


SCRIPT = """
import sys
from vault_secrets_webhook.gotemplate import Number, render
render(sys.argv[1], {"user": "u", "list": [1.0], "port": Number("5432")}, delims=("${", "}"))
print(*(name.removeprefix("vault_secrets_webhook.gotemplate.") for name in sys.modules if "gotemplate." in name))
print(*(name for name in ("re", "json", "typing", "dataclasses", "enum", "collections", "functools") if name in sys.modules))
"""


def list_imports(template: str) -> tuple[set[str], str]:
    """The modules of the package that a template makes imported, and those that are too dear for any."""
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{SCRIPT}", template]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    own, dear = output.splitlines()
    return set(own.split()), dear


@pytest.mark.parametrize(
    ("template", "allowed"),
    [
        pytest.param("x ${.user}", set(), id="field"),
        pytest.param("${.port}", set(), id="number"),
        pytest.param("${if .none}${else}${range $i, $x := .list}${end}${end}", set(), id="control"),
        pytest.param("${if false}${upper .user}${end}", {"functions", "sprig"}, id="sprig-not-called"),
        pytest.param("${.user | urlquery}", {"call", "escape", "funcs", "functions", "sprig"}, id="urlquery"),
        pytest.param("${if len .user | not}${end}", {"call", "funcs", "functions", "sprig"}, id="len"),
        pytest.param(
            "${if eq .user `u`}${end}", {"call", "compare", "funcs", "functions", "sprig", "unquote"}, id="eq"
        ),
    ],
)
def test_imports_what_is_used(template: str, allowed: set[str]) -> None:
    own, dear = list_imports(template)
    assert own - PLAIN - {"unquote", "strconv"} <= allowed
    assert dear == ""
