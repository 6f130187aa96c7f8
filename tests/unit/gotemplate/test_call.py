"""Calls of functions and methods with signatures that Sprig has none of."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate import Number, Template, TemplateError, render
from vault_secrets_webhook.gotemplate.functions import Function, SignatureError
from vault_secrets_webhook.gotemplate.limits import Budget
from vault_secrets_webhook.gotemplate.values import INT32, Int32, Int64, Uint8, Uint64, define_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.gotemplate.values import Method, Type


def refuse(_: Machine) -> object:
    raise FunctionError("out of order")


def tell_signature(_: Machine) -> object:
    raise SignatureError("function Both has 3 return values; should be 1 or 2")


class Machine:
    """A struct with a field of each sort and methods with arguments."""

    go_type: ClassVar[Type] = define_type("test.Machine", "struct")
    go_fields: ClassVar[Mapping[str, object]] = {"Name": b"machine", "Parts": [b"wheel"]}
    go_hidden_fields = ("serial",)
    go_methods: ClassVar[Mapping[str, Method]] = {
        "Itself": ("-> test.Machine", lambda machine: machine),
        "Join": ("string, ...interface {} -> string", lambda _, first, *rest: first + b"%d" % len(rest)),
        "Spend": ("budget, int -> int", lambda budget, _, steps: budget.spend_steps(steps) or budget.steps),
        "Refuse": ("-> string", refuse),
        "Both": ("-> string", tell_signature),
    }


MACHINE = {"machine": Function("machine", "-> test.Machine", Machine)}


def take(signature: str) -> tuple[dict[str, Function], list[object]]:
    """A function that notes what it is given."""
    seen: list[object] = []
    return {"take": Function("take", f"{signature} -> interface {{}}", lambda *values: seen.extend(values))}, seen


@pytest.mark.parametrize(
    ("signature", "constant", "expected"),
    [
        ("int", "5", 5),
        ("int32", "'a'", Int32(97)),
        ("int64", "-5", Int64(-5)),
        ("uint8", "255", Uint8(255)),
        ("uint64", "18446744073709551615", Uint64(18446744073709551615)),
        ("float64", "1", 1.0),
        ("bool", "true", True),
        ("string", "`x`", b"x"),
        ("json.Number", "`1`", b"1"),
        ("interface {}", "1.0", 1.0),
        ("reflect.Value", "nil", None),
        ("[]string", "nil", []),
    ],
)
def test_constants_take_the_type_of_the_parameter(signature: str, constant: str, expected: object) -> None:
    functions, seen = take(signature)
    render(f"{{{{take {constant}}}}}", None, functions=functions)
    assert seen == [expected]
    assert type(seen[0]).__name__ == {"json.Number": "JsonNumber", "[]string": "Slice"}.get(
        signature, type(expected).__name__
    )


# The words are those of text/template, exec.go.
@pytest.mark.parametrize(
    ("signature", "argument", "expected"),
    [
        ("uint64", "-5", "<-5>: expected unsigned integer; found -5"),
        ("uint64", "`x`", "<`x`>: expected unsigned integer; found `x`"),
        ("int32", "1.5", "<1.5>: expected integer; found 1.5"),
        ("float64", "true", "<true>: expected float; found true"),
        ("bool", "1", "<1>: expected bool; found 1"),
        ("json.Number", "1", "<1>: expected string; found 1"),
        ("[]string", "1", "<1>: can't handle 1 for arg of type []string"),
        ("int", "nil", "<nil>: cannot assign nil to int"),
        ("json.Number", ".s", "<.s>: wrong type for value; expected json.Number; got string"),
        ("[]interface {}", ".null", "<.null>: wrong type for value; expected []interface {}; got interface {}"),
        ("uint8", "(index .s 0)", "<take (index .s 0)>: error calling take: taken"),
        ("int32", "(index .s 0)", "<0>: wrong type for value; expected int32; got uint8"),
    ],
)
def test_arguments_that_do_not_fit(signature: str, argument: str, expected: str) -> None:
    def refuse_it(_: object) -> object:
        raise FunctionError("taken")

    functions = {"take": Function("take", f"{signature} -> int", refuse_it)}
    with pytest.raises(TemplateError) as caught:
        render(f"{{{{take {argument}}}}}", {"s": "str", "null": None}, functions=functions)
    assert str(caught.value).endswith(f" at {expected}")


def test_number_fits_its_type() -> None:
    functions, seen = take("json.Number, ...json.Number")
    render("{{.n | take .n}}{{take .n}}", {"n": Number("1.50")}, functions=functions)
    assert seen == [b"1.50"] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{machine.Name}} {{index machine.Parts 0}}", "machine wheel"),
        ("{{machine.Itself.Itself.Name}}", "machine"),
        ("{{$m := machine}}{{$m.Join `a`}} {{$m.Join `a` 1 nil}} {{`a` | $m.Join}} {{1 | $m.Join `b`}}", "a0 a2 a0 b1"),
        ("{{(machine.Join `a` | printf `%T`)}}", "string"),
        ("{{with machine}}{{.Join `x`}}{{with .Itself}}{{.Name}}{{end}}{{end}}", "x0machine"),
        ("{{range list machine}}{{.Name}}{{.Join `y` .}}{{end}}", "machiney1"),
    ],
)
def test_members(text: str, expected: str) -> None:
    listing = Function("list", "...interface {} -> []interface {}", lambda *values: list(values))
    assert render(text, None, functions={**MACHINE, "list": listing}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{machine.Name 1}}", "<machine>: Name has arguments but cannot be invoked as function"),
        ("{{1 | machine.Name}}", "<machine>: Name has arguments but cannot be invoked as function"),
        ("{{machine.Name.x}}", "<machine>: can't evaluate field x in type string"),
        ("{{machine.serial}}", "<machine>: serial is an unexported field of struct type test.Machine"),
        ("{{machine.None}}", "<machine>: can't evaluate field None in type test.Machine"),
        ("{{machine.Join}}", "<machine>: wrong number of args for Join: want at least 1 got 0"),
        ("{{machine.Itself 1}}", "<machine>: wrong number of args for Itself: want 0 got 1"),
        ("{{machine.Join 1}}", "<1>: expected string; found 1"),
        ("{{machine.Refuse}}", "<machine.Refuse>: error calling Refuse: out of order"),
        ("{{machine.Both}}", "<machine>: function Both has 3 return values; should be 1 or 2"),
        ("{{range machine}}{{end}}", "<machine>: range can't iterate over {}"),
    ],
)
def test_members_that_cannot_be_had(text: str, expected: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text, None, functions=MACHINE)
    assert f" at {expected}" in str(caught.value).replace("{machine [wheel]}", "{}")


def test_method_is_given_the_budget() -> None:
    template = Template("{{$m := machine}}{{$m.Spend 50}}", functions=MACHINE)
    assert int(template.execute(None, Budget(100))) < 50
    with pytest.raises(
        TemplateError, match=r"at <\$m.Spend>: error calling Spend: the template takes more than 50 steps"
    ):
        template.execute(None, Budget(50))


def test_cost_of_a_function() -> None:
    template = Template("{{range 3}}{{dear}}{{end}}", functions={"dear": Function("dear", "-> int", lambda: 1, 1000)})
    assert template.execute(None, Budget(3100)) == b"111"
    with pytest.raises(TemplateError, match="error calling dear: the template takes more than 2900 steps"):
        template.execute(None, Budget(2900))


def test_value_that_is_passed_on_costs_no_memory() -> None:
    data = {"l": ["x" * 1000]}
    text = "{{range 100}}{{if index $.l 0 | and 1}}{{end}}{{end}}"
    assert Template(text).execute(data, Budget(memory=0)) == b""
    with pytest.raises(TemplateError, match="0 MiB of values"):
        Template("{{slice .l 0}}", functions={}).execute(data, Budget(memory=0))


def test_function_is_looked_up_once() -> None:
    class Counting:
        count = 0

        def __contains__(self, name: object) -> bool:
            return name == "it"

        def get(self, name: str) -> Function | None:
            self.count += 1
            return Function(name, "-> int", lambda: 1) if name == "it" else None

    functions = Counting()
    assert render("{{range 5}}{{it}}{{end}}", None, functions=functions) == "11111"
    assert functions.count == 1


def test_type_of_a_constant_is_that_of_the_parameter() -> None:
    """An int is no int32, and no value of one type is taken for another."""
    functions = {"take": Function("take", "int32 -> int32", lambda value: value)}
    assert render("{{printf `%T` (take 5)}}", None, functions=functions) == str(INT32)
