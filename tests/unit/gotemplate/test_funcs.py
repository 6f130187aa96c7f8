"""Builtin functions where Sprig hides them from the oracle (`slice`), and where only types of functions show them."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate import TemplateError, render
from vault_secrets_webhook.gotemplate.funcs import FUNCTIONS, MODULES, find_builtin
from vault_secrets_webhook.gotemplate.functions import Function
from vault_secrets_webhook.gotemplate.values import MAP_OF_STRING, SLICE_OF_STRING, JsonNumber, Slice, Uint64, make_zero

DATA: dict[str, object] = {"s": "héllo", "l": [1.0, 2.0, 3.0], "null": None, "m": {}}


def make(signature: str, value: object) -> Function:
    return Function("it", signature, lambda: value)


# Asked of Go 1.26, of a template without Sprig.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{slice .s}}", "héllo"),
        ("{{slice .s 1}}", "éllo"),
        ("{{slice .s 1 3}}", "é"),
        ("{{slice .s 6 6}}", ""),
        ("{{slice .l 1}}", "[2 3]"),
        ("{{slice .l 1 2}}", "[2]"),
        ("{{slice .l 0 2 3}}", "[1 2]"),
        ("{{slice .l 3}}", "[]"),
    ],
)
def test_slice(text: str, expected: str) -> None:
    assert render(text, DATA, functions={}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{slice .null}}", "slice of untyped nil"),
        ("{{slice nil}}", "slice of untyped nil"),
        ("{{slice .s 1 2 3}}", "cannot 3-index slice a string"),
        ("{{slice .l 1 2 3 4}}", "too many slice indexes: 4"),
        ("{{slice .m 1}}", "can't slice item of type map[string]interface {}"),
        ("{{slice .l 2 1}}", "invalid slice index: 2 > 1"),
        ("{{slice .l 1 3 2}}", "invalid slice index: 3 > 2"),
        ("{{slice .l 9}}", "index out of range: 9"),
        ("{{slice .l -1}}", "index out of range: -1"),
        ("{{slice .l `a`}}", "cannot index slice/array with type string"),
        ("{{slice .l nil}}", "cannot index slice/array with nil"),
    ],
)
def test_slice_errors(text: str, expected: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text, DATA, functions={})
    assert str(caught.value).endswith(f">: error calling slice: {expected}")


def test_slice_keeps_types() -> None:
    functions = {
        "number": make("-> json.Number", JsonNumber(b"12345")),
        "strings": make("-> []string", Slice(SLICE_OF_STRING, [b"a", b"b"])),
    }
    text = (
        "{{with slice number 1 3}}{{.}} {{printf `%T` .}}{{end}} {{with slice strings 1}}{{.}} {{printf `%T` .}}{{end}}"
    )
    assert render(text, None, functions=functions) == "23 json.Number [b] []string"


@pytest.mark.parametrize(
    ("left", "right", "is_equal", "is_less"),
    [
        (2**63, 2**63, True, False),
        (2**63, 5, False, False),
        (5, 2**63, False, True),
        (2**64 - 1, -1, False, False),
        (-1, 2**64 - 1, False, True),
    ],
)
def test_signed_and_unsigned_compare_by_value(left: int, right: int, *, is_equal: bool, is_less: bool) -> None:
    functions = {
        name: make("-> uint64", Uint64(value)) if value >= 2**63 else make("-> int", value)
        for name, value in (("left", left), ("right", right))
    }
    text = "{{eq left right}} {{lt left right}} {{gt left right}} {{ge left right}}"
    expected = [is_equal, is_less, not is_equal and not is_less, not is_less]
    assert render(text, None, functions=functions) == " ".join(str(value).lower() for value in expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{eq it nil}} {{eq nil it}} {{ne it nil}} {{eq it it}}", "true true false true"),
        ("{{len it}}{{if it}}x{{end}}{{range it}}x{{else}}none{{end}}", "0none"),
        ("{{it.x}}|{{index it `x`}}", "<no value>|"),
        ("{{it}}", "map[]"),
    ],
)
def test_nil_map(text: str, expected: str) -> None:
    assert render(text, None, functions={"it": make("-> map[string]string", make_zero(MAP_OF_STRING))}) == expected


def test_missing_key_of_typed_map() -> None:
    functions = {"it": make("-> map[string]string", make_zero(MAP_OF_STRING))}
    assert render("{{it.x}}", None, functions=functions, missingkey="zero") == ""


def test_comparing_nan_as_go_does() -> None:
    nan = float("nan")
    text = "{{eq . .}}{{ne . .}}{{lt . 1.0}}{{le . 1.0}}{{gt . 1.0}}{{ge . 1.0}}"
    assert render(text, nan) == "falsetruefalsefalsetruetrue"


def test_every_builtin_is_found() -> None:
    for name in (*FUNCTIONS, *MODULES):
        found = find_builtin(name)
        assert found is not None
        assert found.name == name
    assert find_builtin("upper") is None
